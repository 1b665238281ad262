"""Fuses the lists of the first stage into one score a page. Pure.

Scores are added, not ranks: BM25 scores of pages and documents are on one scale (sums of inverse
document frequencies), and their sizes say how sure a list is, which ranks throw away. Similarities of
vectors are brought to that scale by what the words of the query weigh together.
"""

from __future__ import annotations

from dataclasses import dataclass

from docsearch.records import Candidate, PageId
from docsearch.search.retrieve import RankedPages, Retrieved

MEANING = "meaning"
TRUSTED = 0.3
"""From this weight on vectors may answer alone."""

_LOOKS = 0.3
"""What a picture looks like counts this much of what is read in it, and more where that is little:"""
_FEW_WORDS = 1.5
"""as much as this number of words."""


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """What each list counts; found on judged queries (see README, Figures).

    Attributes:
        text: BM25 of the page.
        document: evidence that it is this document.
        meaning: a standard deviation of similarity, as a share of what the words of the query weigh.
    """

    text: float = 1.0
    document: float = 1.5
    meaning: float = 0.0

    @property
    def trusts_vectors(self) -> bool:
        """Whether vectors alone, without a single word in common, make a page an answer."""
        return self.meaning >= TRUSTED


def fuse(retrieved: Retrieved, weights: FusionWeights) -> list[Candidate]:
    """Candidates, best first; ties are broken by document and page so that a run can be repeated.

    Pages that the list of vectors does not hold count there as its last one does.
    """
    text, seen = dict(retrieved.text), dict(retrieved.seen)
    looks = _stretched(retrieved.looks, _reach(retrieved))
    meaning = _above(retrieved.meaning, retrieved.meaning_weight)
    alone = [page for page, similarity in retrieved.meaning if similarity >= retrieved.meaning_alone]
    candidates = []
    for page in dict.fromkeys([*text, *seen, *looks, *alone]):
        scores = {
            "text": weights.text * text.get(page, 0.0),
            "document": weights.document * retrieved.documents.get(page.doc, 0.0) if text else 0.0,
            MEANING: meaning.get(page, 0.0),
            "words in picture": seen.get(page, 0.0),
            "looks": looks.get(page, 0.0),
        }
        scores = {name: score for name, score in scores.items() if score}
        candidates.append(Candidate(page, scores, sum(scores.values())))
    return sorted(candidates, key=lambda c: (-c.score, c.page.doc, c.page.page))


def _above(similar: RankedPages, weight: float) -> dict[PageId, float]:
    """How much more similar each page is than the last of the list, weighted."""
    last = min((value for _, value in similar), default=0.0)
    return {page: weight * (value - last) for page, value in similar} if weight else {}


def _reach(retrieved: Retrieved) -> float:
    """The score of the page that looks most alike; beside many words read in a picture the lesser part."""
    if retrieved.seen:
        best = max(score for _, score in retrieved.seen)
        return best * max(_LOOKS, _FEW_WORDS / retrieved.seen_terms)
    return max((score for _, score in retrieved.text), default=1.0)


def _stretched(similar: RankedPages, best: float) -> dict[PageId, float]:
    """Similarities stretched so that the last of the list gets next to nothing and the first `best`."""
    if not similar:
        return {}
    top, last = max(value for _, value in similar), min(value for _, value in similar)
    span = (top - last) or 1.0
    return {page: best * max((value - last) / span, 1e-6) for page, value in similar}
