"""First-stage retrieval: candidate pages from full text, from document evidence, and from vectors.

Each list is asked with the filters pushed down. Pages whose document is no longer live are left
out, and asked for again further down when they took the place of live ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property

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
_FEWEST_DRAWN = 8


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What the first stage found.

    Attributes:
        text: BM25 of pages, best first.
        documents: document evidence: BM25 of title and names plus 0.3 times that of the first pages.
        meaning: standardised similarity of page vectors to that of the words, best first (see `QueryVector`).
        meaning_weight: what a unit of it counts.
        meaning_alone: from which similarity on a page that text did not find is an answer.
        looks: similarity of page vectors to that of a picture, best first.
        seen: BM25 of pages over the words read in a picture, best first.
        seen_terms: how many words that were.
    """

    text: RankedPages = field(default_factory=list)
    documents: dict[int, float] = field(default_factory=dict)
    meaning: RankedPages = field(default_factory=list)
    meaning_weight: float = 0.0
    meaning_alone: float = 0.0
    looks: RankedPages = field(default_factory=list)
    seen: RankedPages = field(default_factory=list)
    seen_terms: int = 1


class Retriever:
    """Asks the stores. `live` and `selection` come from the catalog once a query."""

    def __init__(self, index: Index, limit: int) -> None:
        self.index = index
        self.limit = limit

    def words(self, terms: QueryTerms, selection: Selection, live: Set[int]) -> Retrieved:
        """Pages by BM25 and document evidence, with the best pages of the documents that have most of it.

        A document whose name or title holds the words and whose pages do not counts by its first page.
        """
        query = terms.full_text()
        asked = [self._ask_pages(query, selection)]
        documents = self.documents(terms)
        best = self._best_documents(documents, selection, live)
        if best:
            asked.append(self._ask_pages(query, Selection(frozenset(best), selection.leading_pages)))
        found = {page: score for answer in asked for page, score in answer.live(live)}
        if not query.phrases and not query.excluded:
            known = {page.doc for page in found}
            found |= {PageId(document, 1): 0.0 for document in best if document not in known}
        return Retrieved(_ranked(found), documents)

    def documents(self, terms: QueryTerms) -> dict[int, float]:
        """Evidence for documents: what their titles, names and first pages say."""
        evidence = self.index.evidence
        scores = evidence.name_scores(terms.terms, self.limit)
        for document, score in evidence.lead_scores(terms.terms, self.limit).items():
            scores[document] = scores.get(document, 0.0) + _LEAD_WEIGHT * score
        return scores

    def seen(self, terms: tuple[str, ...], selection: Selection, live: Set[int]) -> RankedPages:
        """Pages by BM25 over terms that were read in a picture."""
        return self._ask_pages(TermQuery(terms), selection).live(live)

    def begin_similar(
        self, query: QueryVector | None, selection: Selection, live: Set[int]
    ) -> Callable[[], RankedPages]:
        """Asks for pages by similarity to a query vector, if there is one; what it returns waits."""
        if query is None:
            return list
        asked = _Asked(lambda limit: query.table.begin_nearest(query.vector, limit, selection), self.limit)
        return lambda: asked.live(live)

    def _ask_pages(self, query: TermQuery, selection: Selection) -> _Asked:
        return _Asked(lambda limit: self.index.pages.begin_match(query, limit, selection), self.limit)

    def _best_documents(self, scores: Mapping[int, float], selection: Selection, live: Set[int]) -> list[int]:
        allowed = live if selection.documents is None else live & selection.documents
        ranked = sorted((d for d in scores if d in allowed), key=lambda d: (-scores[d], d))
        return ranked[:_BEST_DOCUMENTS]


class QueryVector:
    """A query vector, shape (dimensions,), against one table of page vectors.

    Similarities count in standard deviations above the mean of pages drawn at random: what a cosine is
    worth differs from model to model and from query to query, what sets a page off from others does not.
    """

    def __init__(self, table: VectorTable, vector: NDArray[np.float32], weight: float) -> None:
        """`weight` is what a standard deviation adds to a page's score."""
        self.table = table
        self.vector = vector
        self.weight = weight
        self._sample = table.begin_sample()

    @property
    def tells(self) -> bool:
        """Whether there are enough pages to compare with."""
        return len(self._drawn) >= _FEWEST_DRAWN and self._deviation > 0

    def standardised(self, similarity: float) -> float:
        """A dot product as standard deviations above that of unrelated pages."""
        return (similarity - self._mean) / self._deviation

    def begin_of(self, pages: Iterable[PageId]) -> Callable[[], dict[PageId, float]]:
        """Asks for the similarity of these pages, as far as they have vectors; what it returns waits."""
        asked = self.table.begin_similarities(self.vector, pages)
        return lambda: {page: self.standardised(value) for page, value in asked.result().items()}

    @cached_property
    def _drawn(self) -> NDArray[np.float32]:
        """The similarity of pages drawn at random, those without a vector left out."""
        drawn = self._sample.result() @ self.vector
        return np.asarray(drawn[drawn != 0])

    @cached_property
    def _mean(self) -> float:
        return float(self._drawn.mean())

    @cached_property
    def _deviation(self) -> float:
        return float(self._drawn.std())


class _Asked:
    """A list that was asked for, `limit` rows of it first; the answer is only waited for in `live`."""

    def __init__(self, ask: Callable[[int], Future[RankedPages]], limit: int) -> None:
        self.ask = ask
        self.limit = limit
        self.answer = ask(limit)

    def live(self, live: Set[int]) -> RankedPages:
        """The first `limit` live pages; more rows are asked for when others took their places."""
        asked = self.limit
        while True:
            rows = self.answer.result()
            alive = [(page, score) for page, score in rows if page.doc in live]
            if len(alive) >= self.limit or len(rows) < asked:
                return alive[: self.limit]
            asked *= 4
            self.answer = self.ask(asked)


def _ranked(scores: dict[PageId, float]) -> RankedPages:
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0].doc, pair[0].page))
