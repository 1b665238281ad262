"""Effectiveness per query through ir_measures, and bootstrap intervals of its mean; nDCG@10 without them.

Knows judgements and runs; where they come from is no matter here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from docsearch.errors import MissingExtra
from docsearch.evaluate.judged import JudgedQuery, JudgedSet
from docsearch.evaluate.run import Ranking, Run, encode_id, first_mentions

Values = NDArray[np.float64]

MEASURES: Mapping[str, str] = {
    "ndcg@5": "nDCG@5",
    "ndcg@10": "nDCG@10",
    "recall@10": "R@10",
    "recall@100": "R@100",
    "mrr@10": "RR@10",
}
"""Name in our reports -> name in ir_measures (its defaults: grade 1 and above is relevant, linear gain)."""

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over queries and its 95 % confidence interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class QueryScores:
    """Every metric for every query of a judged set, between 0 and 1."""

    queries: tuple[JudgedQuery, ...]
    values: Mapping[str, Values]
    """Metric -> one value a query, shape (len(queries),), in the order of `queries`."""

    def means(self) -> dict[str, float]:
        """Metric -> mean over all queries."""
        return {metric: float(values.mean()) for metric, values in self.values.items()}

    def intervals(self) -> dict[str, Interval]:
        """Metric -> mean with its 95 % bootstrap interval."""
        return {metric: bootstrap_interval(values) for metric, values in self.values.items()}

    def by(self, attribute: str) -> dict[str, QueryScores]:
        """The scores apart for every value of `source` or `modality`; queries without one are in none."""
        groups: dict[str, list[int]] = {}
        for index, query in enumerate(self.queries):
            groups.setdefault(getattr(query, attribute), []).append(index)
        return {name: self._only(groups[name]) for name in sorted(groups) if name}

    def _only(self, indices: list[int]) -> QueryScores:
        queries = tuple(self.queries[index] for index in indices)
        return QueryScores(queries, {metric: values[indices] for metric, values in self.values.items()})


def score_run(judged: JudgedSet, run: Run) -> QueryScores:
    """Score `run` against the judgements.

    A query without a relevant document, or missing from the run, counts 0 in every metric.
    Raises MissingExtra when ir_measures is not installed.
    """
    measures, calculate = _ir_measures()
    qrels = {str(index): _positive(query) for index, query in enumerate(judged.queries)}
    ranked = {str(index): _falling(run.get(query.id, ())) for index, query in enumerate(judged.queries)}
    values = {metric: np.zeros(len(judged.queries)) for metric in MEASURES}
    answerable = {key: grades for key, grades in qrels.items() if grades}
    for result in calculate(list(measures), answerable, ranked):
        values[measures[result.measure]][int(result.query_id)] = result.value
    return QueryScores(judged.queries, values)


def ndcg10(ranked: ArrayLike, relevant: ArrayLike) -> float:
    """nDCG@10 of one ranking, the same as of `score_run`; 0 when nothing is relevant.

    Järvelin and Kekäläinen, ACM TOIS 2002, with linear gain.

    Args:
        ranked: the gain of each place, best first, 0 or more; what comes behind the tenth does not count.
        relevant: the gains of all that is relevant, found or not, in any order.
    """
    gains = np.asarray(ranked, np.float64)[:10]
    best = np.sort(np.asarray(relevant, np.float64))[::-1][:10]
    discounts = 1 / np.log2(np.arange(2, 12))
    ideal = float(best @ discounts[: len(best)])
    return float(gains @ discounts[: len(gains)]) / ideal if ideal > 0 else 0.0


def bootstrap_interval(values: Values, seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """The mean of `values`, shape (queries,), and its 95 % percentile bootstrap interval.

    Queries are resampled with replacement (Efron 1979; for retrieval, Sakai 2006). The same seed
    gives the same interval.
    """
    if not len(values):
        raise ValueError("a mean needs at least one query")
    means = _resampled_means(values, np.random.default_rng(seed), resamples)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


def paired_difference(before: QueryScores, after: QueryScores, metric: str, seed: int = 0) -> Interval:
    """The mean of `after` - `before` over the same queries, with its paired bootstrap interval.

    An interval that leaves out 0 is a difference beyond chance. Raises ValueError when the two do
    not hold the same queries in the same order.
    """
    if [query.id for query in before.queries] != [query.id for query in after.queries]:
        raise ValueError("a paired difference needs the same queries on both sides")
    return bootstrap_interval(after.values[metric] - before.values[metric], seed)


def _resampled_means(values: Values, random: np.random.Generator, resamples: int) -> Values:
    """Means of `resamples` samples of the size of `values`, in batches of about 8 MB."""
    size = len(values)
    batch = max(1, 2**20 // size)
    batches = [min(batch, resamples - start) for start in range(0, resamples, batch)]
    return np.concatenate([values[random.integers(size, size=(rows, size))].mean(axis=1) for rows in batches])


def _ir_measures() -> tuple[dict[Any, str], Callable[..., Iterable[Any]]]:
    """Measure object -> our name for it, and the function that calculates them."""
    try:
        import ir_measures
    except ImportError as error:
        raise MissingExtra("evaluation", "eval") from error
    measures = {ir_measures.parse_measure(name): metric for metric, name in MEASURES.items()}
    return measures, ir_measures.iter_calc


def _positive(query: JudgedQuery) -> dict[str, int]:
    """Grades of 0 and below say the same as no judgement, and trec_eval does not take the latter."""
    return {encode_id(doc): grade for doc, grade in query.relevant.items() if grade > 0}


def _falling(ranking: Ranking) -> dict[str, float]:
    """Scores that fall with the rank: the measured order is ours, ties and all, not a re-sorted one."""
    documents = first_mentions(ranking)
    return {encode_id(doc): float(len(documents) - rank) for rank, (doc, _) in enumerate(documents)}
