"""How well a query's candidates are ordered, by hand and by the measure of the judged queries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.learn.examples import mean_ndcg, ndcg, scores_as_they_are
from tests.unit.learn.made import asked

LOG3, LOG4 = np.log2(3), 2.0


@pytest.mark.parametrize(
    ("scores", "wanted", "expected"),
    [
        ([3, 2, 1], {0: 1.0}, 1.0),
        ([3, 2, 1], {1: 1.0}, 1 / LOG3),
        ([3, 2, 1], {2: 0.3}, 1 / LOG4),
        ([3, 2, 1], {0: 1.0, 1: 2.0}, (1 + 2 / LOG3) / (2 + 1 / LOG3)),
        ([3, 2, 1], {7: 1.0}, 0.0),
        ([3, 2, 1], {0: 1.0, 7: 1.0}, 1 / (1 + 1 / LOG3)),
        ([3, 2, 1], {}, 0.0),
        ([1, 1, 1], {1: 1.0}, 1 / LOG3),
        ([*range(20, 0, -1)], {9: 1.0}, 1 / np.log2(11)),
        ([*range(20, 0, -1)], {10: 1.0}, 0.0),
    ],
)
def test_ndcg_at_ten(scores: list[float], wanted: dict[int, float], expected: float) -> None:
    one = asked(scores, wanted)
    assert ndcg(one, scores_as_they_are(one)) == pytest.approx(expected)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=15), st.data())
def test_the_best_order_is_one_and_no_order_is_better(scores: list[float], data: st.DataObject) -> None:
    places = st.dictionaries(st.integers(0, len(scores) - 1), st.sampled_from([0.3, 1.0, 2.0]), min_size=1)
    one = asked(scores, data.draw(places))
    assert ndcg(one, one.relevance) == pytest.approx(1.0)
    assert 0 <= ndcg(one, scores_as_they_are(one)) <= 1 + 1e-12


def test_a_query_teaches_when_some_candidates_were_chosen_and_others_not() -> None:
    assert asked([2, 1], {0: 1.0}).teaches
    assert not asked([2, 1], {5: 1.0}).teaches
    assert not asked([2, 1], {0: 1.0, 1: 1.0}).teaches


def test_the_mean_of_no_queries_is_nothing() -> None:
    assert mean_ndcg([], []) == 0
    two = [asked([2, 1], {0: 1.0}), asked([2, 1], {9: 1.0})]
    assert mean_ndcg(two, [scores_as_they_are(one) for one in two]) == 0.5
