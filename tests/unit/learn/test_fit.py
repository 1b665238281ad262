"""What is fitted to chosen pages, how strongly it is held, and that nothing is tested on itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.learn.examples import Asked, ndcg, scores_as_they_are
from docsearch.learn.fit import (
    ADAPTER_FROM,
    BLOCKS,
    WEIGHTS_FROM,
    Space,
    Strengths,
    blocks,
    choose,
    fit,
    held_out,
    unchanged,
)
from docsearch.learn.gate import surely_gained
from tests.unit.learn.made import (
    DIMENSIONS,
    asked,
    at_random,
    by_first_signal,
    by_score,
    by_target,
    queries,
    turn_of,
)

SPACE = Space("model", np.zeros(DIMENSIONS, np.float32))


def quality(
    tested: list[Asked] | tuple[Asked, ...], scores: list[np.ndarray] | tuple[np.ndarray, ...]
) -> list[float]:
    return [ndcg(a, s) for a, s in zip(tested, scores, strict=True)]


def test_a_useless_signal_is_turned_down() -> None:
    fitted = fit(queries(60, 1, by_first_signal), Strengths(0.1), None)
    assert fitted.factors[0] > 1 > fitted.factors[1] >= 0
    unseen = queries(60, 2, by_first_signal)
    before = quality(unseen, [scores_as_they_are(a) for a in unseen])
    assert surely_gained(before, quality(unseen, [fitted.scores(a) for a in unseen])) > 0.05


def test_a_signal_never_counts_against_a_page() -> None:
    def by_the_least(parts: np.ndarray, target: np.ndarray, chance: np.random.Generator) -> int:
        return int(np.argmax(parts[:, 0] - parts[:, 1]))

    assert fit(queries(60, 1, by_the_least), Strengths(0.001), None).factors[1] == 0


def test_little_to_learn_from_changes_nothing() -> None:
    everything = Strengths(0.1, 0.001)
    assert fit([], everything, SPACE).factors.shape == unchanged(0).factors.shape == (0,)
    for few in (
        queries(WEIGHTS_FROM // 2, 1, by_first_signal),
        [replace(a, wanted={}) for a in queries(80, 1, by_first_signal)],
    ):
        fitted = fit(few, everything, SPACE)
        assert (fitted.factors.tolist(), fitted.adapter) == ([1, 1], None)


def test_an_adapter_needs_more_queries_than_weights_and_a_space() -> None:
    some, enough = (queries(n, 1, by_target, turn=turn_of()) for n in (ADAPTER_FROM // 2, ADAPTER_FROM))
    assert fit(some, Strengths(0.1, 0.001), SPACE).factors.tolist() != [1, 1]
    assert fit(some, Strengths(0.1, 0.001), SPACE).adapter is None
    assert fit(enough, Strengths(0.1, 0.001), None).adapter is None
    assert fit(enough, Strengths(0.1, 0.001), SPACE).adapter is not None
    assert fit(enough, Strengths(0.1), SPACE).adapter is None


def test_a_query_without_a_vector_is_answered_by_its_signals() -> None:
    fitted = fit(queries(60, 1, by_target, turn=turn_of()), Strengths(None, 0.001), SPACE)
    plain = asked([3.0, 2.0], {0: 1.0})
    plain = replace(plain, signals=np.repeat(plain.signals, 2, axis=1))
    assert fitted.scores(plain).tolist() == [6.0, 4.0]


def test_what_helps_is_chosen_and_helps_queries_that_were_held_out() -> None:
    some = queries(100, 1, by_target, turn=turn_of())
    strengths, tested = choose(some, SPACE)
    assert strengths.adapter is not None
    assert [a.query for a in tested.asked] == [a.query for a in some]
    before = quality(tested.asked, [scores_as_they_are(a) for a in tested.asked])
    assert surely_gained(before, quality(tested.asked, tested.scores)) > 0.05


def test_without_a_space_there_is_no_adapter() -> None:
    strengths, _ = choose(queries(60, 1, by_first_signal), None)
    assert (strengths.weights, strengths.adapter) == (0.1, None)


@pytest.mark.parametrize("choice", [by_score, at_random])
def test_pure_noise_is_not_surely_better(choice: object) -> None:
    """Now and then something is chosen that seems to help; it must not pass for a gain."""
    for seed in range(4):
        _, tested = choose(queries(55, seed, choice), SPACE)  # type: ignore[arg-type]
        before = quality(tested.asked, [scores_as_they_are(a) for a in tested.asked])
        assert surely_gained(before, quality(tested.asked, tested.scores)) <= 0.02


def test_a_held_out_block_is_answered_without_itself() -> None:
    """Each query alone wants what no other one does: whoever had seen it would answer it better."""
    lonely = queries(60, 3, at_random)
    strengths = Strengths(None, 0.0004)
    seen = fit(lonely, strengths, SPACE)
    unseen = held_out(lonely, strengths, SPACE)
    knowing = np.mean(quality(lonely, [seen.scores(a) for a in lonely]))
    assert np.mean(quality(unseen.asked, unseen.scores)) < knowing - 0.1

    [(others, block), *_] = blocks(lonely)
    alone = fit(others, strengths, SPACE)
    assert np.allclose(unseen.scores[0], alone.scores(block[0]))


@given(st.lists(st.integers(1, 9), max_size=30))
def test_blocks_are_parts_of_time_and_no_group_is_in_two(sizes: list[int]) -> None:
    numbers = [number for number, size in enumerate(sizes) for _ in range(size)]
    some = [asked([1.0], {}, str(place), group=number) for place, number in enumerate(numbers)]
    made = list(blocks(some))
    assert [one for _, block in made for one in block] == some
    assert len(made) <= BLOCKS
    for others, block in made:
        assert len(others) + len(block) == len(some)
        assert not {one.group for one in others} & {one.group for one in block}


def test_queries_of_no_group_are_blocks_of_equal_size() -> None:
    made = list(blocks([asked([1.0], {}, str(place)) for place in range(23)]))
    assert sorted(len(block) for _, block in made) == [4, 4, 5, 5, 5]
