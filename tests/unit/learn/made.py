"""Queries made by hand for the tests of learning: candidates, signals, vectors, and what was chosen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from docsearch.learn.examples import Asked
from docsearch.records import PageId

Array = NDArray[np.float64]
Choice = Callable[[Array, Array, np.random.Generator], int]
"""Which candidate is chosen: takes the signals, shape (candidates, signals), the product of each page's
vector with the planted target, shape (candidates,), and chance."""

CANDIDATES, DIMENSIONS = 12, 16


def asked(
    scores: list[float], wanted: dict[int, float], query: str = "q", at: float = 0.0, group: int | None = None
) -> Asked:
    """A query with these scores, one signal, no vectors; `wanted` by place (others are no candidates)."""
    size = len(scores)
    return Asked(
        query,
        at,
        tuple(PageId(1, page) for page in range(size)),
        np.array(scores)[:, None],
        np.zeros(0, np.float32),
        np.zeros((size, 0), np.float32),
        1.0,
        {PageId(1, page): value for page, value in wanted.items()},
        group=group,
    )


def queries(
    count: int,
    seed: int,
    choose: Choice,
    *,
    dimensions: int = DIMENSIONS,
    signals: int = 2,
    turn: Array | None = None,
) -> list[Asked]:
    """Queries in order of time, each with one chosen page.

    `turn`, shape (dimensions, dimensions), takes a query vector to the planted target.
    """
    chance = np.random.default_rng(seed)
    turn = np.eye(dimensions) if turn is None else turn
    made = []
    for number in range(count):
        query = _unit(chance.normal(size=dimensions))
        pages = chance.normal(size=(CANDIDATES, dimensions)) / np.sqrt(dimensions)
        parts = chance.exponential(2.0, (CANDIDATES, signals))
        place = choose(parts, pages @ (query @ turn), chance)
        made.append(
            Asked(
                f"query {number}",
                float(number),
                tuple(PageId(number + 1, page) for page in range(1, CANDIDATES + 1)),
                parts,
                query.astype(np.float32),
                pages.astype(np.float32),
                10.0,
                {PageId(number + 1, place + 1): 1.0},
                group=number,
            )
        )
    return made


def by_score(parts: Array, target: Array, chance: np.random.Generator) -> int:
    """Mostly the page that is best by now."""
    return int(np.argmax(parts.sum(axis=1) + chance.gumbel(size=len(parts))))


def by_target(parts: Array, target: Array, chance: np.random.Generator) -> int:
    """The page that is best by score and planted target together."""
    return int(np.argmax(parts.sum(axis=1) + 40 * target))


def by_first_signal(parts: Array, target: Array, chance: np.random.Generator) -> int:
    """The page whose first signal is strongest; the others say nothing."""
    return int(np.argmax(parts[:, 0] + 0.3 * chance.gumbel(size=len(parts))))


def at_random(parts: Array, target: Array, chance: np.random.Generator) -> int:
    """Any page."""
    return int(chance.integers(len(parts)))


def turn_of(dimensions: int = DIMENSIONS, seed: int = 5) -> Array:
    """A map that takes queries of two kinds to pages of two other kinds."""
    chance = np.random.default_rng(seed)
    into, out = chance.normal(size=(dimensions, 2)), chance.normal(size=(2, dimensions))
    turn: Array = into @ out * np.sqrt(2 / dimensions)
    return turn


def _unit(vector: Array) -> Array:
    unit: Array = vector / np.linalg.norm(vector)
    return unit
