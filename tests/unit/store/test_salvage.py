from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from docsearch.records import OcrPage
from docsearch.store.check import Kind, check
from docsearch.store.index import Index
from docsearch.store.mend import mend, open_or_salvage
from docsearch.store.salvage import salvage
from tests.stored import add_document

DOCUMENTS = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index of many documents, with a little of what OCR has read."""
    index = Index(tmp_path / "index")
    (tmp_path / "documents").mkdir()
    for number in range(DOCUMENTS):
        path = tmp_path / "documents" / f"{number}.pdf"
        path.write_text("a file")
        add_document(index, path, [f"walrus {number} " + "words to fill the catalog " * 20])
        index.recognised.put(f"pixels {number}", "engine", OcrPage("recognised " * 100))
    index.sweep()
    index.grown()
    index.compact()
    index.close()
    return tmp_path / "index"


def spoil(catalog: Path, page: int) -> None:
    """Overwrites one page of the catalog with noise."""
    data = bytearray(catalog.read_bytes())
    data[page * 4096 : (page + 1) * 4096] = random.Random(page).randbytes(4096)
    catalog.write_bytes(data)


def pages_of(catalog: Path, table: str) -> list[int]:
    """Where a table lies in the file, the root of its tree first; numbers from 0."""
    with sqlite3.connect(catalog) as db:
        rows = db.execute("SELECT pageno - 1 FROM dbstat WHERE name = ? ORDER BY path", (table,))
        return [row[0] for row in rows]


@pytest.mark.parametrize(
    "table", ["files", "documents", "recognised", "vocabulary", "leads_content", "names_data"]
)
def test_what_can_be_read_is_saved_and_the_rest_mended(folder: Path, table: str) -> None:
    catalog = folder / "catalog.sqlite"
    [*_, last] = pages_of(catalog, table)
    spoil(catalog, last)

    index, saved = open_or_salvage(folder)
    if saved is None:
        assert {finding.kind for finding in check(index).findings} == {Kind.CATALOG}
        saved = salvage(folder)
        assert index.follow(), "an open index goes on with the broken catalog"
    assert (saved.aside / "catalog.sqlite").exists()
    assert saved.rows["roots"] == 1
    assert saved.rows["recognised"] >= DOCUMENTS / 2
    for _ in range(3):
        list(mend(index, check(index).findings))
        index.sweep()
    assert check(index).findings == []
    assert check(index).strays == 0
    if table not in ("files", "documents"):
        assert len(index.documents.live()) == DOCUMENTS
    index.close()


def test_a_catalog_of_noise_starts_afresh_and_reuses_no_number(folder: Path) -> None:
    catalog = folder / "catalog.sqlite"
    catalog.write_bytes(random.Random(1).randbytes(50_000))
    index, saved = open_or_salvage(folder)
    assert saved is not None
    assert sum(saved.rows.values()) == 0
    assert (saved.aside / "catalog.sqlite").stat().st_size == 50_000
    index.sweep()
    assert index.pages.rows() == 0, "rows of lost documents stay"
    assert index.documents.begin("content", 1) > DOCUMENTS
    index.close()


def test_a_lost_catalog_leaves_no_rows_to_new_documents(folder: Path) -> None:
    for path in folder.glob("catalog.sqlite*"):
        path.unlink()
    index = Index(folder)
    add_document(index, Path("/library/new.pdf"), ["the only page"])
    index.sweep()
    assert check(index).findings == []
    assert index.pages.rows() == 1
    index.close()
