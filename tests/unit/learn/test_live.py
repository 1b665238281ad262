"""What is added to searches: the state that is live now, only where it fits and can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from docsearch.learn.adapt import Adapter
from docsearch.learn.live import LEARNED, LearnedSearch, Live
from docsearch.learn.state import State, States
from docsearch.records import Candidate, PageId
from docsearch.search.retrieve import QueryVector
from docsearch.search.terms import QueryTerms
from docsearch.store.index import Index

PAGES = [PageId(1, 1), PageId(1, 2), PageId(1, 3)]
TERMS = QueryTerms("profit", (("profit",),), {"profit": 2.0}, (), (), {})
HEAD = [
    Candidate(PAGES[0], {"text": 4.0, "figures": 1.0}, 5.0),
    Candidate(PAGES[1], {"text": 2.0, "figures": 2.0}, 4.0),
    Candidate(PAGES[2], {"text": 3.0}, 3.0),
]


def state_of(adapter: Adapter | None = None, **signals: float) -> State:
    return State(1, 0, 0.0, signals, 40, adapter, {}, {})


@pytest.fixture
def vector(index: Index) -> QueryVector:
    """A query along the first axis, over pages along one axis each; the third has no vector."""
    table = index.vectors("letters", 2)
    table.append(table.as_rows(PAGES[:2], np.eye(2, dtype=np.float32)))
    return QueryVector(table, np.array([1, 0], np.float32), 1.0)


def swap(fingerprint: str = "letters", mean: float = 0.0) -> Adapter:
    """Adds the second axis to queries along the first."""
    left, right = np.array([[1], [0]], np.float32), np.array([[0, 1]], np.float32)
    return Adapter(fingerprint, left, right, np.array([0, mean], np.float32))


def order(head: list[Candidate]) -> list[int]:
    return [candidate.page.page for candidate in head]


def test_nothing_learned_leaves_the_head_as_it_is() -> None:
    assert LearnedSearch(None, None).rescored(TERMS, HEAD, None) == HEAD
    assert LearnedSearch(state_of(text=1.0, figures=1.0), None).rescored(TERMS, HEAD, None) == HEAD


def test_signals_count_as_often_as_was_learned() -> None:
    found = LearnedSearch(state_of(text=0.5, figures=3.0), None).rescored(TERMS, HEAD, None)
    assert order(found) == [2, 1, 3]
    assert [candidate.score for candidate in found] == [7.0, 5.0, 1.5]
    assert found[0].scores == {"text": 1.0, "figures": 6.0}


def test_what_a_model_says_is_not_added_to_what_it_replaced() -> None:
    """A model's score stands for all others, which are only kept to be shown."""
    head = [
        Candidate(PAGES[0], {"text": 9.0, "judge": 0.4}, 0.4),
        Candidate(PAGES[1], {"text": 1.0, "judge": 0.8}, 0.8),
    ]
    found = LearnedSearch(state_of(judge=0.5), None).rescored(TERMS, head, None)
    assert order(found) == [2, 1]
    assert [candidate.score for candidate in found] == pytest.approx([0.4, 0.2])


def test_pages_gain_by_what_is_added_to_the_query(vector: QueryVector) -> None:
    found = LearnedSearch(state_of(swap()), None).rescored(TERMS, HEAD, vector)
    gains = {c.page.page: c.scores.get(LEARNED, 0.0) for c in found}
    assert gains == {1: 0.0, 2: pytest.approx(TERMS.weight), 3: 0.0}
    assert order(found) == [2, 1, 3]
    assert found[0].score == pytest.approx(4.0 + TERMS.weight)


def test_pages_count_by_how_they_differ_from_the_mean(vector: QueryVector) -> None:
    found = LearnedSearch(state_of(swap(mean=1.0)), None).rescored(TERMS, HEAD, vector)
    gains = {c.page.page: c.scores.get(LEARNED, 0.0) for c in found}
    assert gains == {1: pytest.approx(-TERMS.weight), 2: pytest.approx(0.0), 3: 0.0}


def test_the_adapter_of_another_embedder_is_left_out(vector: QueryVector) -> None:
    assert LearnedSearch(state_of(swap("another")), None).rescored(TERMS, HEAD, vector) == HEAD
    assert LearnedSearch(state_of(swap()), None).rescored(TERMS, HEAD, None) == HEAD


# -- which state is live ---------------------------------------------------------------------------


@pytest.fixture
def states(tmp_path: Path) -> States:
    return States(tmp_path / "learned")


def live_signals(live: Live) -> dict[str, float]:
    found = live()
    return dict(found.state.signals) if found and found.state else {}


def test_another_state_is_used_from_the_next_search_on(states: States) -> None:
    live, other = Live(states, None), States(states.folder)
    assert live() is None
    assert live.number == 0
    for factor in (2.0, 3.0):
        other.promote(other.add({"text": factor}, 40, None, {}).number)
        assert live_signals(live) == {"text": factor}
    assert live.number == 2
    other.promote(1)
    assert live_signals(live) == {"text": 2.0}
    other.promote(0)
    assert live() is None


def test_a_state_is_read_once(states: States) -> None:
    states.promote(states.add({"text": 2.0}, 40, None, {}).number)
    live = Live(states, None)
    first = live()
    assert first is not None
    assert live() is first


def test_a_broken_state_counts_as_nothing_learned(states: States) -> None:
    states.promote(states.add({"text": 2.0}, 40, swap(), {}).number)
    (states.folder / "000001" / "adapter.npz").write_bytes(b"PK")
    assert Live(states, None)() is None
    assert Live(states, None).number == 0


def test_its_number_is_known_without_a_look_at_the_reranker(states: States) -> None:
    """Which may be a model that takes seconds to load."""

    def loaded() -> tuple[str, ...]:
        raise AssertionError("loaded")

    states.promote(states.add({"text": 2.0}, 40, None, {}).number)
    assert Live(states, None, loaded).number == 1


def test_weights_of_another_reranker_are_left_out(states: States) -> None:
    states.promote(states.add({"text": 2.0, "figures": 0.5}, 40, swap(), {}).number)
    assert live_signals(Live(states, None, lambda: ("figures", "text"))) == {"text": 2.0, "figures": 0.5}
    other = Live(states, None, lambda: ("judge",))
    assert live_signals(other) == {}
    found = other()
    assert found is not None
    assert found.state is not None
    assert found.state.adapter is None
    assert other.number == 1, "what was finetuned with it stays"
