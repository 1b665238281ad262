"""`docsearch learn`: what it says, what it returns, and what it leaves behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from docsearch.config import ModelSettings, OcrSettings, Settings
from docsearch.learn.state import States
from docsearch.library import Library
from docsearch.records import LearningEvent
from tests.cli.conftest import SETTINGS, Run
from tests.clicking import Choice, click, fill, queries, wants_anything, wants_reports, wants_tables

LIBRARY = Settings(ocr=OcrSettings(engine="off"), models=ModelSettings(embedder="off"))
FOR_REPORTS = {"text": 1.7, "document": 1.2, "meaning": 1.0, "passage": 1.5, "pairs": 0.0, "heading": 1.9}
FOR_REPORTS |= {"figures": 1.0}
Clicked = Callable[[Choice, Sequence[str]], None]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index, never clicked in."""
    home = tmp_path_factory.mktemp("filled") / "home"
    with Library(home, LIBRARY) as library:
        fill(library.store)
    return home / "index"


@pytest.fixture
def learn(run: Run, home: Path, filled: Path) -> Run:
    """Runs `docsearch learn` over the filled index; pages that were opened are not remembered as such."""
    shutil.copytree(filled, home / "index")
    (home / "settings.toml").write_text(f"{SETTINGS}\n[learn]\nmemory = false\n")
    return lambda *arguments: run("learn", *arguments)


@pytest.fixture
def clicked(learn: Run, home: Path) -> Clicked:
    """Asks queries and opens a page of each."""

    def click_them(choice: Choice, asked: Sequence[str]) -> None:
        with Library(home) as library:
            assert len(click(library, asked, choice)) == len(asked)

    return click_them


@pytest.fixture
def states(home: Path) -> States:
    return States(home / "learned")


def waiting(states: States) -> int:
    """A state that waits to be accepted."""
    number = states.add(FOR_REPORTS, 28, None, {"before": 0.6, "after": 0.9}).number
    states.note(LearningEvent(1e9, "learned", number, (), {"before": 0.6, "after": 0.9}))
    return number


def test_it_learns_says_so_and_goes_back(learn: Run, clicked: Clicked, run: Run, states: States) -> None:
    clicked(wants_reports, queries())
    [query] = queries()[:1]
    before = run("search", query, "--json").out
    done = learn()
    assert done.code == 0
    assert "learned from 28 queries: weights: " in done.err
    assert "your queries   nDCG@10 0.6" in done.out
    assert "-> 1.000  (28 queries, gain surely more than +0." in done.out
    assert "known pages    nDCG@10 1.000 -> 1.000" in done.out
    assert "time a query" in done.out
    assert "In use from the next search on" in done.err
    assert "asking your queries again" in done.err

    assert states.live() == 1
    assert "report" in run("search", query).out.splitlines()[0]
    status = learn("status")
    assert "in use     state 1" in status.out
    assert "from 28 queries" in status.out
    assert "weights: " in status.out

    back = learn("rollback")
    assert (back.code, "nothing learned is in use" in back.err) == (0, True)
    strip = ("seconds", "score")
    assert _without(run("search", query, "--json").out, strip) == _without(before, strip)
    assert "in use     nothing learned" in learn("status").out
    again = learn("rollback")
    assert (again.code, "nothing learned is in use" in again.err) == (2, True)

    told = learn("history").out
    places = [told.index(word) for word in ("learned state 1", "accepted state 1", "went back")]
    assert places == sorted(places)


def _without(text: str, names: tuple[str, ...]) -> object:
    values = [json.loads(line) for line in text.splitlines()]
    return [{k: v for k, v in value.items() if k not in names} for value in values if isinstance(value, dict)]


def test_what_is_refused_says_why_and_fails(learn: Run, clicked: Clicked, states: States) -> None:
    clicked(wants_anything, queries())
    done = learn("--json")
    assert done.code == 1
    *steps, last = [json.loads(line) for line in done.out.splitlines()]
    assert {step["event"] for step in steps} == {"progress"}
    assert [step["done"] for step in steps if step["what"] == "asking your queries again"][-1] == 1.0
    assert (last["event"], last["state"], last["live"], last["queries"]) == ("done", 0, False, 28)
    assert "not surely better" in last["reasons"][0]
    assert (last["figures"]["queries"], last["went_back"]) == (28, [])
    [event] = learn("history", "--json").json
    assert (event["what"], event["reasons"]) == ("refused", last["reasons"])
    assert "not surely better" in learn("history").out
    assert states.numbers() == []


def test_too_few_clicks(learn: Run, clicked: Clicked) -> None:
    clicked(wants_reports, queries()[:3])
    done = learn()
    assert (done.code, done.out) == (1, "")
    assert "3 queries with a chosen page; 20 are needed" in done.err
    assert learn("--dry-run").code == 0
    assert learn("history").out == ""
    status = learn("status").out
    assert "kept       3 searches, 3 pages chosen" in status
    assert "queries    3 with a chosen page, 20 are needed" in status


def test_a_dry_run_says_what_would_be(learn: Run, clicked: Clicked, states: States) -> None:
    clicked(wants_reports, queries())
    done = learn("--dry-run", "--ask")
    assert done.code == 0
    assert "It would be used; nothing was kept" in done.err
    assert (states.numbers(), states.history()) == ([], [])


def test_it_waits_when_told_to_ask(learn: Run, clicked: Clicked, states: States) -> None:
    clicked(wants_reports, queries())
    done = learn("--ask", "--if-due")
    assert (done.code, "It waits for docsearch learn accept" in done.err) == (0, True)
    assert (states.numbers(), states.live()) == ([1], 0)
    assert "waiting    state 1" in learn("status").out
    assert learn("accept").code == 0
    assert states.live() == 1
    assert "waiting" not in learn("status").out


def test_what_waits_can_be_thrown_away(learn: Run, states: States) -> None:
    waiting(states)
    done = learn("reject")
    assert (done.code, "Thrown away" in done.err) == (0, True)
    assert (states.numbers(), states.live()) == ([], 0)
    number = waiting(states)
    assert learn("accept").code == 0
    assert states.live() == number


@pytest.mark.parametrize("command", ["accept", "reject"])
def test_nothing_waits(learn: Run, command: str) -> None:
    done = learn(command)
    assert (done.code, "nothing waits" in done.err, "--ask" in done.err) == (2, True, True)


def test_a_round_only_when_it_is_due(learn: Run, clicked: Clicked) -> None:
    clicked(wants_reports, queries()[:5])
    done = learn("--if-due")
    assert (done.code, done.out, "not enough was opened" in done.err) == (0, "", True)
    assert learn("--if-due", "--json").json == {"event": "not due", "went_back": []}


def test_what_became_worse_is_taken_back_and_said(learn: Run, clicked: Clicked, states: States) -> None:
    states.promote(waiting(states))
    clicked(wants_tables, queries())
    states.note(LearningEvent(4e9, "refused", 0))  # so that no round is due
    learn("--dry-run", "--if-due")
    assert states.live() == 1, "a dry run takes nothing back"
    assert "taken back: worse on 28 queries since" in learn("--if-due").err
    assert states.live() == 0
    assert "went back\n    worse on 28 queries since" in learn("history").out


def test_status_as_json(learn: Run, states: States) -> None:
    found = learn("status", "--json").json
    assert (found["live"], found["waiting"], found["needed"], found["history"]) == (0, 0, 20, [])
    assert (found["logging"], found["memory"], found["automatic"]) == (True, False, True)
    waiting(states)
    found = learn("status", "--json").json
    assert (found["waiting"], found["figures"]) == (1, {"before": 0.6, "after": 0.9})
    assert found["history"][0]["what"] == "learned"


def test_status_names_what_is_switched_off(learn: Run, home: Path) -> None:
    (home / "settings.toml").write_text(f"{SETTINGS}\n[learn]\nlog = false\nmemory = false\n")
    status = learn("status").out
    assert "[learn] log = false" in status
    assert "memory     off" in status


def test_what_others_wrote_into_the_history_does_no_harm(learn: Run, states: States) -> None:
    states.note(LearningEvent(1e9, "went\x1b[31m back", 0, ("be\x07cause",)))
    told = learn("history").out
    assert "\x1b" not in told
    assert "\x07" not in told
