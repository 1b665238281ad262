"""The query adapter on planted maps: what it learns, what it leaves, and that its loss is what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docsearch.learn import adapt
from docsearch.learn.adapt import DIRECTIONS, RANK, Adapter, fit_adapter
from docsearch.learn.examples import Asked, mean_ndcg, scores_as_they_are
from tests.unit.learn.made import CANDIDATES, DIMENSIONS, asked, at_random, by_target, queries, turn_of

MEAN = np.zeros(DIMENSIONS, np.float32)


def fitted(taught: list[Asked], strength: float, mean: np.ndarray = MEAN) -> Adapter:
    adapter = fit_adapter(taught, [scores_as_they_are(a) for a in taught], strength, "model", mean)
    assert adapter is not None
    return adapter


def quality(tested: list[Asked], adapter: Adapter | None = None) -> float:
    return mean_ndcg(tested, [a.signals.sum(1) + (adapter.gains(a) if adapter else 0) for a in tested])


def test_a_planted_map_is_learned_and_answers_queries_it_has_not_seen() -> None:
    turn = turn_of()
    unseen = queries(100, 2, by_target, turn=turn)
    adapter = fitted(queries(100, 1, by_target, turn=turn), 0.001)
    assert quality(unseen, adapter) > quality(unseen) + 0.1
    assert adapter.fingerprint == "model"


def test_what_is_learned_is_of_the_planted_kind() -> None:
    turn = turn_of()
    adapter = fitted(queries(200, 1, by_target, turn=turn), 0.001)
    wanted, found = turn.ravel(), (adapter.left @ adapter.right).ravel()
    assert wanted @ found / np.linalg.norm(wanted) / np.linalg.norm(found) > 0.8


def test_held_strongly_it_stays_near_the_identity() -> None:
    taught = queries(60, 1, by_target, turn=turn_of())
    adapters = [fitted(taught, strength) for strength in (0.001, 0.1, 1e6)]
    shifts = [np.mean([np.linalg.norm(a.shift(one.vector)) for one in taught]) for a in adapters]
    assert shifts[0] > 5 * shifts[1] > 0
    assert shifts[2] < 1e-6


def test_more_dimensions_than_directions() -> None:
    wide = DIRECTIONS + 7
    mean = np.ones(wide, np.float32)
    taught = queries(20, 1, by_target, dimensions=wide, turn=turn_of(wide))
    adapter = fitted(taught, 0.001, mean)
    assert (adapter.left.shape, adapter.right.shape) == ((wide, RANK), (RANK, wide))
    assert adapter.left.dtype == adapter.right.dtype == np.float32
    assert adapter.mean is mean
    assert quality(taught, adapter) > quality(taught)


def test_fewer_dimensions_than_the_rank() -> None:
    adapter = fitted(queries(40, 1, by_target, dimensions=3, turn=turn_of(3)), 0.001, np.zeros(3, np.float32))
    assert adapter.left.shape == (3, 3)


def test_there_may_be_nothing_to_learn_from() -> None:
    taught = queries(5, 1, by_target)
    base = [scores_as_they_are(a) for a in taught]

    def nothing(some: list[Asked]) -> bool:
        return fit_adapter(some, base[: len(some)], 0.001, "model", MEAN) is None

    assert nothing([])
    assert nothing([replace(a, wanted={}) for a in taught])
    assert nothing([asked([2, 1], {1: 1.0})])
    assert nothing([replace(a, vectors=np.zeros_like(a.vectors)) for a in taught])
    assert nothing([replace(a, vector=np.zeros_like(a.vector)) for a in taught])


def test_lists_of_different_lengths_and_pages_without_vectors() -> None:
    turn = turn_of()
    taught = [
        replace(
            a, pages=a.pages[:n], signals=a.signals[:n], vectors=a.vectors[:n] * (np.arange(n) > 0)[:, None]
        )
        for number, a in enumerate(queries(120, 1, by_target, turn=turn))
        for n in [CANDIDATES - number % 5]
    ]
    adapter = fitted(taught, 0.001)
    unseen = queries(100, 2, by_target, turn=turn)
    assert quality(unseen, adapter) > quality(unseen) + 0.1
    assert all(adapter.gains(a)[0] == 0 for a in taught), "a page without a vector gains nothing"


def test_a_gain_is_the_weight_times_the_product_with_what_is_added() -> None:
    [one, *_] = taught = queries(60, 1, by_target, turn=turn_of())
    adapter = fitted(taught, 0.001)
    moved = one.vector + adapter.shift(one.vector)
    assert adapter.gains(one) == pytest.approx(one.weight * one.vectors @ (moved - one.vector), rel=1e-4)


def test_the_scale_of_the_vectors_does_not_matter() -> None:
    taught = queries(60, 1, by_target, turn=turn_of())
    longer = [replace(a, vector=5 * a.vector, vectors=0.2 * a.vectors) for a in taught]
    gains, others = (
        np.concatenate([adapter.gains(a) for a in some])
        for some, adapter in ((taught, fitted(taught, 0.001)), (longer, fitted(longer, 0.001)))
    )
    assert np.abs(gains - others).max() < 0.05 * np.abs(gains).max()


@settings(max_examples=10)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.01, 1.0]))
def test_the_gradient_is_that_of_the_loss(seed: int, strength: float) -> None:
    taught = [replace(a, counts=1 + n % 3) for n, a in enumerate(queries(6, seed, at_random, dimensions=5))]
    chosen = [(a, scores_as_they_are(a)) for a in taught]
    vectors = np.stack([a.weight * a.vector for a, _ in chosen])
    lists = adapt._Lists.of(chosen, vectors, np.eye(5, dtype=np.float32))
    chance = np.random.default_rng(seed)
    at, way = chance.normal(size=25), chance.normal(size=25)
    _, gradient = lists.loss(at, strength)
    step = 0.02
    slope = (lists.loss(at + step * way, strength)[0] - lists.loss(at - step * way, strength)[0]) / (2 * step)
    assert gradient @ way == pytest.approx(slope, rel=0.02, abs=2e-3)
