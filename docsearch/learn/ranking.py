"""Learning to rank: what each signal should count, fitted to queries whose pages are known.

Listwise: the scores of a query's candidates, as probabilities (softmax), should lie on its relevant
pages (ListNet, Cao et al., ICML 2007). The loss is convex in the weights, and the fit is held to the
weights there are, so that little data changes little. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEPS = 50
_SETTLED = 1e-6
_UNMOVED = 1e6


@dataclass(frozen=True, slots=True)
class Example:
    """One query: what each signal adds to each candidate's score now, and which candidates are relevant.

    Attributes:
        signals: shape (candidates, signals).
        relevance: shape (candidates,), not negative, not all 0.
        weight: how much this query counts.
    """

    signals: Array
    relevance: Array
    weight: float = 1.0


def fit_factors(examples: Sequence[Example], strength: float, fixed: Collection[int] = ()) -> Array:
    """By how much to multiply each signal, shape (signals,); 1 leaves it as it is.

    `strength` is what it costs that a factor is twice what it was, in the unit of the loss (nats a query);
    the signals at the places `fixed` stay as they are. The scale of all scores together is fitted first
    and is no part of the answer.
    """
    signals = examples[0].signals.shape[1]
    start = np.full(signals, fit_scale(examples))
    costs = np.full(signals, strength)
    costs[list(fixed)] = _UNMOVED
    factors: Array = _minimum(examples, start, 2 * costs / start**2) / start
    factors[list(fixed)] = 1.0
    return factors


def fit_scale(examples: Sequence[Example]) -> float:
    """What a unit of the sum of all signals counts, in nats; above 0."""
    whole = [Example(e.signals.sum(axis=1, keepdims=True), e.relevance, e.weight) for e in examples]
    [scale] = _minimum(whole, np.array([0.1]), np.zeros(1))
    return max(float(scale), _SETTLED)


def loss(examples: Sequence[Example], factors: Array) -> float:
    """Mean cross-entropy of relevance and softmax of the scores, in nats a query."""
    return _Lists.of(examples).loss(factors)


@dataclass(frozen=True, slots=True)
class _Lists:
    """All queries side by side, short lists filled up.

    Attributes:
        signals: shape (queries, candidates, signals).
        absent: what is added to scores, shape (queries, candidates): minus infinity where no candidate is.
        shares: how relevance is shared, shape (queries, candidates).
        weights: shape (queries,); together 1.
    """

    signals: Array
    absent: Array
    shares: Array
    weights: Array

    @classmethod
    def of(cls, examples: Sequence[Example]) -> _Lists:
        longest = max(len(e.relevance) for e in examples)
        signals = np.zeros((len(examples), longest, examples[0].signals.shape[1]))
        absent = np.full((len(examples), longest), -np.inf)
        shares = np.zeros((len(examples), longest))
        for row, e in enumerate(examples):
            signals[row, : len(e.relevance)] = e.signals
            absent[row, : len(e.relevance)] = 0
            shares[row, : len(e.relevance)] = e.relevance / e.relevance.sum()
        weights = np.array([e.weight for e in examples])
        return cls(signals, absent, shares, weights / weights.sum())

    def loss(self, factors: Array) -> float:
        scores = self.signals @ factors
        tops = scores.max(1, initial=-np.inf, where=self.absent == 0)
        powers = np.exp(scores + self.absent - tops[:, None])
        losses = tops + np.log(powers.sum(1)) - (self.shares * scores).sum(1)
        return float(self.weights @ losses)

    def derivatives(self, factors: Array) -> tuple[Array, Array]:
        """Gradient, shape (signals,), and Hessian, shape (signals, signals), of the loss."""
        scores = self.signals @ factors + self.absent
        powers = np.exp(scores - scores.max(1, keepdims=True))
        chances = powers / powers.sum(1, keepdims=True)
        expected = np.einsum("nc,ncs->ns", chances, self.signals)
        wanted = np.einsum("nc,ncs->ns", self.shares, self.signals)
        centred = (self.signals - expected[:, None]) * np.sqrt(chances * self.weights[:, None])[..., None]
        flat = centred.reshape(-1, centred.shape[2])
        return self.weights @ (expected - wanted), flat.T @ flat


def _minimum(examples: Sequence[Example], start: Array, stiffness: Array) -> Array:
    """Newton's method with halved steps, on the loss plus half of `stiffness` x (distance to start)²."""
    lists = _Lists.of(examples)

    def cost(at: Array) -> float:
        return lists.loss(at) + 0.5 * float(stiffness @ (at - start) ** 2)

    at, value = start, cost(start)
    for _ in range(_STEPS):
        gradient, curvature = lists.derivatives(at)
        gradient = gradient + stiffness * (at - start)
        curvature = curvature + np.diag(stiffness + _SETTLED)
        step = np.linalg.solve(curvature, gradient)
        while cost(at - step) > value and np.abs(step).max() > _SETTLED:
            step = step / 2
        at, value = at - step, cost(at - step)
        if np.abs(step).max() <= _SETTLED:
            break
    return at
