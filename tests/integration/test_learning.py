"""Learning from clicks, whole: users open pages, a round learns, search follows and goes back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from docsearch.config import LearnSettings, ModelSettings, OcrSettings, Settings
from docsearch.learn.fit import WEIGHTS_FROM
from docsearch.library import Library
from docsearch.records import LearningOutcome, LearningStep
from tests.clicking import click, fill, order, queries, wants_anything, wants_reports, wants_tables

SETTINGS = Settings(
    ocr=OcrSettings(engine="off"), models=ModelSettings(embedder="off"), learn=LearnSettings(memory=False)
)
FOR_REPORTS = {"text": 1.7, "document": 1.2, "passage": 1.5, "pairs": 0.0, "heading": 1.9, "figures": 1.0}
FOR_REPORTS |= {"meaning": 1.0}
SOME = queries()[::4]
OpenCopy = Callable[[], Library]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the index, never clicked in."""
    home = tmp_path_factory.mktemp("filled") / "home"
    with Library(home, SETTINGS) as library:
        fill(library.store)
    return home


@pytest.fixture
def open_copy(filled: Path, tmp_path: Path) -> Iterator[OpenCopy]:
    """Opens the library of this test; each call is another object over the same files."""
    home = tmp_path / "home"
    shutil.copytree(filled, home)
    opened: list[Library] = []

    def open_it() -> Library:
        opened.append(Library(home, SETTINGS))
        return opened[-1]

    yield open_it
    for library in opened:
        library.close()


@pytest.fixture
def library(open_copy: OpenCopy) -> Library:
    return open_copy()


def learned(library: Library, *, promote: bool = True, keep: bool = True) -> LearningOutcome:
    """A round to its end."""
    *steps, outcome = library.learning.learn(promote=promote, keep=keep)
    assert all(isinstance(step, LearningStep) and 0 <= step.done <= 1 for step in steps)
    assert isinstance(outcome, LearningOutcome)
    return outcome


def happened(library: Library) -> list[tuple[str, int]]:
    return [(event.what, event.state) for event in library.learning.states.history()]


def reports_first(library: Library) -> float:
    """For how many queries in other words a report stands first."""
    found = order(library, [f"the {query}" for query in SOME])
    return sum(pages[0][0].startswith("report") for pages in found) / len(found)


def files_of(library: Library) -> set[str]:
    folder = library.folders.learned
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_round_learns_search_follows_and_going_back_is_exact(open_copy: OpenCopy) -> None:
    library, other = open_copy(), open_copy()
    before = order(other, SOME)
    assert reports_first(other) == 0
    click(library, queries(), wants_reports)

    outcome = learned(library)
    assert outcome.verdict is not None
    figures = outcome.verdict.figures
    assert (outcome.state, outcome.live, outcome.queries, outcome.reasons) == (1, True, len(queries()), ())
    assert figures.after > figures.before + 0.2
    assert figures.surely > 0
    assert figures.guards > 10
    assert any("weights" in part for part in outcome.parts)

    assert reports_first(other) == 1, "another process follows at its next search"
    assert order(library, SOME) == order(other, SOME) != before
    [search] = click(other, queries()[:1], wants_reports)
    assert (search.learned, library.learning.status().live) == (1, 1)

    assert library.learning.go_back() == 0
    assert order(other, SOME) == order(library, SOME) == before
    assert happened(library) == [("learned", 1), ("accepted", 1), ("went back", 0)]


def test_clicks_at_random_are_refused_with_the_reasons(library: Library) -> None:
    before = order(library, SOME)
    click(library, queries(), wants_anything)
    outcome = learned(library)
    assert (outcome.state, outcome.live) == (0, False)
    assert "not surely better" in outcome.reasons[0]
    [event] = library.learning.states.history()
    assert (event.what, event.reasons) == ("refused", outcome.reasons)
    assert event.figures["queries"] == len(queries())
    assert order(library, SOME) == before
    assert not library.learning.status().waiting


def test_what_was_opened_once_is_remembered_by_all_and_can_be_switched_off(
    open_copy: OpenCopy,
) -> None:
    library = open_copy()
    [query] = asked = queries()[:1]
    [before] = order(library, asked)
    click(library, asked * 2, wants_reports)
    assert order(library, asked) == [before], "memory is off in these tests"

    settings = replace(SETTINGS, learn=LearnSettings(memory=True))
    home = library.folders.index.parent
    with Library(home, settings) as remembering, Library(home, settings) as other:
        [after] = order(remembering, [f"the {query}?"])
        assert after[0] == next(page for page in before if page[0].startswith("report"))
        other.clicks.index.clicks.forget_before(float("inf"))
        assert order(remembering, asked) == [before]


def test_too_few_clicks_are_said_to_be(library: Library) -> None:
    click(library, queries()[: WEIGHTS_FROM - 1], wants_reports)
    click(library, queries()[:1] * 3, wants_reports)
    outcome = learned(library)
    assert (outcome.verdict, outcome.state, outcome.queries) == (None, 0, WEIGHTS_FROM - 1)
    [reason] = outcome.reasons
    assert f"{WEIGHTS_FROM - 1} queries" in reason
    assert not library.folders.learned.exists()


def test_a_dry_run_keeps_nothing_but_the_guard_set(library: Library) -> None:
    click(library, queries(), wants_reports)
    outcome = learned(library, keep=False)
    assert outcome.verdict is not None
    assert outcome.verdict.accepted
    assert (outcome.state, outcome.live, outcome.reasons) == (0, False, ())
    assert files_of(library) == {"guard.jsonl"}
    assert reports_first(library) == 0


def test_what_waits_is_used_when_it_is_accepted(library: Library) -> None:
    click(library, queries(), wants_reports)
    outcome = learned(library, promote=False)
    assert (outcome.state, outcome.live) == (1, False)
    status = library.learning.status()
    assert (status.waiting, status.live, status.due) == (1, 0, False)
    assert status.figures["after"] > status.figures["before"]
    assert reports_first(library) == 0

    library.learning.accept(1)
    assert reports_first(library) == 1
    status = library.learning.status()
    assert (status.waiting, status.live, status.live_queries) == (0, 1, len(queries()))
    assert happened(library) == [("learned", 1), ("accepted", 1)]


def test_a_round_that_is_given_up_changes_nothing(library: Library) -> None:
    click(library, queries(), wants_reports)
    going_on = library.learning.learn()
    for _ in range(len(queries()) + 5):
        next(going_on)
    going_on.close()  # type: ignore[attr-defined]
    assert files_of(library) <= {"guard.jsonl"}


# -- states that are put there by hand -------------------------------------------------------------


def put(library: Library, signals: dict[str, float] = FOR_REPORTS) -> int:
    return library.learning.states.add(signals, 28, None, {}).number


def test_what_is_rejected_is_gone_and_the_next_one_waits_again(library: Library) -> None:
    number = put(library)
    assert library.learning.status().waiting == number
    library.learning.reject(number)
    assert library.learning.status().waiting == 0
    assert library.learning.states.numbers() == []

    again = put(library)
    assert library.learning.status().waiting == again > number
    library.learning.accept(again)
    assert reports_first(library) == 1


def test_it_goes_back_step_by_step(library: Library) -> None:
    for signals in (FOR_REPORTS, FOR_REPORTS | {"text": 2.0}):
        library.learning.accept(put(library, signals))
    assert [library.learning.go_back() for _ in range(3)] == [1, 0, 0]


def test_what_is_surely_worse_than_before_goes_back_by_itself(open_copy: OpenCopy) -> None:
    library, other = open_copy(), open_copy()
    before = order(other, SOME)
    library.learning.accept(put(library))
    assert reports_first(other) == 1
    click(other, queries(), wants_tables)

    figures = library.learning.watch()
    assert figures is not None
    assert (figures.queries, figures.before) == (len(queries()), 1.0)
    assert figures.after < 0.8
    assert figures.surely > 0
    assert order(other, SOME) == before
    assert happened(library) == [("accepted", 1), ("went back", 0)]
    [*_, event] = library.learning.states.history()
    assert event.reasons[0].startswith(f"worse on {len(queries())} queries")
    assert library.learning.watch() is None, "nothing learned is in use any more"


def test_what_is_better_stays_and_little_says_nothing(library: Library) -> None:
    assert library.learning.watch() is None
    library.learning.accept(put(library))
    click(library, queries()[:19], wants_tables)
    assert library.learning.watch() is None
    click(library, queries(2)[19:], wants_reports)
    figures = library.learning.watch()
    assert figures is not None
    assert figures.surely <= 0
    assert library.learning.status().live == 1


def test_a_state_that_broke_counts_as_nothing_learned(open_copy: OpenCopy) -> None:
    library = open_copy()
    before = order(library, SOME)
    library.learning.accept(put(library))
    (library.folders.learned / "000001" / "state.json").write_text('{"before"')
    fresh = open_copy()
    assert order(fresh, SOME) == before
    assert fresh.learning.status().live == 0
    assert fresh.learning.watch() is None
    assert fresh.learning.go_back() == 0
    fresh.learning.accept(put(fresh))
    assert reports_first(fresh) == 1


def test_weights_for_another_reranker_are_not_used(open_copy: OpenCopy) -> None:
    library = open_copy()
    before = order(library, SOME)
    library.learning.accept(put(library, {"some-model": 0.1}))
    assert order(open_copy(), SOME) == before


def test_a_round_is_due_when_enough_is_new(library: Library) -> None:
    click(library, queries()[:19], wants_anything)
    assert not library.learning.due()
    click(library, queries()[:1], wants_anything)
    assert not library.learning.due(), "the same query again is nothing new"
    click(library, queries()[19:20], wants_anything)
    assert library.learning.due()
    assert library.learning.status().due
