"""Searches and what was done with their results, in the catalog."""

from __future__ import annotations

import os
from pathlib import Path

from docsearch.records import Impression, LoggedSearch
from docsearch.store.carry import carry_all
from docsearch.store.catalog import Catalog
from docsearch.store.clicks import Clicks, add_clicks, carry_clicks
from docsearch.store.index import Index


def search(number: int, *, opened: int = 0, at: float | None = None, verdict: int = 0) -> LoggedSearch:
    shown = (
        Impression(1, "aa", 3, Path("/papers/a.pdf"), seen=True, focus_seconds=1.5),
        Impression(2, "bb", 1, Path(os.fsdecode(b"/papers/\xff.pdf")), opened=opened, verdict=verdict),
    )
    return LoggedSearch(f"{number:032x}", number if at is None else at, f"query {number}", "cli", 4, shown)


def test_a_search_comes_back_as_it_was_put(index: Index) -> None:
    index.clicks.put(search(1, opened=2))

    assert index.clicks.get(search(1).id) == search(1, opened=2)
    assert index.clicks.get("0" * 32) is None


def test_a_search_that_is_put_again_takes_its_own_place(index: Index) -> None:
    index.clicks.put(search(1))
    index.clicks.put(search(1, opened=1))

    assert list(index.clicks.all()) == [search(1, opened=1)]


def test_only_searches_of_which_something_was_chosen(index: Index) -> None:
    for logged in (search(1), search(2, opened=1), search(3, verdict=1), search(4, opened=1, verdict=-1)):
        index.clicks.put(logged)

    assert [found.at for found in index.clicks.all(chosen=True)] == [2, 3]
    assert [found.at for found in index.clicks.all(since=3)] == [3, 4]
    assert [found.at for found in index.clicks.latest(2)] == [4, 3]
    assert index.clicks.counts() == (4, 2)
    assert index.clicks.counts(since=3) == (2, 1)


def test_what_is_forgotten_is_gone_with_its_impressions(index: Index) -> None:
    for number in range(4):
        index.clicks.put(search(number, opened=1))

    assert index.clicks.forget([search(3).id, "f" * 32]) == 1
    assert index.clicks.forget_before(2) == 2
    assert list(index.clicks.all()) == [search(2, opened=1)]
    rows = index.catalog.connection.execute("SELECT count(*) FROM impressions").fetchone()
    assert rows == (2,)


def test_ids_are_found_by_how_they_begin(index: Index) -> None:
    index.clicks.put(search(0x10))
    index.clicks.put(search(0x20))

    assert index.clicks.beginning_with("0" * 30 + "1") == [search(0x10).id]
    assert len(index.clicks.beginning_with("0")) == 2
    assert index.clicks.beginning_with("%") == []


def test_a_new_catalog_takes_the_log_over(index: Index, tmp_path: Path) -> None:
    index.clicks.put(search(1, opened=1))
    new = Catalog(tmp_path / "new.sqlite")
    carry_all(index.catalog.path, new)

    assert list(Clicks(new).all()) == [search(1, opened=1)]

    index.clicks.put(search(2))
    index.clicks.forget([search(1).id])
    carry_clicks(index.catalog, new)

    assert list(Clicks(new).all()) == [search(2)]


def test_two_logs_are_joined(index: Index, tmp_path: Path) -> None:
    index.clicks.put(search(1, opened=1))
    other = Clicks(Catalog(tmp_path / "other.sqlite"))
    other.put(search(2))
    other.put(search(1, opened=3))
    add_clicks(index.catalog, other.catalog)

    assert list(other.all()) == [search(1, opened=3), search(2)]
