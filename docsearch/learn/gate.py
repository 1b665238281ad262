"""Decides whether what was learned may answer searches. Pure.

It must answer the user's later queries better beyond chance, must not answer known-item queries over the
user's own pages worse, and must not be slower. Every reason to refuse is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from docsearch.learn.examples import Array, mean
from docsearch.records import Figures, Verdict

FEWEST = 10
"""Later queries, without which nothing can be said."""
CONFIDENCE = 0.95
LEAST_GAIN = 0.01
"""A smaller one nobody would notice, and chance makes it more easily."""
GUARD_LOSS = 0.01
SLOWDOWN = 1.2
_RESAMPLES = 10_000
_SEED = 17


def judge(figures: Figures) -> Verdict:
    """The verdict on these figures."""
    reasons = []
    if figures.queries < FEWEST:
        reasons.append(f"only {figures.queries} later queries to measure on; {FEWEST} are needed")
    elif figures.surely <= 0:
        gain = figures.after - figures.before
        reasons.append(
            f"not surely better on your later queries: nDCG@10 {figures.before:.3f} -> {figures.after:.3f} "
            f"({gain:+.3f}), with 95 % confidence only more than {figures.surely:+.3f}"
        )
    elif figures.after - figures.before < LEAST_GAIN:
        gain = figures.after - figures.before
        reasons.append(f"a gain of {gain:.3f} is too little to notice; {LEAST_GAIN} is needed")
    if figures.guard_before - figures.guard_after > GUARD_LOSS:
        reasons.append(
            f"worse at finding known pages: {figures.guard_before:.3f} -> {figures.guard_after:.3f}"
        )
    if figures.latency > SLOWDOWN:
        reasons.append(f"a query takes {figures.latency:.2f} times as long")
    return Verdict(figures, tuple(reasons))


def compared(
    before: Sequence[float],
    after: Sequence[float],
    *,
    guards: int,
    guard_before: float,
    guard_after: float,
    latency: float = 1.0,
) -> Figures:
    """The figures of later queries by the nDCG@10 of each, before and after; the others as they are."""
    surely = surely_gained(before, after) if after else 0.0
    return Figures(len(after), mean(before), mean(after), surely, guards, guard_before, guard_after, latency)


def surely_gained(before: Sequence[float] | Array, after: Sequence[float] | Array) -> float:
    """The mean gain that is exceeded with 95 % confidence: paired bootstrap, the 5th percentile.

    Sakai, SIGIR 2006. 0 where nothing changed or nothing was measured.
    """
    differences = np.asarray(after, float) - np.asarray(before, float)
    if not differences.any():
        return 0.0
    chance = np.random.default_rng(_SEED)
    drawn = chance.integers(len(differences), size=(_RESAMPLES, len(differences)))
    return float(np.quantile(differences[drawn].mean(axis=1), 1 - CONFIDENCE))
