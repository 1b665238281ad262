"""A real watcher over real files: the index follows what happens to them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from docsearch.errors import IndexBusy
from docsearch.library import Library
from docsearch.store.lock import writer_lock
from tests.documents import text_file, text_pdf
from tests.watching import SETTINGS, known, until, watching

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the events are inotify's")


@pytest.fixture
def library(home: Path) -> Iterator[Library]:
    """The library that the watcher keeps current, as another process sees it."""
    home.mkdir()
    (home / "settings.toml").write_text(SETTINGS)
    with Library(home) as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path, library: Library) -> Path:
    """An empty folder that is a root."""
    folder = tmp_path / "documents"
    folder.mkdir()
    library.store.files.add_root(folder)
    return folder


@pytest.fixture
def hits(library: Library) -> Callable[[str], list[str]]:
    """Names of the files that a query finds, asked of one library that stays open all the time."""

    def find(words: str) -> list[str]:
        return [hit.path.name for hit in library.search(library.parse(words)).hits]

    return find


def test_what_happens_to_files_happens_to_results(
    home: Path, root: Path, library: Library, hits: Callable[[str], list[str]]
) -> None:
    text_file(root / "early.txt", "written before anything watched")
    with watching(home) as watcher:
        until(lambda: hits("watched") == ["early.txt"], "the comparison at the start")

        text_pdf(root / "lease.pdf", ["The tenant pays the rent"])
        until(lambda: hits("tenant") == ["lease.pdf"], "a new file")
        document = library.store.files.document_of(root / "lease.pdf")

        (root / "lease.pdf").rename(root / "contract.pdf")
        until(lambda: hits("tenant") == ["contract.pdf"], "a rename")
        assert library.store.files.document_of(root / "contract.pdf") == document, "it was read again"

        text_file(root / ".early.txt.tmp", "replaced as editors do")
        (root / ".early.txt.tmp").replace(root / "early.txt")
        until(lambda: hits("editors") == ["early.txt"], "an atomic save")
        assert hits("watched") == []

        (root / "contract.pdf").unlink()
        until(lambda: hits("tenant") == [], "a deletion")
        until(watcher.at_rest)
    assert watcher.process.returncode == 0
    assert watcher.events("stopped")
    assert library.watcher() is None


def test_folders_come_move_and_go(home: Path, root: Path, library: Library, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "deep" / "er").mkdir(parents=True)
    text_file(outside / "deep" / "1.txt", "one")
    text_file(outside / "deep" / "er" / "2.txt", "two")
    with watching(home) as watcher:
        until(watcher.at_rest)
        shutil.move(outside / "deep", root / "in")
        until(lambda: known(library, root) == {"in/1.txt", "in/er/2.txt"}, "a folder moved in")
        (root / "in").rename(root / "other")
        until(lambda: known(library, root) == {"other/1.txt", "other/er/2.txt"}, "a folder moved")
        text_file(root / "other" / "er" / "3.txt", "three")
        until(lambda: "other/er/3.txt" in known(library, root), "a file in a moved folder")
        shutil.move(root / "other" / "er", outside / "er")
        until(lambda: known(library, root) == {"other/1.txt"}, "a folder moved out")
        (root / "a" / "b" / "c").mkdir(parents=True)
        text_file(root / "a" / "b" / "c" / "4.txt", "four")
        until(lambda: "a/b/c/4.txt" in known(library, root), "a file in new folders")
        until(watcher.at_rest)
        assert sum(message["read"] for message in watcher.events("updated")) == 4


def test_unfinished_files_are_not_touched(home: Path, root: Path, library: Library) -> None:
    with watching(home) as watcher:
        until(watcher.at_rest)
        rounds = len(watcher.events("updating"))
        for name in ("a.pdf.part", "b.crdownload", "~$c.docx", ".d.txt.swp", "e.tmp"):
            text_file(root / name, "half")
        (root / ".git").mkdir()
        text_file(root / ".git" / "x.txt", "hidden")
        text_file(root / "whole.txt", "whole")
        until(lambda: known(library, root) == {"whole.txt"})
        until(watcher.at_rest)
        assert [message["paths"] for message in watcher.events("updating")[rounds:]] == [1]
        (root / "a.pdf.part").rename(root / "a.txt")
        until(lambda: known(library, root) == {"whole.txt", "a.txt"}, "a finished download")


def test_a_root_that_goes_is_offline_and_comes_back(
    home: Path, root: Path, library: Library, hits: Callable[[str], list[str]]
) -> None:
    text_file(root / "x.txt", "llamas")
    with watching(home) as watcher:
        until(lambda: hits("llamas"))
        root.rename(root.with_name("away"))
        until(lambda: [found.online for found in library.roots()] == [False], "going offline")
        assert hits("llamas") == ["x.txt"]
        root.with_name("away").rename(root)
        until(lambda: [found.online for found in library.roots()] == [True], "coming back")
        text_file(root / "y.txt", "alpacas")
        until(lambda: hits("alpacas") == ["y.txt"], "a change after it came back")
        assert watcher.events("offline")


def test_roots_are_added_and_removed_while_it_watches(
    home: Path, root: Path, library: Library, hits: Callable[[str], list[str]], tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    text_file(second / "x.txt", "llamas")
    with watching(home) as watcher:
        until(watcher.at_rest)
        with writer_lock(library.folders.index):
            with pytest.raises(IndexBusy):
                list(library.index([second]))
            assert library.hand_over([second])
        until(lambda: hits("llamas") == ["x.txt"], "the new root")
        with writer_lock(library.folders.index):
            assert library.remove(second) == 1
        assert hits("llamas") == []
        until(lambda: watcher.events("forgotten"), "the end of a root")


def test_there_is_one_watcher_and_a_dead_one_is_no_obstacle(home: Path, root: Path, library: Library) -> None:
    with watching(home) as watcher:
        until(watcher.at_rest)
        state = library.watcher()
        assert state is not None
        assert state.process == watcher.process.pid
        second = subprocess.run(
            [sys.executable, "-m", "docsearch", "--home", str(home), "watch"],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert (second.returncode, str(watcher.process.pid) in second.stderr) == (4, True)
        workers = psutil.Process(watcher.process.pid).children()
        watcher.process.kill()
        watcher.process.wait()
        assert library.watcher() is None
        until(lambda: not any(worker.is_running() for worker in workers), "the end of its processes")
    with watching(home) as watcher:
        until(watcher.at_rest)


def test_an_updater_that_is_killed_is_replaced(
    home: Path, root: Path, library: Library, hits: Callable[[str], list[str]]
) -> None:
    with watching(home) as watcher:
        until(watcher.at_rest)
        for worker in psutil.Process(watcher.process.pid).children():
            worker.send_signal(signal.SIGKILL)
        until(lambda: watcher.events("crashed"), "word of the crash")
        text_file(root / "x.txt", "llamas")
        until(lambda: hits("llamas") == ["x.txt"], "a change after the crash")


def test_the_index_may_lie_in_a_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "everything"
    root.mkdir()
    home = root / "docsearch"
    home.mkdir()
    (home / "settings.toml").write_text(SETTINGS)
    with Library(home) as library:
        library.store.files.add_root(root)
        with watching(home) as watcher:
            until(watcher.at_rest)
            text_file(root / "x.txt", "llamas")
            until(lambda: known(library, root) == {"x.txt"})
            until(watcher.at_rest)
            rounds = len(watcher.events("updating"))
            text_file(root / "y.txt", "alpacas")
            until(lambda: known(library, root) == {"x.txt", "y.txt"})
            until(watcher.at_rest)
            assert len(watcher.events("updating")) == rounds + 1, "it watched itself"


def test_a_watcher_that_is_attached_ends_with_what_started_it(home: Path, root: Path) -> None:
    with watching(home, "--attached") as watcher:
        until(watcher.at_rest)
        assert watcher.process.stdin is not None
        watcher.process.stdin.close()
        assert watcher.process.wait(60) == 0


def test_a_rebuilt_index_is_followed(
    home: Path, root: Path, library: Library, hits: Callable[[str], list[str]]
) -> None:
    """What was put in the place of the index is kept current from then on."""
    text_file(root / "x.txt", "llamas")
    with watching(home) as watcher:
        until(lambda: hits("llamas"))
        until(watcher.at_rest)
        done = subprocess.run(
            [sys.executable, "-m", "docsearch", "--home", str(home), "rebuild"],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        if done.returncode == 2 and "No such command" in done.stderr:
            pytest.skip("there is no rebuild")
        assert done.returncode == 0, done.stderr
        text_file(root / "y.txt", "alpacas")
        until(lambda: hits("alpacas") == ["y.txt"], "a change after the rebuild")
        assert hits("llamas") == ["x.txt"]


def test_text_is_read_while_scans_wait(home: Path, root: Path, library: Library) -> None:
    """Heavy work is done by a process of its own, and says when it is done."""
    from tests.documents import image_of_text

    settings = SETTINGS.replace('engine = "off"', 'engine = "rapidocr"')
    image_of_text(root / "scan.png", "Receipt 4711\nCoffee and cake")
    with watching(home, settings=settings) as watcher:
        until(lambda: not library.store.documents.waiting_for_ocr() and known(library, root), "OCR")
        until(lambda: watcher.events("complete"), "the end of heavy work")
        query = library.parse("coffee")
        assert [hit.path.name for hit in library.search(query).hits] == ["scan.png"]


def test_heavy_work_that_fails_is_told(home: Path, root: Path, library: Library) -> None:
    def trouble() -> str:
        state = library.watcher()
        return state.trouble if state else ""

    settings = SETTINGS.replace('embedder = "off"', 'embedder = "none-such"')
    text_file(root / "x.txt", "llamas")
    with watching(home, settings=settings) as watcher:
        until(lambda: "scans and vectors ended with code" in trouble(), "word of the failure")
        assert not watcher.events("complete")
        assert known(library, root) == {"x.txt"}


def test_heavy_work_can_be_left_out(home: Path, root: Path, library: Library) -> None:
    from tests.documents import image_of_text

    settings = SETTINGS.replace('engine = "off"', 'engine = "rapidocr"') + "background = false\n"
    image_of_text(root / "scan.png", "Receipt 4711")
    with watching(home, settings=settings) as watcher:
        until(lambda: known(library, root) == {"scan.png"})
        text_file(root / "x.txt", "llamas")
        until(lambda: known(library, root) == {"scan.png", "x.txt"})
        assert not [message for message in watcher.events("progress") if message["tier"] == "ocr"]
    assert library.store.documents.waiting_for_ocr()
