"""Fits what is learned from chosen pages without touching a model: weights of the signals, a query adapter.

How strongly a fit is held to what there is is chosen on queries it did not learn from: blocks of time, each
held out in turn, all wordings of a query in one block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from docsearch.learn.adapt import Adapter, fit_adapter
from docsearch.learn.examples import Array, Asked, Vectors, scores_as_they_are
from docsearch.learn.ranking import Example, fit_factors, fit_scale, loss

WEIGHTS_FROM, ADAPTER_FROM = 20, 50
"""From so many queries on with a chosen page, weights and an adapter are fitted."""
WEIGHT_STRENGTHS = (0.1, 1.0)
ADAPTER_STRENGTHS = (0.0004, 0.001, 0.003)
BLOCKS = 5
_KEPT_SHARE = 1 - 1 / BLOCKS
"""What is left to learn from while a block is held out."""


@dataclass(frozen=True, slots=True)
class Strengths:
    """How strongly a fit is held to what there is; None leaves that part out."""

    weights: float | None = None
    adapter: float | None = None


@dataclass(frozen=True, slots=True)
class Space:
    """What an adapter belongs to: the embedder's fingerprint and the mean page vector."""

    fingerprint: str
    mean: Vectors


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was learned: a factor for each signal, shape (signals,), and an adapter."""

    factors: Array
    adapter: Adapter | None = None

    def scores(self, asked: Asked) -> Array:
        """Of the candidates, shape (candidates,)."""
        scores: Array = asked.signals @ self.factors
        return scores + self.adapter.gains(asked) if self.adapter and len(asked.vector) else scores


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Queries with the scores that something gave them which had not learned from their block of time."""

    asked: tuple[Asked, ...]
    scores: tuple[Array, ...]


def unchanged(signals: int) -> Fitted:
    """Nothing learned."""
    return Fitted(np.ones(signals))


def fit(asked: Sequence[Asked], strengths: Strengths, space: Space | None) -> Fitted:
    """Weights, then an adapter on top of them, as far as there is enough to learn from."""
    taught = [a for a in asked if a.teaches]
    if not taught:
        return unchanged(asked[0].signals.shape[1] if asked else 0)
    fitted = unchanged(taught[0].signals.shape[1])
    if strengths.weights is not None and len(taught) >= _KEPT_SHARE * WEIGHTS_FROM:
        examples = [Example(a.signals, a.relevance, a.counts) for a in taught]
        fitted = Fitted(np.maximum(fit_factors(examples, strengths.weights), 0))
    if strengths.adapter is not None and space and len(taught) >= _KEPT_SHARE * ADAPTER_FROM:
        base = [fitted.scores(a) for a in taught]
        adapter = fit_adapter(taught, base, strengths.adapter, space.fingerprint, space.mean)
        fitted = replace(fitted, adapter=adapter)
    return fitted


def choose(asked: Sequence[Asked], space: Space | None) -> tuple[Strengths, HeldOut]:
    """The strengths under which held-out queries are answered best, and how they are answered then.

    `asked` is in order of time. With an equal loss the first tried, which changes less, is taken.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # matrices are so small that several threads only wait for each other
        weights = _best(asked, None, [Strengths(s) for s in (None, *WEIGHT_STRENGTHS)])
        adapters = [Strengths(weights.weights, s) for s in (None, *ADAPTER_STRENGTHS)] if space else [weights]
        best = _best(asked, space, adapters)
        return best, held_out(asked, best, space)


def held_out(asked: Sequence[Asked], strengths: Strengths, space: Space | None) -> HeldOut:
    """All queries, block by block, each answered by what was fitted to all other blocks."""
    pairs = []
    for others, block in blocks(asked):
        fitted = fit(others, strengths, space)
        pairs += [(a, fitted.scores(a)) for a in block]
    return HeldOut(tuple(a for a, _ in pairs), tuple(s for _, s in pairs))


def blocks(asked: Sequence[Asked]) -> Iterator[tuple[Sequence[Asked], Sequence[Asked]]]:
    """(all other queries, block): blocks of time, each held out in turn; no block ends inside a group."""
    ends = np.linspace(0, len(asked), BLOCKS + 1).round().astype(int).tolist()
    for start, end in pairwise(_after_its_group(asked, end) for end in ends):
        if start < end:
            yield [*asked[:start], *asked[end:]], asked[start:end]


def _after_its_group(asked: Sequence[Asked], end: int) -> int:
    while 0 < end < len(asked) and asked[end].group is not None and asked[end].group == asked[end - 1].group:
        end += 1
    return end


def _best(asked: Sequence[Asked], space: Space | None, tried: Sequence[Strengths]) -> Strengths:
    losses = {strengths: _loss(asked, strengths, space) for strengths in tried}
    return min(tried, key=lambda strengths: losses[strengths])


def _loss(asked: Sequence[Asked], strengths: Strengths, space: Space | None) -> float:
    """Mean loss of held-out queries in nats; scores are read on the scale of the others as they are now."""
    total, count = 0.0, 0
    for others, block in blocks(asked):
        known = [_plain(a) for a in others if a.teaches]
        fitted = fit(others, strengths, space)
        later = [_example(fitted, a) for a in block if a.teaches]
        if known and later:
            total += loss(later, np.array([fit_scale(known)])) * len(later)
            count += len(later)
    return total / count if count else np.inf


def _example(fitted: Fitted, asked: Asked) -> Example:
    return Example(fitted.scores(asked)[:, None], asked.relevance)


def _plain(asked: Asked) -> Example:
    return Example(scores_as_they_are(asked)[:, None], asked.relevance)
