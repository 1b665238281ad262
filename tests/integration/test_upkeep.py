"""Verify, repair, rebuild, export and import over real files, with real damage."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest

from docsearch.errors import IndexBusy, UsageError
from docsearch.ingest.rebuild import rebuild
from docsearch.ingest.repair import repair
from docsearch.ingest.transfer import Imported, Move, import_index
from docsearch.ingest.verify import verify
from docsearch.library import Library
from docsearch.records import Failure, Progress
from docsearch.store import generation
from docsearch.store.archive import export_index
from docsearch.store.check import Finding, Kind
from docsearch.store.lock import writer_lock
from tests import documents
from tests.integration.conftest import OpenLibrary

T = TypeVar("T")


@pytest.fixture
def library(folder: Path, open_library: OpenLibrary) -> Library:
    """Three documents, indexed."""
    documents.text_pdf(folder / "lease.pdf", ["The tenant pays rent", "Pets are llamas only"], title="Lease")
    documents.text_pdf(folder / "plan.pdf", ["The harbour budget"])
    documents.text_file(folder / "notes.txt", "Zanzibar notes")
    opened = open_library()
    list(opened.index([folder]))
    return opened


def found(library: Library, words: str) -> set[tuple[str, int]]:
    return {(hit.path.name, hit.page.page) for hit in library.search(library.parse(words), 50).hits}


def kinds(library: Library, *, content: bool = False) -> dict[Kind, set[str]]:
    by_kind: dict[Kind, set[str]] = {}
    for finding in verify(library.store, content=content).findings:
        by_kind.setdefault(finding.kind, set()).add(finding.path.name if finding.path else "")
    return by_kind


def result(steps: Generator[object, None, T]) -> T:
    """What a generator returns at its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            returned: T = end.value
            return returned


def repaired(library: Library, *, content: bool = False) -> tuple[Finding, ...]:
    return result(repair(library.folders.index, library.settings, None, content=content))


def rebuilt(library: Library, *, drop_missing: bool = False) -> list[Progress | Failure]:
    return list(rebuild(library.store, library.settings, None, drop_missing=drop_missing))


def test_files_that_changed_are_told(folder: Path, library: Library) -> None:
    assert kinds(library, content=True) == {}
    documents.text_file(folder / "new.txt", "new")
    documents.text_pdf(folder / "plan.pdf", ["The harbour budget of next year"])
    (folder / "lease.pdf").unlink()
    assert kinds(library) == {Kind.NEW: {"new.txt"}, Kind.CHANGED: {"plan.pdf"}, Kind.GONE: {"lease.pdf"}}
    list(library.index())
    assert kinds(library) == {}


def test_files_of_a_drive_that_is_not_mounted_are_not_gone(folder: Path, library: Library) -> None:
    library.store.catalog.set_fact(f"mount point {os.fsencode(folder).hex()}", "yes")
    for path in folder.iterdir():
        path.unlink()
    assert kinds(library) == {}
    library.store.catalog.connection.execute("DELETE FROM facts WHERE name LIKE 'mount point %'")
    assert kinds(library) == {Kind.GONE: {"lease.pdf", "plan.pdf", "notes.txt"}}


def test_content_that_changed_under_the_same_time_is_read_again(folder: Path, library: Library) -> None:
    before = (folder / "notes.txt").stat()
    (folder / "notes.txt").write_text("Zanzibar voles")
    os.utime(folder / "notes.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert kinds(library) == {}
    assert kinds(library, content=True) == {Kind.SILENT: {"notes.txt"}}
    assert repaired(library, content=True) == ()
    assert found(library, "voles") == {("notes.txt", 1)}


def test_what_was_lost_is_read_again(library: Library) -> None:
    library.store.pages.table().delete("page = 2")
    assert found(library, "llamas") != {("lease.pdf", 2)}
    assert kinds(library) == {Kind.PAGES_MISSING: {"lease.pdf"}}
    assert repaired(library) == ()
    assert found(library, "llamas") == {("lease.pdf", 2)}


def test_a_broken_page_table_is_set_aside(library: Library) -> None:
    index = library.folders.index
    for path in index.glob("tables/pages.lance/data/*"):
        path.write_bytes(b"noise")
    assert repaired(library) == ()
    assert found(library, "llamas") == {("lease.pdf", 2)}
    assert [path.name for path in index.glob("aside-*/*")] == ["pages.lance"]


def test_a_broken_catalog_costs_no_root_that_can_be_read(library: Library, open_library: OpenLibrary) -> None:
    library.close()
    catalog = library.folders.index / "catalog.sqlite"
    catalog.write_bytes(catalog.read_bytes()[: 20 * 4096])
    again = open_library()
    assert repaired(again) == ()
    assert found(again, "llamas") <= {("lease.pdf", 2)}
    if again.roots():
        assert found(again, "llamas") == {("lease.pdf", 2)}
    assert kinds(again) == {}
    assert list(library.folders.index.glob("aside-*/catalog.sqlite")) != []


def test_a_rebuild_keeps_roots_and_another_process_follows(
    folder: Path, library: Library, open_library: OpenLibrary
) -> None:
    other = open_library()
    assert found(other, "llamas") == {("lease.pdf", 2)}
    steps = rebuild(library.store, library.settings, None)
    next(steps)
    assert found(other, "llamas") == {("lease.pdf", 2)}, "the old index is searched meanwhile"
    with pytest.raises(IndexBusy):
        list(other.index())
    list(steps)
    for opened in (library, other):
        assert found(opened, "llamas") == {("lease.pdf", 2)}
        assert [root.path for root in opened.roots()] == [folder]
        assert opened.store.catalog.path.parent.name == "generation-1"
    assert kinds(other) == {}
    assert not (library.folders.index / "tables").exists()
    rebuilt(other)
    assert sorted(path.name for path in library.folders.index.glob("generation-*")) == ["generation-2"]
    assert found(library, "zanzibar") == {("notes.txt", 1)}


def test_searches_go_on_while_the_index_is_replaced(library: Library) -> None:
    query = library.parse("pets llamas")
    [shown] = library.search(query).hits
    stream = library.stream(query)
    next(stream)
    process = start_rebuild(library)
    while process.poll() is None:
        assert {hit.path.name for hit in library.search(query).hits} == {"lease.pdf"}
        for result in library.stream(query):
            assert {hit.path.name for hit in result.hits} == {"lease.pdf"}
    assert process.returncode == 0
    assert library.find_page(shown.path, 2) != shown.page
    assert library.page_text(shown.page) == "", "a page on the screen is taken for another one"


def test_a_rebuild_that_was_stopped_goes_on(library: Library) -> None:
    steps = rebuild(library.store, library.settings, None)
    for event in steps:
        if isinstance(event, Progress) and event.tier == "text":
            break
    steps.close()  # type: ignore[attr-defined]
    [place] = generation.unfinished(library.folders.index)
    assert found(library, "llamas") == {("lease.pdf", 2)}
    assert verify(library.store).unfinished == (place,)
    rebuilt(library)
    assert generation.current(library.folders.index) == place
    assert kinds(library) == {}


def test_a_rebuild_makes_terms_anew(library: Library) -> None:
    library.store.catalog.set_fact("made by", "another version")
    assert library.status().outdated
    assert Kind.OUTDATED in kinds(library)
    rebuilt(library)
    assert not library.status().outdated
    assert kinds(library) == {}


def test_a_rebuild_does_without_a_root_only_when_told(folder: Path, library: Library) -> None:
    folder.rename(folder.with_name("unplugged"))
    with pytest.raises(UsageError, match="is not there"):
        rebuilt(library)
    assert found(library, "llamas") == {("lease.pdf", 2)}
    rebuilt(library, drop_missing=True)
    assert found(library, "llamas") == set()
    assert [(root.path, root.online) for root in library.roots()] == [(folder, False)]


def imported(library: Library, archive: Path, *moves: Move, replace: bool = False) -> Imported:
    return result(import_index(library.store, archive, library.settings, None, moves=moves, replace=replace))


def test_an_index_is_carried_to_a_folder_with_another_name(
    folder: Path, library: Library, open_library: OpenLibrary, tmp_path: Path
) -> None:
    export_index(library.store, tmp_path / "index.tar.gz")
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(folder, elsewhere, copy_function=shutil.copyfile)
    documents.text_pdf(elsewhere / "plan.pdf", ["The lighthouse budget"])
    other = open_library(home=tmp_path / "other")
    got = imported(other, tmp_path / "index.tar.gz", Move(folder, elsewhere))
    assert (got.documents, got.away, got.dropped) == (3, (), ())
    assert {hit.path for hit in other.search(other.parse("llamas")).hits} == {elsewhere / "lease.pdf"}

    read = [e for e in other.index() if isinstance(e, Progress) and e.tier == "text"]
    assert read[-1].files_total == 1, "files with the same content were read again"
    assert found(other, "lighthouse") == {("plan.pdf", 1)}
    assert kinds(other, content=True) == {}


def test_an_import_refuses_what_would_be_lost_or_makes_no_sense(
    folder: Path, library: Library, tmp_path: Path
) -> None:
    archive = tmp_path / "index.tar.gz"
    export_index(library.store, archive)
    with pytest.raises(UsageError, match="holds something already"):
        imported(library, archive)
    with pytest.raises(UsageError, match="no root of the archive"):
        imported(library, archive, Move(Path("/nowhere"), tmp_path), replace=True)
    archive.write_bytes(archive.read_bytes()[:2000])
    with pytest.raises(UsageError, match="not a usable"):
        imported(library, archive, replace=True)
    assert generation.unfinished(library.folders.index) == []
    assert found(library, "llamas") == {("lease.pdf", 2)}


def test_vectors_of_another_model_are_dropped(library: Library, tmp_path: Path) -> None:
    import numpy as np

    from docsearch.records import PageId

    [document, *_] = sorted(library.store.documents.live())
    pages = library.store.documents.get([document])[document].pages
    table = library.store.vectors("0123abcd", 4)
    ids = [PageId(document, page) for page in range(1, pages + 1)]
    table.append(table.as_rows(ids, np.eye(pages, 4, dtype=np.float32)))
    library.store.documents.embedded(document, "0123abcd")
    manifest = export_index(library.store, tmp_path / "index.tar.gz")
    assert [(model.fingerprint, model.dimensions) for model in manifest.models] == [("0123abcd", 4)]

    steps = import_index(library.store, tmp_path / "index.tar.gz", library.settings, "ffff", replace=True)
    got = result(steps)
    assert got.dropped == ("0123abcd",)
    assert got.waiting == got.pages == 4
    assert library.store.vector_tables() == []
    assert kinds(library) == {}


def test_nothing_is_checked_while_another_writes(library: Library) -> None:
    with writer_lock(library.folders.index), pytest.raises(IndexBusy):
        verify(library.store)


REBUILD = """
import sys
from pathlib import Path
from docsearch.config import IndexSettings, ModelSettings, OcrSettings, Settings
from docsearch.ingest.rebuild import rebuild
from docsearch.library import Library

settings = Settings(
    index=IndexSettings(workers=1), ocr=OcrSettings(engine="off"), models=ModelSettings(embedder="off")
)
with Library(Path(sys.argv[1]), settings) as library:
    for event in rebuild(library.store, settings, None):
        print(event, flush=True)
"""


def start_rebuild(library: Library) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", REBUILD, str(library.folders.index.parent)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, start_new_session=True)


@pytest.mark.parametrize("events", [1, 4])
def test_a_killed_rebuild_leaves_the_old_index(library: Library, events: int) -> None:
    with start_rebuild(library) as process:
        assert process.stdout is not None
        for _ in range(events):
            process.stdout.readline()
        os.killpg(process.pid, signal.SIGKILL)
    assert found(library, "llamas") == {("lease.pdf", 2)}
    rebuilt(library)
    assert found(library, "llamas") == {("lease.pdf", 2)}
    assert kinds(library) == {}
