"""What one query teaches: its candidates as numbers, and which of them the user chose.

The numbers are those the second stage orders by, so that what is fitted to them can be put in its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from docsearch.evaluate.metrics import ndcg10
from docsearch.records import PageId

Array = NDArray[np.float64]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as the engine answers it now, and what was chosen when it was asked.

    Attributes:
        query: as it was typed.
        at: when something was first chosen for it.
        pages: the candidates that the second stage orders, best first.
        signals: what each signal adds to their scores, shape (candidates, signals).
        vector: the query's vector, shape (dimensions,); empty where there is none.
        vectors: the pages' vectors less the mean one, shape (candidates, dimensions); zeros where a page
            has none.
        weight: what all words of the query weigh.
        wanted: how relevant pages are by what the user did, candidates or not; above 0.
        refused: pages the user called wrong.
        counts: how much the query counts, by how unlikely it was that the chosen page was looked at.
        group: the same for all wordings of one query; None when it is not known.
    """

    query: str
    at: float
    pages: tuple[PageId, ...]
    signals: Array
    vector: Vectors
    vectors: Vectors
    weight: float
    wanted: Mapping[PageId, float]
    refused: frozenset[PageId] = frozenset()
    counts: float = 1.0
    group: int | None = None

    @property
    def relevance(self) -> Array:
        """Of each candidate, shape (candidates,)."""
        return np.array([self.wanted.get(page, 0.0) for page in self.pages])

    @property
    def teaches(self) -> bool:
        """Whether a candidate is relevant and another is not."""
        relevance = self.relevance
        return bool(relevance.any() and not relevance.all())


def ndcg(asked: Asked, scores: Array) -> float:
    """nDCG@10 of the candidates in the order of `scores`, shape (candidates,); the gain is the relevance.

    Pages that were chosen and are no candidates count as not found. Equal scores keep their order.
    """
    return ndcg10(asked.relevance[np.argsort(-scores, kind="stable")], list(asked.wanted.values()))


def scores_as_they_are(asked: Asked) -> Array:
    """The sums of the signals, shape (candidates,)."""
    scores: Array = asked.signals.sum(axis=1)
    return scores


def mean_ndcg(asked: Sequence[Asked], scores: Sequence[Array]) -> float:
    """Mean nDCG@10 over queries; 0 for none."""
    return mean([ndcg(a, s) for a, s in zip(asked, scores, strict=True)])


def mean(values: Sequence[float]) -> float:
    """Their mean; 0 of none."""
    return float(np.mean(values)) if values else 0.0
