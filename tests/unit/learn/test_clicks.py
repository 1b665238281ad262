"""What the click log says of pages, and how it is written and read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from docsearch.config import LearnSettings, SearchSettings
from docsearch.errors import UsageError
from docsearch.learn.clicks import ClickLog, as_values, examined, from_values, grades, relevance
from docsearch.records import Impression, LoggedSearch, PageId, Query
from docsearch.search.engine import Engine
from docsearch.store.index import Index
from tests.stored import add_document, file_state, root_of


def logged(*changes: dict[str, object]) -> LoggedSearch:
    """A search whose first hits have these properties, with five hits in all."""
    shown = [Impression(rank, f"{rank:02}", 1, Path(f"/papers/{rank}.pdf")) for rank in range(1, 6)]
    for place, change in enumerate(changes):
        shown[place] = replace(shown[place], **change)  # type: ignore[arg-type]
    return LoggedSearch("a" * 32, 100.0, "profit of Northwind", "screen", 0, tuple(shown))


@pytest.mark.parametrize(
    ("search", "said"),
    [
        (logged(), {}),
        (logged({"seen": True}, {"preview_seconds": 60.0}), {}),
        (logged({}, {"opened": 1}), {2: 1.0}),
        (logged({}, {"copied": 1}), {2: 1.0}),
        (logged({"opened": 1}, {}, {"opened": 1}), {1: 0.3, 3: 1.0}),
        (logged({"opened": 1, "preview_seconds": 30.0}, {}, {"opened": 1}), {1: 1.0, 3: 0.3}),
        (logged({"verdict": -1}, {"opened": 1}), {1: 0.0, 2: 1.0}),
        (logged({"verdict": -1, "opened": 1}), {1: 0.0}),
        (logged({"verdict": 1}, {"opened": 1}), {1: 2.0, 2: 1.0}),
    ],
)
def test_what_the_users_doing_says(search: LoggedSearch, said: dict[int, float]) -> None:
    assert relevance(search) == said


def test_what_was_looked_at_is_what_was_on_screen_and_all_above_a_click() -> None:
    assert examined(logged({"seen": True}, {"seen": True})) == {1, 2}
    assert examined(logged({}, {}, {"opened": 1})) == {1, 2, 3}
    assert examined(logged()) == frozenset()


def test_grades_are_for_what_was_chosen_or_refused() -> None:
    found = list(grades([logged({"opened": 1}, {"verdict": -1}, {"opened": 2}, {"verdict": 1})]))
    assert [(query, page.rank, grade) for query, page, grade in found] == [
        ("profit of Northwind", 1, 1),
        ("profit of Northwind", 2, 0),
        ("profit of Northwind", 3, 2),
        ("profit of Northwind", 4, 2),
    ]


def test_a_search_is_the_same_after_json() -> None:
    search = logged(
        {"seen": True, "focus_seconds": 0.25, "path": Path("/p/\udcff \x1b[1m.pdf")}, {"verdict": -1}
    )
    assert from_values(json.loads(json.dumps(as_values(search)))) == search


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"id": "a" * 32, "at": 1, "query": "q"},
        {"id": "../etc", "at": 1, "query": "q", "shown": []},
        {"id": "a" * 32, "at": "now", "query": "q", "shown": []},
        {"id": "a" * 32, "at": 1, "query": "q", "shown": ["page"]},
        {
            "id": "a" * 32,
            "at": 1,
            "query": "q",
            "shown": [{"rank": 1, "content": "c", "page": 1, "path_bytes": "zz"}],
        },
    ],
)
def test_other_values_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_values(values)


# -- against an index ------------------------------------------------------------------------------


@pytest.fixture
def log(index: Index) -> ClickLog:
    add_document(index, Path("/library/north.pdf"), ["profit of Northwind", "inventories"])
    add_document(index, Path("/library/south.pdf"), ["profit of Southwind"])
    return ClickLog(index, LearnSettings(), learned=lambda: 7)


def begun(log: ClickLog, words: str = "profit") -> LoggedSearch:
    result = Engine(log.index, SearchSettings()).search(Query(raw=words, text=words))
    search = log.begin(result, "screen")
    assert search is not None
    return search


def test_a_search_names_the_content_of_what_it_showed(log: ClickLog) -> None:
    search = begun(log)
    documents = log.index.documents.get(log.index.documents.live()).values()

    assert {i.content for i in search.impressions} == {document.content for document in documents}
    assert (search.query, search.front, search.learned) == ("profit", "screen", 7)
    assert [i.rank for i in search.impressions] == [1, 2]


def test_nothing_is_kept_when_logging_is_off(log: ClickLog) -> None:
    search = begun(log)
    silent = ClickLog(log.index, LearnSettings(log=False))
    result = Engine(log.index, SearchSettings()).search(Query(raw="profit", text="profit"))

    assert silent.begin(result, "cli") is None
    assert silent.put(search) is False
    assert list(log.index.clicks.all()) == []


def test_searches_by_picture_and_without_hits_are_not_kept(log: ClickLog) -> None:
    result = Engine(log.index, SearchSettings()).search(Query(raw="profit", text="profit"))

    assert log.begin(replace(result, query=Query(image=Path("photo.png"))), "cli") is None
    assert log.begin(replace(result, hits=()), "cli") is None


def test_marks_add_up(log: ClickLog) -> None:
    search = begun(log)
    log.put(search)

    assert log.mark(search.id, 2, opened=1)
    assert log.mark(search.id, 2, opened=1, copied=1)
    assert log.mark(search.id, 2, verdict=-1)
    assert not log.mark(search.id, 9, opened=1)
    assert not log.mark("0" * 32, 1, opened=1)

    stored = log.index.clicks.get(search.id)
    assert stored is not None
    page = stored.impressions[1]
    assert (page.opened, page.copied, page.verdict, page.seen) == (2, 1, -1, True)


def test_a_page_is_found_again_by_content_then_by_path(log: ClickLog) -> None:
    first, *_ = begun(log).impressions
    number = log.index.documents.by_content(first.content)
    assert number is not None
    assert log.page_of(first) == PageId(number.id, first.page)

    root = root_of(log.index)
    log.index.files.forget([first.path])
    log.index.files.put(root, file_state(Path("/library/moved.pdf"), first.content), number.id)
    assert log.page_of(first) == PageId(number.id, first.page)

    changed = replace(first, content="other content", path=Path("/library/moved.pdf"))
    assert log.page_of(changed) == PageId(number.id, first.page)
    assert log.page_of(replace(changed, page=99)) is None
    assert log.page_of(replace(changed, path=Path("/library/gone.pdf"))) is None


def test_a_search_is_named_by_how_its_id_begins(log: ClickLog) -> None:
    search = begun(log)
    log.put(search)

    assert log.find(search.id[:8]) == search.id
    with pytest.raises(UsageError, match="no logged searches"):
        log.find("xyz")
