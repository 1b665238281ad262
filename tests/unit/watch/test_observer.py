"""What the operating system reports, and what is said when it cannot."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from docsearch.config import WatchSettings
from docsearch.watch.observer import CannotWatch, FolderObserver
from docsearch.watch.roots import POLL_SHARE, WatchedRoots

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the events are inotify's")

Heard = SimpleQueue[tuple[Path, bool]]


@pytest.fixture
def heard() -> Heard:
    """Paths, and whether they are folders', in the order they were reported."""
    return SimpleQueue()


@pytest.fixture
def lost() -> SimpleQueue[Path | None]:
    """Roots of which changes may have been lost."""
    return SimpleQueue()


@pytest.fixture
def observer(heard: Heard, lost: SimpleQueue[Path | None]) -> Iterator[FolderObserver]:
    made = FolderObserver(lambda _, path, is_folder: heard.put((path, is_folder)), lost.put)
    yield made
    made.close()


def next_of(heard: Heard, path: Path) -> bool:
    """Waits for a report of this path; whether it is a folder's."""
    while True:
        found, is_folder = heard.get(timeout=30)
        if found == path:
            return is_folder


def test_changes_are_reported_and_reading_is_none(
    observer: FolderObserver, heard: Heard, tmp_path: Path
) -> None:
    known = tmp_path / "known.txt"
    known.write_text("x")
    observer.watch(tmp_path)
    known.read_text()
    list(tmp_path.iterdir())
    (tmp_path / "new.txt").write_text("y")
    first, _ = heard.get(timeout=30)
    assert first == tmp_path / "new.txt", "reading was reported"
    (tmp_path / "folder").mkdir()
    assert next_of(heard, tmp_path / "folder")
    known.rename(tmp_path / "other.txt")
    assert not next_of(heard, known)
    assert not next_of(heard, tmp_path / "other.txt")


def test_a_file_is_watched_by_its_folder(observer: FolderObserver, heard: Heard, tmp_path: Path) -> None:
    file = tmp_path / "single.txt"
    file.write_text("x")
    observer.watch(file)
    file.write_text("y")
    assert not next_of(heard, file)


def test_files_of_one_folder_are_watched_each_for_itself(
    observer: FolderObserver, heard: Heard, tmp_path: Path
) -> None:
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    for file in (one, two):
        file.write_text("x")
        observer.watch(file)
    observer.watch(one)
    two.write_text("y")
    assert not next_of(heard, two)
    observer.forget(one)
    (tmp_path / "new").write_text("z")
    (tmp_path / "new").replace(two)
    assert not next_of(heard, two)


def test_a_folder_that_leaves_is_a_loss(
    observer: FolderObserver, lost: SimpleQueue[Path | None], tmp_path: Path
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "folder").mkdir(parents=True)
    outside.mkdir()
    observer.watch(root)
    (root / "folder").rename(outside / "folder")
    assert lost.get(timeout=30) == root


def test_a_queue_that_ran_over_is_a_loss_for_all(
    observer: FolderObserver, lost: SimpleQueue[Path | None]
) -> None:
    logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed; events were lost")
    assert lost.get(timeout=30) is None


def test_a_forgotten_root_is_silent_and_may_be_watched_again(
    observer: FolderObserver, heard: Heard, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    observer.watch(one)
    observer.watch(two)
    observer.forget(one)
    observer.forget(one)
    (one / "x.txt").write_text("x")
    (two / "y.txt").write_text("y")
    assert heard.get(timeout=30)[0] == two / "y.txt"
    observer.watch(one)
    observer.check_room(tmp_path)
    (one / "z.txt").write_text("z")
    assert not next_of(heard, one / "z.txt")


def test_what_is_not_there_cannot_be_watched(observer: FolderObserver, tmp_path: Path) -> None:
    with pytest.raises(CannotWatch, match="No such file"):
        observer.watch(tmp_path / "none" / "x")


LIMITED = """
import resource, sys
from pathlib import Path
from docsearch.watch.observer import CannotWatch, FolderObserver
observer = FolderObserver(lambda *_: None, print)
open_files = len(list(Path("/proc/self/fd").iterdir()))
resource.setrlimit(resource.RLIMIT_NOFILE, (open_files - 1, open_files - 1))
try:
    observer.watch(Path(sys.argv[1]))
except CannotWatch as error:
    print(error)
"""


def test_a_limit_of_the_system_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "the system's limit on watchers is reached" in done.stdout, done.stderr


class Full(FolderObserver):
    """For which the system has no room."""

    def watch(self, root: Path) -> None:
        raise CannotWatch(os.strerror(errno.ENOSPC))

    def forget(self, root: Path) -> None:
        return None


def test_a_root_that_cannot_be_watched_is_polled_with_the_reason(tmp_path: Path) -> None:
    said: list[dict[str, object]] = []
    observer = Full(lambda *_: None, lambda _: None)
    settings = WatchSettings(poll_seconds=10.0, sweep_minutes=60.0)
    roots = WatchedRoots(observer, settings, tmp_path, said.append)
    root = tmp_path / "root"
    root.mkdir()
    assert roots.update([root]) == ([root], [])
    assert roots.update([root]) == ([], [])
    roots.watch_anew(root)
    assert said == [{"event": "watching", "root": str(root), "polled": os.strerror(errno.ENOSPC)}]
    assert roots.polled() == {str(root): os.strerror(errno.ENOSPC)}
    roots.compared(root, now=100.0, seconds=0.1)
    assert (roots.due(109.9), roots.next_due(), roots.due(110.0)) == ([], 110.0, [root])
    assert roots.due(1e9) == [], "it was told already"
    roots.compared(root, now=100.0, seconds=2.0)
    assert roots.next_due() == 100.0 + 2.0 * POLL_SHARE
    root.rename(tmp_path / "away")
    assert roots.update([root]) == ([root], [])
    assert said[-1] == {"event": "offline", "root": str(root)}
    (tmp_path / "away").rename(root)
    assert roots.update([root]) == ([root], [])
    assert roots.update([]) == ([], [root])
    assert root not in roots
    observer.close()
