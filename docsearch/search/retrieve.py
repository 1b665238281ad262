"""First-stage retrieval: candidate pages from full text, from document evidence, and from vectors.

Each list is asked with the filters pushed down. Pages whose document is no longer live are left
out, and asked for again further down when they took the place of live ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from docsearch.records import PageId
from docsearch.search.terms import QueryTerms
from docsearch.store.index import Index
from docsearch.store.pages import TermQuery
from docsearch.store.tables import Selection
from docsearch.store.vectors import VectorTable

RankedPages = list[tuple[PageId, float]]

_BEST_DOCUMENTS = 10
_LEAD_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What the first stage found.

    Attributes:
        text: BM25 of pages, best first.
        documents: document evidence: BM25 of title and names plus 0.3 times that of the first pages.
        vectors: cosine similarity of page vectors, best first.
    """

    text: RankedPages = field(default_factory=list)
    documents: dict[int, float] = field(default_factory=dict)
    vectors: RankedPages = field(default_factory=list)


class Retriever:
    """Asks the stores. `live` and `selection` come from the catalog once a query."""

    def __init__(self, index: Index, limit: int) -> None:
        self.index = index
        self.limit = limit

    def text(
        self, terms: QueryTerms, documents: Mapping[int, float], selection: Selection, live: Set[int]
    ) -> RankedPages:
        """Pages by BM25, with the best pages of the documents that have most evidence added.

        A document whose name or title holds the words and whose pages do not counts by its first page.
        """
        query = terms.full_text()
        found = dict(self._pages(query, selection, live))
        best = self._best_documents(documents, selection, live)
        if best:
            found |= dict(self._pages(query, Selection(frozenset(best), selection.leading_pages), live))
        if not query.phrases and not query.excluded:
            known = {page.doc for page in found}
            found |= {PageId(document, 1): 0.0 for document in best if document not in known}
        return _ranked(found)

    def documents(self, terms: QueryTerms) -> dict[int, float]:
        """Evidence for documents: what their titles, names and first pages say."""
        evidence = self.index.evidence
        scores = evidence.name_scores(terms.terms, self.limit)
        for document, score in evidence.lead_scores(terms.terms, self.limit).items():
            scores[document] = scores.get(document, 0.0) + _LEAD_WEIGHT * score
        return scores

    def vectors(
        self, table: VectorTable, vector: NDArray[np.float32], selection: Selection, live: Set[int]
    ) -> RankedPages:
        """Pages by similarity to a query vector, shape (dimensions,)."""
        return self._live(lambda limit: table.nearest(vector, limit, selection), live)

    def _pages(self, query: TermQuery, selection: Selection, live: Set[int]) -> RankedPages:
        return self._live(lambda limit: self.index.pages.match(query, limit, selection), live)

    def _live(self, ask: Callable[[int], RankedPages], live: Set[int]) -> RankedPages:
        """The first `limit` live pages of a list that can be asked for any number of rows."""
        limit = self.limit
        while True:
            rows = ask(limit)
            alive = [(page, score) for page, score in rows if page.doc in live]
            if len(alive) >= self.limit or len(rows) < limit:
                return alive[: self.limit]
            limit *= 4

    def _best_documents(self, scores: Mapping[int, float], selection: Selection, live: Set[int]) -> list[int]:
        allowed = live if selection.documents is None else live & selection.documents
        ranked = sorted((d for d in scores if d in allowed), key=lambda d: (-scores[d], d))
        return ranked[:_BEST_DOCUMENTS]


def _ranked(scores: dict[PageId, float]) -> RankedPages:
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0].doc, pair[0].page))
