"""Fuses the lists of the first stage into one score a page. Pure.

Scores are added, not ranks: BM25 scores of pages and documents are on one scale (sums of inverse
document frequencies), and their sizes say how sure a list is, which ranks throw away. Similarities
of vectors are brought to that scale by the best text score of the query.
"""

from __future__ import annotations

from dataclasses import dataclass

from docsearch.records import Candidate, PageId
from docsearch.search.retrieve import Retrieved

TRUSTED = 0.5
"""From this weight on vectors may answer alone."""


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """What each list counts; found on judged queries (see README, Figures)."""

    text: float = 1.0
    document: float = 1.5
    vectors: float = 0.0

    @property
    def trusts_vectors(self) -> bool:
        """Whether vectors alone, without a single word in common, make a page an answer."""
        return self.vectors >= TRUSTED


def fuse(retrieved: Retrieved, weights: FusionWeights) -> list[Candidate]:
    """Candidates, best first; ties are broken by document and page so that a run can be repeated."""
    text = dict(retrieved.text)
    similar = _scaled(dict(retrieved.vectors), max(text.values(), default=1.0))
    candidates = []
    for page in dict.fromkeys([*text, *similar]):
        scores = {
            "text": weights.text * text.get(page, 0.0),
            "document": weights.document * retrieved.documents.get(page.doc, 0.0) if text else 0.0,
            "vectors": (weights.vectors if text else 1.0) * similar.get(page, 0.0),
        }
        scores = {name: score for name, score in scores.items() if score}
        candidates.append(Candidate(page, scores, sum(scores.values())))
    return sorted(candidates, key=lambda c: (-c.score, c.page.doc, c.page.page))


def _scaled(similarities: dict[PageId, float], best: float) -> dict[PageId, float]:
    """Similarities stretched so that the last page of the list gets 0 and the first `best`."""
    if not similarities:
        return {}
    top, last = max(similarities.values()), min(similarities.values())
    span = (top - last) or 1.0
    return {page: best * max((value - last) / span, 1e-6) for page, value in similarities.items()}
