from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from docsearch.errors import IndexDamaged, IndexUnusable, StorageFull
from docsearch.store.catalog import Catalog, Kind
from docsearch.store.index import Index
from tests.stored import add_document


def test_a_new_catalog_is_for_its_owner_only(tmp_path: Path) -> None:
    Index(tmp_path / "deep" / "index").close()
    assert stat.S_IMODE((tmp_path / "deep" / "index").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "deep" / "index" / "catalog.sqlite").stat().st_mode) == 0o600


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    first = Catalog(path)
    first.set_fact("colour", "blue")
    first.set_fact("colour", "green")
    first.close()
    second = Catalog(path)
    assert second.fact("colour") == "green"
    assert second.fact("size") is None
    second.close()


def test_many_may_open_a_new_catalog_at_once(tmp_path: Path) -> None:
    def open_and_ask(_: int) -> tuple[int, int, int]:
        index = Index(tmp_path / "index")
        try:
            return index.documents.totals()
        finally:
            index.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(open_and_ask, range(16))) == [(0, 0, 0)] * 16


def test_a_newer_catalog_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    Catalog(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 9999")
    with pytest.raises(IndexUnusable, match="newer") as caught:
        Catalog(path)
    assert not isinstance(caught.value, IndexDamaged)
    assert "update" in caught.value.hint


def test_a_file_that_is_no_catalog(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(b"This is not a database. " * 100)
    with pytest.raises(IndexDamaged, match="not a usable catalog"):
        Catalog(path)
    assert path.read_bytes().startswith(b"This is not")


def test_damage_inside_is_named_when_it_is_met(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    index = Index(folder)
    for number in range(12):
        add_document(index, Path(f"/library/{number}.pdf"), [f"word{number} " * 50])
    index.compact()
    index.close()
    catalog = folder / "catalog.sqlite"
    good = catalog.read_bytes()
    met = [damage_met(folder, good, page) for page in range(1, len(good) // 4096, 3)]
    assert sum(met) > len(met) / 5


def damage_met(folder: Path, good: bytes, page: int) -> bool:
    """Overwrites one page of the catalog and reads everything: either fine or `IndexDamaged`."""
    for leftover in folder.glob("catalog.sqlite-*"):
        leftover.unlink()
    damaged = good[: page * 4096] + b"\xff" * 4096 + good[(page + 1) * 4096 :]
    (folder / "catalog.sqlite").write_bytes(damaged)
    try:
        index = Index(folder)
        index.documents.totals()
        index.files.of_documents(index.documents.live())
        index.vocabulary.nearest("word")
        index.evidence.name_scores(["1"], 5)
        index.evidence.lead_scores(["word"], 5)
        index.close()
    except IndexDamaged:
        return True
    return False


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageFull, match="cannot make"):
        Index(tmp_path / "file" / "index")


def set_then_fail(catalog: Catalog, name: str) -> None:
    with catalog.transaction():
        catalog.set_fact(name, "1")
    assert catalog.fact(name) == "1"
    raise TypeError


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.sqlite")
    with pytest.raises(TypeError), catalog.transaction():
        set_then_fail(catalog, "a")
    assert catalog.fact("a") is None
    catalog.close()


def test_nested_transactions_go_with_the_outermost(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.sqlite")
    with pytest.raises(TypeError), catalog.transaction(), catalog.transaction():
        set_then_fail(catalog, "inner")
    assert catalog.fact("inner") is None
    with catalog.transaction():
        catalog.set_fact("outer", "1")
        with catalog.transaction():
            catalog.set_fact("inner", "2")
    assert (catalog.fact("outer"), catalog.fact("inner")) == ("1", "2")
    catalog.close()


def test_what_is_rolled_back_is_not_remembered(index: Index) -> None:
    number = add_document(index, Path("/library/a.pdf"), ["text"])

    def forget_then_fail() -> None:
        with index.catalog.transaction():
            index.files.forget([Path("/library/a.pdf")])
            assert index.documents.get([number]) == {}
            raise TypeError

    with pytest.raises(TypeError):
        forget_then_fail()
    assert list(index.documents.get([number])) == [number]


def test_what_is_remembered_of_the_index_outlives_a_click(index: Index, tmp_path: Path) -> None:
    made: list[str] = []

    def remembered(kind: Kind) -> None:
        index.catalog.remember("count", lambda: made.append(kind.name), kind)

    other = Catalog(index.catalog.path)
    remembered(Kind.INDEX)
    remembered(Kind.CLICKS)
    for catalog in (index.catalog, other):
        with catalog.transaction(Kind.CLICKS) as db:
            db.execute("INSERT INTO searches (id, at, query) VALUES (?, 0, '')", (str(id(catalog)),))
        remembered(Kind.INDEX)
        remembered(Kind.CLICKS)
    assert made == ["INDEX", "CLICKS", "CLICKS", "CLICKS"]

    other.set_fact("a", "1")
    remembered(Kind.INDEX)
    assert made[-1] == "INDEX"
    other.close()


def test_others_see_a_transaction_when_it_is_committed(tmp_path: Path) -> None:
    writer, reader = Catalog(tmp_path / "catalog.sqlite"), Catalog(tmp_path / "catalog.sqlite")
    with writer.transaction():
        writer.set_fact("a", "1")
        assert reader.fact("a") is None
    assert reader.fact("a") == "1"
    writer.close()
    reader.close()
