from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from docsearch.learn.ranking import Example, fit_factors, loss


def queries(wanted: list[float], count: int, seed: int) -> list[Example]:
    """Queries whose relevant page is the one that scores best when the signals count `wanted`."""
    generator = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        signals = generator.exponential(2.0, (30, len(wanted)))
        relevance = np.zeros(30)
        relevance[np.argmax(signals @ np.array(wanted))] = 1.0
        made.append(Example(signals, relevance))
    return made


def first_share(examples: list[Example], factors: np.ndarray) -> float:
    firsts = [e.relevance[np.argmax(e.signals @ factors)] for e in examples]
    return float(np.mean(firsts))


def test_what_the_pages_were_chosen_by_counts_more_and_noise_less() -> None:
    learned = fit_factors(queries([3.0, 1.0, 0.0], 200, 1), 0.001)
    assert learned[0] > learned[1] > learned[2]
    unseen = queries([3.0, 1.0, 0.0], 200, 2)
    assert first_share(unseen, learned) > first_share(unseen, np.ones(3)) + 0.2
    assert loss(unseen, learned) < loss(unseen, np.ones(3))


def test_little_data_changes_little() -> None:
    few = fit_factors(queries([3.0, 1.0, 0.0], 3, 1), 10.0)
    assert np.allclose(few, 1.0, atol=0.1)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.01, 5))
def test_a_fit_is_never_worse_than_what_it_started_from(seed: int, strength: float) -> None:
    examples = queries([1.0, 0.5, 2.0, 0.0], 20, seed)
    factors = fit_factors(examples, strength)
    scale = min((0.01, 0.03, 0.1, 0.3, 1.0, 3.0), key=lambda s: loss(examples, np.full(4, s)))
    best = min(loss(examples, factors * s) for s in np.geomspace(0.003, 30, 60))
    assert best <= loss(examples, np.full(4, scale)) + 0.01


def test_a_signal_that_says_nothing_stays_as_it_is() -> None:
    examples = [
        Example(np.column_stack([e.signals, np.zeros(30)]), e.relevance) for e in queries([1.0], 20, 4)
    ]
    assert fit_factors(examples, 0.1)[1] == 1.0


def test_queries_count_by_their_weight() -> None:
    one, other = queries([5.0, 0.2], 60, 5), queries([0.2, 5.0], 60, 6)
    mostly_one = [*one, *(Example(e.signals, e.relevance, 0.01) for e in other)]
    first, second = fit_factors(mostly_one, 0.01)
    assert first > second


def test_a_fixed_signal_does_not_move() -> None:
    factors = fit_factors(queries([3.0, 1.0, 0.0], 100, 1), 0.001, fixed=(2,))
    assert factors[2] == 1.0
    assert factors[0] > factors[1]
