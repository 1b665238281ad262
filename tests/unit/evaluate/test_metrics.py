from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.evaluate.judged import JudgedQuery, JudgedSet
from docsearch.evaluate.metrics import (
    MEASURES,
    QueryScores,
    bootstrap_interval,
    ndcg10,
    paired_difference,
    score_run,
)

DOCS = [f"folder/ü {number}.pdf#{number}" for number in range(12)]
grades = st.dictionaries(st.sampled_from(DOCS), st.integers(-1, 3), max_size=8)
rankings = st.lists(st.sampled_from(DOCS), unique=True)


def judged(*relevant: dict[str, int]) -> JudgedSet:
    return JudgedSet(tuple(JudgedQuery(f"q {n}", "words", grades) for n, grades in enumerate(relevant)))


def tied(docs: list[str]) -> list[tuple[str, float]]:
    """A ranking whose scores say nothing: its order must count."""
    return [(doc, 1.0) for doc in docs]


def scores_of(relevant: dict[str, int], docs: list[str]) -> dict[str, float]:
    return score_run(judged(relevant), {"q 0": tied(docs)}).means()


def ideal(relevant: dict[str, int]) -> list[str]:
    return sorted(relevant, key=lambda doc: -relevant[doc])


def test_one_relevant_document_at_rank_three() -> None:
    got = scores_of({"a": 1}, ["x", "y", "a"])
    expected = {"ndcg@5": 0.5, "ndcg@10": 0.5, "recall@10": 1.0, "recall@100": 1.0, "mrr@10": 1 / 3}
    assert got == pytest.approx(expected)


def test_graded_relevance_by_hand() -> None:
    """Gains 1, 0, 2 at ranks 1 to 3 against the ideal 2, 1, with log2(rank + 1) discounts."""
    dcg, best = 1 + 2 / math.log2(4), 2 + 1 / math.log2(3)
    assert scores_of({"a": 1, "b": 2}, ["a", "x", "b"])["ndcg@10"] == pytest.approx(dcg / best)


def test_cut_offs_by_hand() -> None:
    docs = [f"x{n}" for n in range(5)] + ["a"] + [f"y{n}" for n in range(5)] + ["b"]
    got = scores_of({"a": 1, "b": 1, "c": 1, "d": 1}, docs)
    assert got["ndcg@5"] == 0.0
    assert got["recall@10"] == 0.25
    assert got["recall@100"] == 0.5
    assert got["mrr@10"] == pytest.approx(1 / 6)


def test_mrr_ends_at_rank_ten() -> None:
    assert scores_of({"a": 1}, [f"x{n}" for n in range(10)] + ["a"])["mrr@10"] == 0.0


def test_a_document_named_twice_counts_where_it_stands_first() -> None:
    assert scores_of({"a": 1, "b": 1}, ["a", "a", "b"]) == scores_of({"a": 1, "b": 1}, ["a", "b"])


def test_queries_without_relevant_documents_or_results_count_zero() -> None:
    scores = score_run(judged({"a": 1}, {}, {"b": 0}, {"c": 1}, {"d": -2}), {"q 0": tied(["a"])})
    assert scores.values["ndcg@10"].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert scores.means() == pytest.approx(dict.fromkeys(MEASURES, 0.2))


def test_ids_that_look_alike_when_encoded_stay_apart() -> None:
    assert scores_of({"a b": 1}, ["a%20b"])["recall@100"] == 0.0


@given(grades)
def test_a_perfect_run_scores_one(relevant: dict[str, int]) -> None:
    expected = 1.0 if any(grade > 0 for grade in relevant.values()) else 0.0
    got = scores_of(relevant, ideal(relevant))
    assert got == pytest.approx(dict.fromkeys(MEASURES, expected))


@given(st.integers(1, 5), st.integers(1, 5))
def test_reversing_a_perfect_run_lowers_it(relevant: int, irrelevant: int) -> None:
    good, bad = [f"g{n}" for n in range(relevant)], [f"b{n}" for n in range(irrelevant)]
    wanted = dict.fromkeys(good, 1)
    assert scores_of(wanted, bad + good)["ndcg@10"] < scores_of(wanted, good + bad)["ndcg@10"]


@given(grades, rankings)
def test_metrics_stay_between_zero_and_one_and_agree_in_order(
    relevant: dict[str, int], docs: list[str]
) -> None:
    got = scores_of(relevant, docs)
    assert all(0.0 <= value <= 1.0 + 1e-9 for value in got.values())
    assert got["recall@10"] <= got["recall@100"]
    positive = {doc for doc, grade in relevant.items() if grade > 0}
    assert got["recall@100"] == pytest.approx(len(positive & set(docs)) / max(1, len(positive)))


@given(grades, rankings)
def test_the_same_scores_as_a_textbook_ndcg(relevant: dict[str, int], docs: list[str]) -> None:
    def dcg(order: list[str]) -> float:
        gains = [max(0, relevant.get(doc, 0)) for doc in order[:10]]
        return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))

    best = dcg(ideal(relevant))
    expected = pytest.approx(dcg(docs) / best if best else 0.0)
    assert scores_of(relevant, docs)["ndcg@10"] == expected
    positive = {doc: grade for doc, grade in relevant.items() if grade > 0}
    assert ndcg10([positive.get(doc, 0) for doc in docs], [*positive.values()]) == expected


def test_groups_hold_their_queries_only() -> None:
    queries = (
        JudgedQuery("1", "x", {"a": 1}, source="S", modality="text"),
        JudgedQuery("2", "x", {"a": 1}, source="R", modality="text"),
        JudgedQuery("3", "x", {"a": 1}, source="S"),
    )
    scores = score_run(JudgedSet(queries), {"1": tied(["a"]), "3": tied(["a"])})
    by_source = {name: some.means()["ndcg@5"] for name, some in scores.by("source").items()}
    assert by_source == {"R": 0.0, "S": 1.0}
    assert [query.id for query in scores.by("modality")["text"].queries] == ["1", "2"]
    assert list(scores.by("modality")) == ["text"]


def values(queries: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(queries).beta(0.5, 0.5, queries)


@given(st.integers(2, 200))
def test_the_interval_holds_the_mean_and_stays_inside_the_values(queries: int) -> None:
    sample = values(queries)
    interval = bootstrap_interval(sample, resamples=200)
    assert interval.mean == pytest.approx(sample.mean())
    assert sample.min() <= interval.low <= interval.mean <= interval.high <= sample.max()


def test_the_interval_narrows_with_the_square_root_of_the_queries() -> None:
    few, many = (bootstrap_interval(values(queries)) for queries in (100, 1600))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(4.0, rel=0.3)


def test_the_interval_agrees_with_the_normal_approximation() -> None:
    sample = values(1000)
    half = 1.96 * sample.std() / math.sqrt(len(sample))
    interval = bootstrap_interval(sample)
    assert interval.low == pytest.approx(sample.mean() - half, abs=half * 0.15)
    assert interval.high == pytest.approx(sample.mean() + half, abs=half * 0.15)


def test_the_same_seed_gives_the_same_interval() -> None:
    assert bootstrap_interval(values(50), seed=3) == bootstrap_interval(values(50), seed=3)
    assert bootstrap_interval(values(50), seed=3) != bootstrap_interval(values(50), seed=4)


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_interval(np.zeros(0))


def scored(sample: np.ndarray[tuple[int], np.dtype[np.float64]]) -> QueryScores:
    queries = tuple(JudgedQuery(str(number), "x") for number in range(len(sample)))
    return QueryScores(queries, {"ndcg@10": sample})


def test_pairing_sees_a_small_gain_that_all_queries_share() -> None:
    before = values(60) * 0.9
    difference = paired_difference(scored(before), scored(before + 0.02), "ndcg@10")
    alone = bootstrap_interval(before)
    assert difference.mean == pytest.approx(0.02)
    assert 0.0 < difference.low <= difference.high < alone.high - alone.low


def test_the_difference_changes_sign_with_its_sides() -> None:
    one, other = scored(values(40)), scored(values(40)[::-1].copy() * 0.5)
    forth, back = paired_difference(one, other, "ndcg@10"), paired_difference(other, one, "ndcg@10")
    assert (forth.mean, forth.low, forth.high) == pytest.approx((-back.mean, -back.high, -back.low))


def test_a_difference_needs_the_same_queries() -> None:
    with pytest.raises(ValueError, match="same queries"):
        paired_difference(scored(values(3)), scored(values(4)), "ndcg@10")


def test_without_the_extra_the_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['ir_measures'] = None\n"
        "from docsearch.errors import MissingExtra\n"
        "from docsearch.evaluate.judged import JudgedQuery, JudgedSet\n"
        "from docsearch.evaluate.metrics import score_run\n"
        "try: score_run(JudgedSet((JudgedQuery('q', 'x', {'a': 1}),)), {})\n"
        "except MissingExtra as error: print(error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "docsearch[eval]" in done.stdout
