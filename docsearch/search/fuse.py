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

_LOOKS = 0.3
"""What a picture looks like counts this much of what is read in it, and more where that is little:"""
_FEW_WORDS = 1.5
"""as much as this number of words."""


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
    text, seen = dict(retrieved.text), dict(retrieved.seen)
    similar = _scaled(dict(retrieved.vectors), _reach(retrieved))
    candidates = []
    for page in dict.fromkeys([*text, *seen, *similar]):
        scores = {
            "text": weights.text * text.get(page, 0.0),
            "document": weights.document * retrieved.documents.get(page.doc, 0.0) if text else 0.0,
            "words in picture": seen.get(page, 0.0),
            "vectors": (weights.vectors if text else 1.0) * similar.get(page, 0.0),
        }
        scores = {name: score for name, score in scores.items() if score}
        candidates.append(Candidate(page, scores, sum(scores.values())))
    return sorted(candidates, key=lambda c: (-c.score, c.page.doc, c.page.page))


def _reach(retrieved: Retrieved) -> float:
    """The score of the page whose vector is nearest; beside many words read in a picture the lesser part."""
    if retrieved.seen:
        best = max(score for _, score in retrieved.seen)
        return best * max(_LOOKS, _FEW_WORDS / retrieved.seen_terms)
    return max((score for _, score in retrieved.text), default=1.0)


def _scaled(similarities: dict[PageId, float], best: float) -> dict[PageId, float]:
    """Similarities stretched so that the last page of the list gets 0 and the first `best`."""
    if not similarities:
        return {}
    top, last = max(similarities.values()), min(similarities.values())
    span = (top - last) or 1.0
    return {page: best * max((value - last) / span, 1e-6) for page, value in similarities.items()}
