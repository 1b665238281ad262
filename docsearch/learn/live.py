"""What was learned, as the engine asks for it: click memory, and the live state's weights and adapter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from docsearch.learn.memory import Memory, recalled
from docsearch.learn.state import State, States
from docsearch.records import Candidate, PageId
from docsearch.search.retrieve import QueryVector
from docsearch.search.terms import QueryTerms

LEARNED = "learned"
"""The name of what the adapter adds among the scores of a candidate."""


class LearnedSearch:
    """Satisfies `search.learned.Learned` with one state and the memory of clicks; either may be missing."""

    def __init__(self, state: State | None, memory: Memory | None) -> None:
        self.state = state
        self.memory = memory

    def rescored(
        self, terms: QueryTerms, head: Sequence[Candidate], vector: QueryVector | None
    ) -> list[Candidate]:
        """See `Learned`."""
        if self.state is None or len(head) < 2:
            return list(head)
        gains = self._gains(terms, head, vector)
        scored = [self._scored(candidate, gains.get(candidate.page, 0.0)) for candidate in head]
        return sorted(scored, key=lambda candidate: -candidate.score)

    def recalled(
        self, terms: QueryTerms, candidates: Sequence[Candidate], allowed: Callable[[PageId], bool]
    ) -> list[Candidate]:
        """See `Learned`."""
        known = self.memory.known(terms) if self.memory else {}
        return recalled(candidates, known, allowed) if known else list(candidates)

    def _scored(self, candidate: Candidate, gain: float) -> Candidate:
        assert self.state is not None
        scores = {name: value * self.state.signals.get(name, 1.0) for name, value in candidate.scores.items()}
        changed = sum(scores.values()) - sum(candidate.scores.values())
        if gain:
            scores[LEARNED] = gain
        return replace(candidate, scores=scores, score=candidate.score + changed + gain)

    def _gains(
        self, terms: QueryTerms, head: Sequence[Candidate], vector: QueryVector | None
    ) -> dict[PageId, float]:
        adapter = self.state.adapter if self.state else None
        if adapter is None or vector is None or vector.table.fingerprint != adapter.fingerprint:
            return {}
        shift = adapter.shift(vector.vector)
        found = vector.table.begin_similarities(shift, [candidate.page for candidate in head]).result()
        usual = float(adapter.mean @ shift)
        return {page: terms.weight * (value - usual) for page, value in found.items()}


class Live:
    """The learned search to use now: looked at before each search, read again when another state is live."""

    def __init__(
        self, states: States, memory: Memory | None, signals: Callable[[], Collection[str]] | None = None
    ) -> None:
        """`signals` are those that scores are made of now: what was learned of others is left out."""
        self.states = states
        self.memory = memory
        self.signals = signals
        self._mark: tuple[int, int] | None = None
        self._state: State | None = None
        self._search: LearnedSearch | None = None

    def __call__(self) -> LearnedSearch | None:
        """None when there is nothing to add."""
        state = self._follow()
        if self._search is None:
            self._search = LearnedSearch(self._fitting(state) if state else None, self.memory)
        return self._search if self._search.state or self._search.memory else None

    def _follow(self) -> State | None:
        """The live state; read again when another one became live."""
        mark = self.states.mark()
        if mark != self._mark:
            number = self.states.live()
            self._state = self.states.read(number) if number else None
            self._search = None
            self._mark = mark
        return self._state

    def _fitting(self, state: State) -> State:
        """Without weights and adapter where they were fitted to the scores of another reranker."""
        if self.signals is None or not state.signals or set(state.signals) == set(self.signals()):
            return state
        return replace(state, signals={}, adapter=None)

    @property
    def number(self) -> int:
        """Of the live state; 0 without one."""
        state = self._follow()
        return state.number if state else 0
