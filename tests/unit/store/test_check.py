"""Real damage is found, named, and mended the smallest way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from docsearch.records import OcrPage, PageId
from docsearch.store.check import Kind, check
from docsearch.store.index import Index
from docsearch.store.mend import mend
from docsearch.store.vectors import VectorTable
from tests.stored import add_document, add_pages, stored_page

PRINT = "abcdef"
PAGES = 30
"""Eight such documents are enough for the full-text index to be made."""


def filled(folder: Path, documents: Path) -> Index:
    """Eight documents with vectors; their files are there."""
    index = Index(folder)
    documents.mkdir(exist_ok=True)
    for number in range(8):
        path = documents / f"{number}.pdf"
        path.write_text("a file")
        add_document(
            index, path, [f"walrus {number}x{page} uniqueword{number}x{page}" for page in range(PAGES)]
        )
    index.sweep()
    for document in index.documents.live():
        pages = [PageId(document, page) for page in range(1, PAGES + 1)]
        table = index.vectors(PRINT, 4)
        table.append(table.as_rows(pages, np.eye(PAGES, 4, dtype=np.float32)))
        index.documents.embedded(document, PRINT)
    index.grown()
    index.compact()
    return index


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index and the documents it is made from."""
    base = tmp_path_factory.mktemp("whole")
    filled(base / "index", base / "documents").close()
    return base


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of that index to be damaged."""
    shutil.copytree(whole / "index", tmp_path / "index")
    return tmp_path / "index"


def kinds(index: Index) -> set[Kind]:
    return {finding.kind for finding in check(index).findings}


def run(sql: str) -> Callable[[Index], None]:
    def damage(index: Index) -> None:
        index.catalog.connection.execute("PRAGMA foreign_keys = OFF")
        index.catalog.connection.execute(sql)
        index.catalog.connection.execute("PRAGMA foreign_keys = ON")

    return damage


def delete_pages(index: Index) -> None:
    index.pages.table().delete("doc = 3 AND page IN (2, 5)")


def double_pages(index: Index) -> None:
    add_pages(index, 4, ["twice", "over"])


def too_many_pages(index: Index) -> None:
    index.pages.append(index.pages.as_rows([stored_page(index, 5, PAGES + 4, "beyond the end")]))


def delete_vectors(index: Index) -> None:
    index.vectors(PRINT, 4).table().delete("doc = 2")


def double_vectors(index: Index) -> None:
    table = index.vectors(PRINT, 4)
    table.append(table.as_rows([PageId(6, 1), PageId(6, 99)], np.eye(2, 4, dtype=np.float32)))


def lose_vector_table(index: Index) -> None:
    shutil.rmtree(index.tables_folder / f"vectors_{PRINT}.lance")


def lose_words(index: Index) -> None:
    index.recognised.put("pixels", "engine", OcrPage("text"))
    index.recognised.assign(1, 3, "pixels", "engine")
    index.catalog.connection.execute("UPDATE recognised SET words = x'00'")


def forget_pending(index: Index) -> None:
    index.pages.table().update(where="doc = 7 AND page = 2", values={"source": "pending"})


DAMAGES: list[tuple[Callable[[Index], None], Kind]] = [
    (delete_pages, Kind.PAGES_MISSING),
    (double_pages, Kind.PAGES_WRONG),
    (too_many_pages, Kind.PAGES_WRONG),
    (delete_vectors, Kind.VECTORS_WRONG),
    (double_vectors, Kind.VECTORS_WRONG),
    (lose_vector_table, Kind.VECTORS_WRONG),
    (lose_words, Kind.WORDS),
    (forget_pending, Kind.WAITING),
    (run("DELETE FROM names WHERE rowid = 2"), Kind.NAMES),
    (run("UPDATE names SET name = 'otherwise' WHERE rowid = 2"), Kind.NAMES),
    (run("INSERT INTO names (rowid, title, name, folder) VALUES (99, '', 'nobody', '')"), Kind.NAMES),
    (run("DELETE FROM leads WHERE rowid = 2"), Kind.LEADS),
    (run("UPDATE leads SET terms = 'otherwise' WHERE rowid = 2"), Kind.LEADS),
    (run("DELETE FROM vocabulary WHERE word = 'walrus'"), Kind.VOCABULARY),
    (run("UPDATE vocabulary SET pages = 1000000 WHERE word = 'walrus'"), Kind.VOCABULARY),
    (run("UPDATE files SET document = NULL WHERE id = 3"), Kind.FILES),
    (run("UPDATE files SET content = 'another' WHERE id = 3"), Kind.FILES),
    (run("INSERT INTO embedded VALUES (77, 'abcdef')"), Kind.ORPHANS),
    (run("DELETE FROM documents WHERE id = 3"), Kind.ORPHANS),
]


def test_an_index_that_is_whole(folder: Path) -> None:
    index = Index(folder)
    found = check(index)
    assert found.findings == []
    assert (found.documents, found.pages, found.vectors, found.strays) == (8, 8 * PAGES, 8 * PAGES, 0)
    index.close()


def test_rows_of_the_dead_are_no_damage(folder: Path) -> None:
    index = Index(folder)
    number = index.documents.begin("content", 10)
    add_pages(index, number, ["of an interrupted run"] * 3)
    found = check(index)
    assert (found.findings, found.strays) == ([], 3)
    index.close()


@pytest.mark.parametrize(("damage", "kind"), DAMAGES)
def test_damage_is_found_and_mended(folder: Path, damage: Callable[[Index], None], kind: Kind) -> None:
    index = Index(folder)
    damage(index)
    before = check(index).findings
    assert kind in {finding.kind for finding in before}

    for _ in range(2):
        list(mend(index, check(index).findings))
        index.sweep()
    assert kinds(index) == set()
    assert len(index.documents.live()) >= 7, "more was dropped than was broken"
    index.close()


def test_a_document_is_kept_as_it_is_while_its_file_is_away(folder: Path, whole: Path) -> None:
    index = Index(folder)
    [stored] = index.files.of_documents([3])[3]
    index.files.move(stored.path, whole / "elsewhere" / "3.pdf")
    delete_pages(index)
    [done] = [m for m in mend(index, check(index).findings) if m.kind is Kind.PAGES_MISSING]
    assert "kept as they are" in done.done
    assert not done.reads
    assert 3 in index.documents.live()
    index.close()


@pytest.mark.parametrize("how", ["remove", "truncate", "flip"])
@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("tables/pages.lance/data/*.lance", Kind.PAGE_TABLE),
        ("tables/pages.lance/_versions/*.manifest", Kind.PAGE_TABLE),
        ("tables/pages.lance/_indices/*/metadata.lance", Kind.TABLE_INDEX),
        ("tables/pages.lance/_indices/*/page_data.lance", Kind.TABLE_INDEX),
        (f"tables/vectors_{PRINT}.lance/data/*.lance", Kind.VECTOR_TABLE),
    ],
)
def test_broken_files_are_set_aside_or_made_anew(folder: Path, pattern: str, kind: Kind, how: str) -> None:
    for path in folder.glob(pattern):
        data = path.read_bytes()
        match how:
            case "remove":
                path.unlink()
            case "truncate":
                path.write_bytes(data[: len(data) // 2])
            case "flip":
                path.write_bytes(bytes(byte ^ 0xFF for byte in data))
    index = Index(folder)
    assert kind in kinds(index)

    for _ in range(2):
        list(mend(index, check(index).findings))
        index.sweep()
    assert kinds(index) == set()
    aside = list(folder.glob("aside-*/*.lance"))
    if kind is Kind.PAGE_TABLE:
        assert [path.name for path in aside] == ["pages.lance"]
        assert index.documents.live() == frozenset(), "documents without pages are not read again"
        assert [root for _, root, _ in index.files.roots()] != []
    elif kind is Kind.VECTOR_TABLE:
        assert [path.name for path in aside] == [f"vectors_{PRINT}.lance"]
        assert len(index.documents.waiting_for_vectors(PRINT)) == 8
    else:
        assert len(index.documents.live()) == 8
    index.close()


def test_another_analyzer_is_noticed(folder: Path) -> None:
    index = Index(folder)
    assert not index.outdated()
    index.catalog.set_fact("made by", "1 0123456789abcdef")
    assert index.outdated()
    assert kinds(index) == {Kind.OUTDATED}
    assert list(mend(index, check(index).findings)) == []
    index.close()


def test_a_vector_table_opens_without_its_dimensions(folder: Path) -> None:
    from docsearch.store.rows import vector_length

    assert vector_length(VectorTable(folder / "tables", PRINT, 0)) == 4
