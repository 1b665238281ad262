"""Answers queries: parse, retrieve, fuse, rerank, show. The only module that knows all stages."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from docsearch.config import SearchSettings
from docsearch.errors import ModelUnavailable
from docsearch.models.protocols import Embedder, ModelInput
from docsearch.records import Candidate, Filters, Hit, PageId, Query, SearchResult, Snippet, TextSource
from docsearch.search.fuse import FusionWeights, fuse
from docsearch.search.learned import Learned
from docsearch.search.matching import TermMatcher
from docsearch.search.picture import Picture, telling_terms
from docsearch.search.rerank import HeadReranker
from docsearch.search.retrieve import QueryVector, Retriever
from docsearch.search.snippet import make_snippet
from docsearch.search.terms import QueryTerms, query_terms
from docsearch.store.files import StoredFile
from docsearch.store.index import Index
from docsearch.store.tables import EVERYTHING, Selection

_CLOSE = 4.0
"""Standard deviations; of pages that answer a query without sharing a word nearly all stand higher."""
_NO_PASSAGE = (Snippet(""), TextSource.NONE)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates in their final order, with what led there."""

    query: Query
    terms: QueryTerms
    candidates: list[Candidate]
    vector: QueryVector | None = None
    selection: Selection = EVERYTHING


class Engine:
    """Search over one index.

    Args:
        index: the stores to search.
        settings: how many candidates and hits.
        embedder: loads the embedder when a query first needs it; without one there is no vector list.
        reranker: orders the head; without one the fused order stands.
        picture: opens a picture to search with, and reads the words in it.
        weights: what each list counts.
        learned: says what was learned from the user's clicks, when a query asks for it.
    """

    def __init__(
        self,
        index: Index,
        settings: SearchSettings,
        *,
        embedder: Callable[[], Embedder] | None = None,
        reranker: HeadReranker | None = None,
        picture: Callable[[Path], Picture] | None = None,
        weights: FusionWeights | None = None,
        learned: Callable[[], Learned | None] = lambda: None,
    ) -> None:
        self.index = index
        self.settings = settings
        self.embedder = embedder
        self.reranker = reranker
        self.picture = picture
        self.weights = weights or FusionWeights(meaning=settings.vectors)
        self.learned = learned

    def variant(self, weights: FusionWeights, *, rerank: bool) -> Engine:
        """The same engine with other fusion weights, with or without its reranker; nothing learned."""
        reranker = self.reranker if rerank else None
        return Engine(
            self.index,
            self.settings,
            embedder=self.embedder,
            reranker=reranker,
            picture=self.picture,
            weights=weights,
        )

    def search(self, query: Query, limit: int | None = None) -> SearchResult:
        """Hits for a query, best first."""
        started = time.perf_counter()
        return self.show(self.rank(query), limit or self.settings.results, started)

    def stream(
        self, query: Query, limit: int | None = None, at_once: int | None = None
    ) -> Iterator[SearchResult]:
        """The fused order as soon as it is there, then the reranked one where that differs.

        With `at_once`, only so many hits of the first result have a snippet; the last one is complete.
        """
        started = time.perf_counter()
        limit = limit or self.settings.results
        ranking = self.first_stage(query)
        first = self.show(self._recalled(ranking), limit, started, at_once)
        yield first
        reranked = self.second_stage(ranking)
        if reranked is not ranking or len(first.hits) > (at_once or limit):
            yield self.show(reranked, limit, started, known=first.hits[:at_once])

    def rank(self, query: Query) -> Ranking:
        """The final order of all candidates, without looking at files or snippets."""
        return self.second_stage(self.first_stage(query))

    def first_stage(self, query: Query) -> Ranking:
        """Retrieves and fuses."""
        live = self.index.documents.live()
        terms = self.terms(query)
        selection = self._selection(query.filters)
        if selection.documents is not None and not selection.documents:
            return Ranking(query, terms, [])
        if not terms.full_text() and query.image is None:
            return Ranking(query, terms, self._browse(query, selection))
        retriever = Retriever(self.index, self.settings.candidates)
        picture = self._open_picture(query)
        vector = self._vector(terms, picture)
        asked = retriever.begin_similar(vector, selection, live)
        retrieved = retriever.words(terms, selection, live)
        if picture:
            telling = telling_terms(picture.text, self.index)
            seen = retriever.seen(telling, selection, live)
            retrieved = replace(retrieved, seen=seen, seen_terms=len(telling), looks=asked())
            return Ranking(query, terms, fuse(retrieved, self.weights))
        if not vector or not vector.tells or not (retrieved.text or self.weights.trusts_vectors):
            return Ranking(query, terms, fuse(retrieved, self.weights), selection=selection)
        retrieved = replace(
            retrieved,
            meaning=[(page, vector.standardised(similarity)) for page, similarity in asked()],
            meaning_weight=vector.weight,
            meaning_alone=self._similar_enough(terms),
        )
        return Ranking(query, terms, fuse(retrieved, self.weights), vector, selection)

    def second_stage(self, ranking: Ranking) -> Ranking:
        """Reranks the head and adds what was learned; the same ranking when that changes nothing."""
        reranked = self.reranked(ranking)
        learned = self.learned()
        if learned is None or not ranking.terms.groups or ranking.query.image:
            return reranked
        head, tail = _split(reranked.candidates, self.settings.rerank)
        head = learned.rescored(ranking.terms, head, ranking.vector)
        return self._recalled(replace(reranked, candidates=[*head, *tail]))

    def reranked(self, ranking: Ranking) -> Ranking:
        """Reranks the head; the same ranking when there is nothing to rerank with or about."""
        head, tail = _split(ranking.candidates, self.settings.rerank)
        if self.reranker is None or not ranking.terms.groups or ranking.query.image or len(head) < 2:
            return ranking
        reranked = self.reranker.rerank(ranking.terms, head, ranking.vector)
        return replace(ranking, candidates=[*reranked, *tail])

    def _recalled(self, ranking: Ranking) -> Ranking:
        """With known answers in their place; with exact phrases and excluded words only candidates are."""
        learned, terms = self.learned(), ranking.terms
        if learned is None or not terms.groups or ranking.query.image:
            return ranking
        live, chosen = self.index.documents.live(), ranking.selection.documents
        exact = bool(terms.phrases or terms.excluded)

        def allowed(page: PageId) -> bool:
            return not exact and page.doc in live and (chosen is None or page.doc in chosen)

        return replace(ranking, candidates=learned.recalled(terms, ranking.candidates, allowed))

    def terms(self, query: Query) -> QueryTerms:
        """The index terms of a query."""
        _, pages, _ = self.index.documents.totals()
        return query_terms(query, self.index.analyzer, self.index.vocabulary, pages)

    def matcher(self, terms: QueryTerms) -> TermMatcher:
        """Finds the words of these terms in texts of this index."""
        return TermMatcher(terms, self.index.vocabulary.spellings(terms.terms))

    def show(
        self,
        ranking: Ranking,
        limit: int,
        started: float,
        at_once: int | None = None,
        known: Sequence[Hit] = (),
    ) -> SearchResult:
        """The first candidates as hits; files and texts are looked up for these only.

        With `at_once`, snippets are made for so many of them; those of `known` hits are taken as they are.
        """
        head = ranking.candidates[:limit]
        passages = self._passages(head[:at_once], ranking.terms, known)
        hits = self._hits(head, passages)
        seconds = time.perf_counter() - started
        notes = () if hits else self._why_nothing(ranking)
        return SearchResult(ranking.query, hits, seconds, ranking.terms.corrections, notes)

    def _why_nothing(self, ranking: Ranking) -> tuple[str, ...]:
        """What could explain an empty result."""
        query = ranking.query
        if not self.index.documents.live():
            return ("nothing is indexed yet; docsearch index FOLDER adds a folder",)
        if query.filters and not self.index.files.matching(query.filters):
            return ("no document passes the filters",)
        if not ranking.terms.full_text() and query.image is None:
            return ("the query has no words to look for",)
        waiting = sum(map(len, self.index.documents.waiting_for_ocr().values()))
        return (f"{waiting} pages still wait for OCR; docsearch index goes on",) if waiting else ()

    def _selection(self, filters: Filters) -> Selection:
        return Selection(frozenset(self.index.files.matching(filters)) if filters else None)

    def _open_picture(self, query: Query) -> Picture | None:
        """The picture of a query, opened and read."""
        if query.image is None:
            return None
        if self.embedder is None or self.picture is None:
            raise ModelUnavailable(
                "searching by picture needs an embedder", hint='set embedder = "starter" in [models]'
            )
        return self.picture(query.image)

    def _vector(self, terms: QueryTerms, picture: Picture | None) -> QueryVector | None:
        """The query as a vector, when there is an embedder for it and it would count."""
        if self.embedder is None or not (picture or self.weights.meaning):
            return None
        embedder = self.embedder()
        table = self.index.vectors(embedder.fingerprint, embedder.dimensions)
        if not table.exists():
            return None
        image = picture.image if picture else None
        [vector] = embedder.embed_queries([ModelInput(text=terms.text, image=image)])
        return QueryVector(table, vector, self.weights.meaning * terms.weight)

    def _similar_enough(self, terms: QueryTerms) -> float:
        """From which similarity on a page may do without the words of the query.

        None is enough for exact phrases and excluded words; any where vectors are trusted.
        """
        if terms.phrases or terms.excluded:
            return math.inf
        return -math.inf if self.weights.trusts_vectors else _CLOSE

    def _browse(self, query: Query, selection: Selection) -> list[Candidate]:
        """For filters without words: first pages of the newest documents."""
        if selection.documents is None or not query.filters:
            return []
        files = self.index.files.of_documents(selection.documents)
        newest = sorted(files, key=lambda d: (-max(file.mtime_ns for file in files[d]), d))
        return [Candidate(PageId(document, 1), {}, 0.0) for document in newest[: self.settings.candidates]]

    def _passages(
        self, candidates: Sequence[Candidate], terms: QueryTerms, known: Sequence[Hit]
    ) -> dict[PageId, tuple[Snippet, TextSource]]:
        """What is shown of the text of these pages, and where the text comes from."""
        passages = {hit.page: (hit.snippet, hit.source) for hit in known}
        new = [candidate.page for candidate in candidates if candidate.page not in passages]
        matcher = self.matcher(terms)
        texts = self.index.pages.texts(new)
        return passages | {
            page: (make_snippet(text, matcher), source) for page, (text, source) in texts.items()
        }

    def _hits(
        self, candidates: Sequence[Candidate], passages: Mapping[PageId, tuple[Snippet, TextSource]]
    ) -> tuple[Hit, ...]:
        numbers = {candidate.page.doc for candidate in candidates}
        documents = self.index.documents.get(numbers)
        files = self.index.files.of_documents(numbers)
        hits: list[Hit] = []
        for candidate in candidates:
            page = candidate.page
            if page.doc not in documents or page.doc not in files:
                continue
            snippet, source = passages.get(page, _NO_PASSAGE)
            file, *copies = files[page.doc]
            hits.append(
                Hit(
                    rank=len(hits) + 1,
                    page=page,
                    path=file.path,
                    title=documents[page.doc].title or file.path.stem,
                    pages=documents[page.doc].pages,
                    score=candidate.score,
                    snippet=snippet,
                    source=source,
                    modified=_modified(file),
                    scores=candidate.scores,
                    copies=tuple(copy.path for copy in copies),
                )
            )
        return tuple(hits)


def _split(candidates: list[Candidate], head: int) -> tuple[list[Candidate], list[Candidate]]:
    return candidates[:head], candidates[head:]


def _modified(file: StoredFile) -> date:
    return date.fromtimestamp(file.mtime_ns / 1e9)
