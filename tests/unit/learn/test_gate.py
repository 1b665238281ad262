"""The gate: when it refuses, why, and how often chance gets through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from docsearch.learn.gate import FEWEST, judge, surely_gained
from docsearch.records import Figures

GOOD = Figures(
    queries=40, before=0.5, after=0.6, surely=0.04, guards=100, guard_before=0.9, guard_after=0.9, latency=1.0
)


def test_what_is_surely_better_is_accepted() -> None:
    verdict = judge(GOOD)
    assert (verdict.accepted, verdict.reasons, verdict.figures) == (True, (), GOOD)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"queries": FEWEST - 1}, "only 9 later queries"),
        ({"surely": 0.0}, "not surely better"),
        ({"after": 0.505, "surely": 0.003}, "a gain of 0.005 is too little to notice"),
        ({"surely": -0.01}, "0.500 -> 0.600 (+0.100), with 95 % confidence only more than -0.010"),
        ({"guard_after": 0.88}, "worse at finding known pages: 0.900 -> 0.880"),
        ({"latency": 1.21}, "1.21 times as long"),
    ],
)
def test_every_reason_to_refuse(changes: dict[str, float], reason: str) -> None:
    verdict = judge(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert not verdict.accepted
    [said] = verdict.reasons
    assert reason in said


def test_all_reasons_are_kept() -> None:
    assert len(judge(replace(GOOD, surely=-0.1, guard_after=0.5, latency=2.0)).reasons) == 3


@pytest.mark.parametrize("changes", [{"guard_after": 0.895}, {"latency": 1.2}, {"queries": FEWEST}])
def test_small_losses_are_allowed(changes: dict[str, float]) -> None:
    assert judge(replace(GOOD, **changes)).accepted  # type: ignore[arg-type]


def test_no_change_is_no_gain() -> None:
    assert surely_gained([0.3, 1.0, 0.0], [0.3, 1.0, 0.0]) == 0
    assert surely_gained([], []) == 0


def test_a_gain_everywhere_is_sure_and_one_query_is_not() -> None:
    assert surely_gained([0.5] * 20, [0.6] * 20) == pytest.approx(0.1)
    assert surely_gained([0.5] * 20, [1.0] + [0.5] * 19) == 0
    assert surely_gained([0.6] * 20, [0.5] * 20) < 0


def test_the_bound_is_that_of_a_normal_mean() -> None:
    chance = np.random.default_rng(4)
    gains = chance.normal(0.1, 0.3, 400)
    expected = gains.mean() - 1.645 * gains.std() / np.sqrt(400)
    assert surely_gained(np.zeros(400), gains) == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize("queries", [20, 60])
def test_of_changes_that_change_nothing_about_one_in_twenty_gets_through(queries: int) -> None:
    """Most queries stay as they are; the others win or lose by chance."""
    chance = np.random.default_rng(queries)
    refused = 0
    for _ in range(300):
        changed = chance.random(queries) < 0.4
        gains = np.where(changed, chance.choice([-0.5, -0.37, -0.13, 0.13, 0.37, 0.5], queries), 0.0)
        figures = replace(GOOD, queries=queries, surely=surely_gained(np.zeros(queries), gains))
        refused += not judge(figures).accepted
    assert refused / 300 >= 0.92
