"""Answers queries: parse, retrieve, fuse, rerank, show. The only module that knows all stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from docsearch.config import SearchSettings
from docsearch.errors import ModelUnavailable
from docsearch.models.protocols import Embedder, ModelInput
from docsearch.records import Candidate, Filters, Hit, PageId, Query, SearchResult, TextSource
from docsearch.search.fuse import FusionWeights, fuse, with_meaning
from docsearch.search.matching import TermMatcher
from docsearch.search.picture import Picture, telling_terms
from docsearch.search.rerank import HeadReranker
from docsearch.search.retrieve import QueryVector, Retrieved, Retriever
from docsearch.search.snippet import make_snippet
from docsearch.search.terms import QueryTerms, query_terms
from docsearch.store.files import StoredFile
from docsearch.store.index import Index
from docsearch.store.tables import Selection


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates in their final order, with what led there."""

    query: Query
    terms: QueryTerms
    candidates: list[Candidate]
    vector: QueryVector | None = None


class Engine:
    """Search over one index.

    Args:
        index: the stores to search.
        settings: how many candidates and hits.
        embedder: loads the embedder when a query first needs it; without one there is no vector list.
        reranker: orders the head; without one the fused order stands.
        picture: opens a picture to search with, and reads the words in it.
        weights: what each list counts.
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
    ) -> None:
        self.index = index
        self.settings = settings
        self.embedder = embedder
        self.reranker = reranker
        self.picture = picture
        self.weights = weights or FusionWeights(meaning=settings.vectors)

    def variant(self, weights: FusionWeights, *, rerank: bool) -> Engine:
        """The same engine with other fusion weights, with or without its reranker."""
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

    def stream(self, query: Query, limit: int | None = None) -> Iterator[SearchResult]:
        """The fused order as soon as it is there, then the reranked one where that differs."""
        started = time.perf_counter()
        limit = limit or self.settings.results
        ranking = self.first_stage(query)
        yield self.show(ranking, limit, started)
        reranked = self.second_stage(ranking)
        if reranked is not ranking:
            yield self.show(reranked, limit, started)

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
        retrieved = retriever.words(terms, selection, live)
        picture = self._open_picture(query)
        if picture:
            telling = telling_terms(picture.text, self.index)
            seen = retriever.seen(telling, selection, live)
            retrieved = replace(retrieved, seen=seen, seen_terms=len(telling))
        vector = self._vector(terms, picture) if self._asks_vectors(retrieved, picture) else None
        if vector:
            similar = retriever.similar(vector, selection, live)
            retrieved = replace(retrieved, looks=similar) if picture else replace(retrieved, meaning=similar)
        return Ranking(query, terms, fuse(retrieved, self.weights), vector)

    def second_stage(self, ranking: Ranking) -> Ranking:
        """Reranks the head; the same ranking when there is nothing to rerank with or about."""
        head, tail = _split(ranking.candidates, self.settings.rerank)
        if self.reranker is None or not ranking.terms.groups or ranking.query.image or len(head) < 2:
            return ranking
        reranked = self.reranker.rerank(ranking.terms, self._looked_up(ranking, head))
        return replace(ranking, candidates=[*reranked, *tail])

    def terms(self, query: Query) -> QueryTerms:
        """The index terms of a query."""
        _, pages, _ = self.index.documents.totals()
        return query_terms(query, self.index.analyzer, self.index.vocabulary, pages)

    def matcher(self, terms: QueryTerms) -> TermMatcher:
        """Finds the words of these terms in texts of this index."""
        return TermMatcher(terms, self.index.vocabulary.spellings(terms.terms))

    def show(self, ranking: Ranking, limit: int, started: float) -> SearchResult:
        """The first candidates as hits; files and texts are looked up for these only."""
        head = ranking.candidates[:limit]
        hits = self._hits(head, ranking.terms)
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

    def _asks_vectors(self, retrieved: Retrieved, picture: Picture | None) -> bool:
        """Whether the vector list could change anything."""
        if picture or self.weights.trusts_vectors:
            return True
        return bool(self.weights.meaning and retrieved.text)

    def _vector(self, terms: QueryTerms, picture: Picture | None) -> QueryVector | None:
        """The query as a vector; None without an embedder, or without pages to compare with."""
        if self.embedder is None:
            return None
        embedder = self.embedder()
        table = self.index.vectors(embedder.fingerprint, embedder.dimensions)
        image = picture.image if picture else None
        [vector] = embedder.embed_queries([ModelInput(text=terms.text, image=image)])
        query = QueryVector(table, vector)
        return query if query or picture else None

    def _looked_up(self, ranking: Ranking, head: Sequence[Candidate]) -> list[Candidate]:
        """The head with the similarity of every page, also of those which the vector list did not hold."""
        if not ranking.vector or not self.weights.meaning:
            return list(head)
        similar = ranking.vector.of(candidate.page for candidate in head)
        weight = self.weights.meaning * ranking.terms.weight
        return [with_meaning(c, similar.get(c.page, 0.0), weight) for c in head]

    def _browse(self, query: Query, selection: Selection) -> list[Candidate]:
        """For filters without words: first pages of the newest documents."""
        if selection.documents is None or not query.filters:
            return []
        files = self.index.files.of_documents(selection.documents)
        newest = sorted(files, key=lambda d: (-max(file.mtime_ns for file in files[d]), d))
        return [Candidate(PageId(document, 1), {}, 0.0) for document in newest[: self.settings.candidates]]

    def _hits(self, candidates: Sequence[Candidate], terms: QueryTerms) -> tuple[Hit, ...]:
        pages = [candidate.page for candidate in candidates]
        texts = self.index.pages.texts(pages)
        documents = self.index.documents.get({page.doc for page in pages})
        files = self.index.files.of_documents({page.doc for page in pages})
        matcher = self.matcher(terms)
        hits: list[Hit] = []
        for candidate in candidates:
            page = candidate.page
            if page.doc not in documents or page.doc not in files:
                continue
            text, source = texts.get(page, ("", TextSource.NONE))
            file, *copies = files[page.doc]
            hits.append(
                Hit(
                    rank=len(hits) + 1,
                    page=page,
                    path=file.path,
                    title=documents[page.doc].title or file.path.stem,
                    pages=documents[page.doc].pages,
                    score=candidate.score,
                    snippet=make_snippet(text, matcher),
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
