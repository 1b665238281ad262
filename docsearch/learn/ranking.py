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
    values = [e.weight * _cross_entropy(e.signals @ factors, _share(e.relevance)) for e in examples]
    return float(sum(values) / sum(e.weight for e in examples))


def _minimum(examples: Sequence[Example], start: Array, stiffness: Array) -> Array:
    """Newton's method with halved steps, on the loss plus half of `stiffness` x (distance to start)²."""

    def cost(at: Array) -> float:
        return loss(examples, at) + 0.5 * float(stiffness @ (at - start) ** 2)

    at, value = start, cost(start)
    for _ in range(_STEPS):
        gradient, curvature = _derivatives(examples, at)
        gradient = gradient + stiffness * (at - start)
        curvature = curvature + np.diag(stiffness + _SETTLED)
        step = np.linalg.solve(curvature, gradient)
        while cost(at - step) > value and np.abs(step).max() > _SETTLED:
            step = step / 2
        at, value = at - step, cost(at - step)
        if np.abs(step).max() <= _SETTLED:
            break
    return at


def _derivatives(examples: Sequence[Example], factors: Array) -> tuple[Array, Array]:
    """Gradient, shape (signals,), and Hessian, shape (signals, signals), of the loss."""
    size = len(factors)
    gradient, curvature, total = np.zeros(size), np.zeros((size, size)), 0.0
    for example in examples:
        probability = _softmax(example.signals @ factors)
        expected = probability @ example.signals
        gradient += example.weight * (expected - _share(example.relevance) @ example.signals)
        centred = example.signals - expected
        curvature += example.weight * (centred.T * probability) @ centred
        total += example.weight
    return gradient / total, curvature / total


def _cross_entropy(scores: Array, shares: Array) -> float:
    top = scores.max()
    return float(top + np.log(np.exp(scores - top).sum()) - shares @ scores)


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max())
    shares: Array = powers / powers.sum()
    return shares


def _share(relevance: Array) -> Array:
    shares: Array = relevance / relevance.sum()
    return shares
