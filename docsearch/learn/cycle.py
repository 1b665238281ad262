"""One round of learning: collect, fit, judge, and put into use or discard; and the way back.

Knows every step and none of their insides. Says how far it is; closing it half-way changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np

from docsearch.learn.adapt import Adapter
from docsearch.learn.clicks import ClickLog
from docsearch.learn.dataset import Asker, chosen_pages, in_order_of_groups, propensities
from docsearch.learn.examples import Asked, mean, mean_ndcg, ndcg
from docsearch.learn.fit import WEIGHTS_FROM, Fitted, HeldOut, Strengths, choose, fit, held_out, unchanged
from docsearch.learn.gate import SLOWDOWN, compared, judge, surely_gained
from docsearch.learn.guard import guard_set
from docsearch.learn.live import LearnedSearch
from docsearch.learn.state import State, States
from docsearch.records import Figures, LearningEvent, LearningOutcome, LearningStep, Verdict
from docsearch.search.engine import Engine

AUTOMATIC_FROM = 20
"""So many queries with a chosen page that were new since the last round, and it is time for another."""
LIVE_FROM = 20
"""So many queries asked since a state became live, and it is compared with the one before."""
_TIMED = 8
_ROUNDS = 3
_UNNOTICED_SECONDS = 0.005
"""So much more a query is no reason to refuse, however short it is."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a round came to, before it is kept or refused.

    Attributes:
        verdict: what the gate says of it.
        fitted: weights and adapter.
        strengths: how the fit was held.
        queries: how many queries with a chosen page there were.
        parts: what was learned, in words.
        models: folders of finetuned models, by what they are.
    """

    verdict: Verdict
    fitted: Fitted
    strengths: Strengths
    queries: int
    parts: tuple[str, ...]
    models: Mapping[str, Path] = field(default_factory=dict)


class Cycle:
    """Learns for one index.

    Args:
        engine: answers queries; what it learned before is left out.
        log: what the user chose.
        states: where what is learned is kept.
        signals: the names of what scores are made of.
    """

    def __init__(self, engine: Engine, log: ClickLog, states: States, signals: Sequence[str]) -> None:
        self.engine = engine
        self.log = log
        self.states = states
        self.signals = tuple(signals)
        self.asker = Asker(engine, signals)

    # -- a round -------------------------------------------------------------------------------

    def learn(self, *, promote: bool = True, keep: bool = True) -> Iterator[LearningStep | LearningOutcome]:
        """A round; the last item is its outcome.

        Without `promote` an accepted candidate waits for `accept` or `reject`; without `keep` (a dry
        run) nothing is written but the guard set. Raises IndexBusy while another round runs.
        """
        with self.states.alone():
            yield from self._round(promote=promote, keep=keep)

    def _round(self, *, promote: bool, keep: bool) -> Iterator[LearningStep | LearningOutcome]:
        chosen = chosen_pages(self.log)
        if len(chosen) < WEIGHTS_FROM:
            reason = f"{len(chosen)} queries with a chosen page; {WEIGHTS_FROM} are needed"
            yield LearningOutcome(None, 0, False, len(chosen), reasons=(reason,))
            return
        asked: list[Asked] = []
        for one in self.asker.all(chosen, propensities(self.log.index.clicks.all(chosen=True))):
            asked.append(one)
            yield LearningStep("asking your queries again", len(asked) / len(chosen))
        guards: list[Asked] = []
        wanted = guard_set(self.states.folder, self.log.index)
        for one in self.asker.all(wanted, {}):
            guards.append(one)
            yield LearningStep("asking for known pages", len(guards) / len(wanted))
        asked = in_order_of_groups(asked, self.asker.words)
        yield LearningStep("learning", 0.0)
        strengths, tested = choose(asked, self.asker.space)
        fitted = fit(asked, strengths, self.asker.space)
        yield LearningStep("judging", 0.0)
        verdict = self._verdict(asked, tested, guards, fitted)
        parts = tuple(_parts(self._factors(fitted), fitted.adapter))
        judged = Judged(verdict, fitted, strengths, len(asked), parts)
        yield self.settle(judged, promote=promote, keep=keep)

    def _verdict(
        self, asked: Sequence[Asked], tested: HeldOut, guards: Sequence[Asked], fitted: Fitted
    ) -> Verdict:
        live = self._live_fit()
        before = self._before(asked, live)
        after = [ndcg(a, s) for a, s in zip(tested.asked, tested.scores, strict=True)]
        return judge(
            compared(
                before,
                after,
                guards=len(guards),
                guard_before=_mean(guards, live),
                guard_after=_mean(guards, fitted),
                latency=self._slowdown(guards or asked, fitted),
            )
        )

    def _before(self, asked: Sequence[Asked], live: Fitted) -> list[float]:
        """How the queries are answered now: by the strengths of the live state, learned without them.

        The live state itself has seen most of these queries, so that it would look better than it is.
        """
        state = self.states.read(self.states.live())
        strengths = _strengths_of(state)
        if state is None or strengths is None:
            return [ndcg(a, live.scores(a)) for a in asked]
        known = [a for a in asked if a.at <= state.at]
        seen = held_out(known, strengths, self.asker.space) if known else HeldOut((), ())
        scores = dict(zip((id(a) for a in seen.asked), seen.scores, strict=True))
        return [ndcg(a, scores.get(id(a), live.scores(a))) for a in asked]

    def settle(self, judged: Judged, *, promote: bool, keep: bool = True) -> LearningOutcome:
        """Keeps what was accepted as a state, live with `promote`, and notes what was refused.

        Without `keep` nothing is written. Raises StorageFull.
        """
        verdict, fitted, queries, parts = judged.verdict, judged.fitted, judged.queries, judged.parts
        figures = _as_numbers(verdict.figures) | _as_figures(judged.strengths)
        if not keep or not verdict.accepted:
            if keep:
                self.states.note(LearningEvent(time.time(), "refused", 0, verdict.reasons, figures))
            return LearningOutcome(verdict, 0, False, queries, parts, verdict.reasons)
        state = self.states.add(self._factors(fitted), queries, fitted.adapter, figures, judged.models)
        self.states.note(LearningEvent(time.time(), "learned", state.number, (), figures))
        if promote:
            self.states.accept(state.number)
        return LearningOutcome(verdict, state.number, promote, queries, parts)

    def _slowdown(self, asked: Sequence[Asked], fitted: Fitted) -> float:
        """How many times as long whole queries take as before: the median, asked in turn, best of three."""
        search = LearnedSearch(State(0, 0, 0.0, self._factors(fitted), 0, fitted.adapter, {}, {}), None)
        plain, learned = (self.engine.variant(self.engine.weights, rerank=True) for _ in range(2))
        learned.learned = lambda: search
        taken = [_fastest((plain, learned), one.query) for one in asked[:_TIMED]]
        before, after = (median(times) for times in zip(*taken, strict=True)) if taken else (1.0, 1.0)
        unnoticed = after - before < _UNNOTICED_SECONDS
        return min(after / before, SLOWDOWN) if unnoticed else after / before

    def _factors(self, fitted: Fitted) -> dict[str, float]:
        """By how much each signal is multiplied."""
        return dict(zip(self.signals, map(float, fitted.factors), strict=True))

    # -- what is live --------------------------------------------------------------------------

    def watch(self) -> Figures | None:
        """Compares the live state with the one before on what was chosen since it is live.

        Goes back by itself when the live one is surely worse. None while there are too few queries.
        """
        live = self.states.read(self.states.live())
        if live is None:
            return None
        since = chosen_pages(self.log, live.at)
        asked = list(self.asker.all(since, {})) if len(since) >= LIVE_FROM else []
        if len(asked) < LIVE_FROM:
            return None
        earlier = self._fit_of(self.states.read(live.before))
        now, then = ([ndcg(a, f.scores(a)) for a in asked] for f in (self._fit_of(live), earlier))
        figures = Figures(len(asked), mean(then), mean(now), surely_gained(now, then), 0, 0.0, 0.0)
        if figures.surely > 0:
            self.states.go_back(
                (f"worse on {len(asked)} queries since: {figures.before:.3f} -> {figures.after:.3f}",)
            )
        return figures

    def mean_now(self, asked: Sequence[Asked]) -> float:
        """Mean nDCG@10 of queries as search is now."""
        return _mean(asked, self._live_fit())

    def _live_fit(self) -> Fitted:
        return self._fit_of(self.states.read(self.states.live()))

    def _fit_of(self, state: State | None) -> Fitted:
        if state is None or (state.signals and set(state.signals) != set(self.signals)):
            return unchanged(len(self.signals))
        space = self.asker.space
        fits = state.adapter and space and state.adapter.fingerprint == space.fingerprint
        factors = np.array([state.signals.get(name, 1.0) for name in self.signals])
        return Fitted(factors, state.adapter if fits else None)


def is_due(log: ClickLog, states: States) -> bool:
    """Whether enough was chosen since the last round for another one."""
    rounds = [event.at for event in states.history() if event.what in ("learned", "refused")]
    return len(chosen_pages(log, max(rounds, default=0.0))) >= AUTOMATIC_FROM


def _as_numbers(figures: Figures) -> dict[str, float]:
    """Figures by name, for the history."""
    return {name: float(getattr(figures, name)) for name in Figures.__dataclass_fields__}


def _as_figures(strengths: Strengths) -> dict[str, float]:
    """Strengths by name, for the state: the live one is judged by a fit that is held as it was."""
    values = {"weight_strength": strengths.weights, "adapter_strength": strengths.adapter}
    return {name: value for name, value in values.items() if value is not None}


def _strengths_of(state: State | None) -> Strengths | None:
    if state is None:
        return None
    return Strengths(state.figures.get("weight_strength"), state.figures.get("adapter_strength"))


def _mean(asked: Sequence[Asked], fitted: Fitted) -> float:
    return mean_ndcg(asked, [fitted.scores(a) for a in asked])


def parts_of(state: State) -> Iterator[str]:
    """What a state is made of, in words."""
    yield from _parts(state.signals, state.adapter)
    yield from (f"a finetuned {name.replace('-', ' ')}" for name in sorted(state.models))


def _parts(factors: Mapping[str, float], adapter: Adapter | None) -> Iterator[str]:
    changed = [f"{name} x {factor:.2f}" for name, factor in factors.items() if abs(factor - 1) > 0.005]
    if changed:
        yield f"weights: {', '.join(changed)}"
    if adapter:
        yield f"a query adapter of rank {adapter.left.shape[1]}"


def _fastest(engines: Sequence[Engine], query: str) -> list[float]:
    """Seconds that each engine needs at best, asked in turn so that what else runs slows all alike."""
    from docsearch.search.parse import parse

    parsed, taken = parse(query), [float("inf")] * len(engines)
    for _ in range(_ROUNDS):
        for place, engine in enumerate(engines):
            started = time.perf_counter()
            engine.rank(parsed)
            taken[place] = min(taken[place], time.perf_counter() - started)
    return taken
