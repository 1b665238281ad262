from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from docsearch.search.passages import best_passage, best_window, close_pairs, figures, heading, places

GROUPS = 3
WEIGHTS = st.lists(st.floats(0.1, 10), min_size=GROUPS, max_size=GROUPS)
PLACES = st.dictionaries(
    st.integers(0, GROUPS - 1), st.lists(st.integers(0, 60), min_size=1, max_size=6, unique=True).map(sorted)
)


def window_score(found: dict[int, list[int]], weights: list[float], start: int, length: int) -> float:
    counts = {g: sum(start <= spot < start + length for spot in spots) for g, spots in found.items()}
    return sum(weights[g] * n * 2.2 / (n + 1.2) for g, n in counts.items())


@given(PLACES, WEIGHTS, st.integers(1, 40))
def test_the_best_window_is_the_best_of_all_windows(
    found: dict[int, list[int]], weights: list[float], length: int
) -> None:
    score, start = best_window(found, weights, length)
    everywhere = [window_score(found, weights, place, length) for place in range(-40, 61)]
    assert math.isclose(score, max(everywhere), abs_tol=1e-9)
    assert math.isclose(score, window_score(found, weights, start, length), abs_tol=1e-9)
    assert best_passage(found, weights, length) == score


def test_nothing_matches() -> None:
    assert best_window({}, [], 10) == (0.0, 0)
    assert close_pairs({}, 0) == 0.0


@given(PLACES)
def test_close_pairs_are_neighbours_of_the_query_at_most_four_apart(found: dict[int, list[int]]) -> None:
    expected = 0.0
    for first in range(GROUPS - 1):
        distances = [
            max(1, abs(left - right)) for left in found.get(first, []) for right in found.get(first + 1, [])
        ]
        if distances and min(distances) <= 4:
            expected += 1 / min(distances)
    assert math.isclose(close_pairs(found, GROUPS), expected, abs_tol=1e-9)


@given(st.lists(st.sampled_from("abcd"), max_size=30))
def test_places_are_where_the_terms_stand(terms: list[str]) -> None:
    groups = {"a": 0, "b": 1, "c": 0}
    found = places(terms, groups)
    assert Counter({group: len(spots) for group, spots in found.items()}) == Counter(
        groups[term] for term in terms if term in groups
    )
    assert all(groups.get(terms[spot]) == group for group, spots in found.items() for spot in spots)


def test_words_count_as_a_heading_at_the_top_of_the_page_only() -> None:
    assert heading({0: [3, 200], 1: [24], 2: [25]}, [1.0, 2.0, 4.0]) == 3.0
    assert heading({}, [1.0]) == 0.0


def test_figures_are_the_share_of_numbers_and_a_table_is_no_better_than_a_dense_one() -> None:
    assert figures(["cash", "2018", "17", "of"] + ["word"] * 6) == 0.2
    assert figures(["1"] * 10) == figures(["1"] * 5 + ["cash"] * 5) == 0.4
    assert figures([]) == 0.0
