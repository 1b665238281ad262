"""How an index stays small and fast while single documents change again and again."""

from __future__ import annotations

import time
from pathlib import Path

from docsearch.records import PageId, TextSource
from docsearch.store.files import FileState
from docsearch.store.index import Index
from docsearch.store.pages import StoredPage


def save(index: Index, version: int) -> None:
    """One update of one document, as the text tier makes it."""
    content = f"content {version}"
    number = index.documents.begin(content, 10)
    text = " ".join(f"word{version}x{place}" for place in range(300))
    index.grown()
    index.pages.append(index.pages.as_rows([StoredPage(PageId(number, 1), text, text, TextSource.LAYER)]))
    with index.catalog.transaction():
        index.documents.commit(number, kind="text", title="", pages=1, waiting=())
        index.evidence.put_lead(number, [text])
        index.files.put(1, FileState(Path("/root/file.txt"), 10, version, content), number)


def test_much_writing_asks_for_upkeep_and_upkeep_ends_that(index: Index) -> None:
    index.files.add_root(Path("/root"))
    version = 0
    while not index.needs_upkeep():
        save(index, version)
        version += 1
    assert version > 1
    index.sweep()
    assert index.pages.documents() == set(index.documents.live())
    index.compact()
    assert not index.needs_upkeep()


def test_the_size_does_not_follow_the_number_of_updates(index: Index) -> None:
    index.files.add_root(Path("/root"))
    save(index, 0)
    index.compact()
    small = index.size_bytes()
    for version in range(1, 101):
        save(index, version)
    assert index.size_bytes() > 4 * small
    index.sweep()
    index.compact(keep_seconds=3600)
    index.compact()
    index.compact()
    assert index.size_bytes() < 2 * small
    [document] = index.documents.live()
    assert index.pages.texts([PageId(document, 1)])[PageId(document, 1)][0].startswith("word100x0")


def test_versions_that_searches_may_read_are_kept_until_the_next_call(index: Index) -> None:
    index.files.add_root(Path("/root"))
    for version in range(3):
        save(index, version)
    index.compact(keep_seconds=3600)
    versions = index.pages.folder / "pages.lance" / "_versions"
    kept = len(list(versions.glob("*.manifest")))
    index.compact()
    assert len(list(versions.glob("*.manifest"))) < kept


def test_compacting_a_large_index_takes_a_small_part_of_the_time(index: Index) -> None:
    assert index.is_rested()
    index.catalog.set_fact("last compaction", "99999999999.00 30.00")
    index.grown()
    assert index.is_rested(), "a clock that was put back is no reason to wait"
    index.catalog.set_fact("last compaction", f"{time.time():.2f} 3600.00")
    assert not index.is_rested()
    for _ in range(1_000):
        index.grown()
    assert not index.needs_upkeep(), "what would not be done is not asked for"


def test_another_process_sees_new_pages_and_a_new_revision(index: Index) -> None:
    index.files.add_root(Path("/root"))
    reader = Index(index.folder)
    try:
        empty = reader.documents.revision()
        assert reader.documents.revision() == empty
        save(index, 1)
        first = reader.documents.revision()
        assert first != empty
        assert reader.pages.texts([PageId(max(reader.documents.live()), 1)])
        save(index, 2)
        assert reader.documents.revision() not in (empty, first)
    finally:
        reader.close()
