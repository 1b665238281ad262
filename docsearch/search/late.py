"""Second stage by late interaction: the head's stored token vectors against those of the query (MaxSim).

Pages are never shown to the model here: their vectors were made while indexing, or are not there yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from docsearch.models.late import LateModel
from docsearch.models.protocols import ModelInput
from docsearch.records import Candidate, PageId
from docsearch.search.rerank import HeadReranker
from docsearch.search.retrieve import QueryVector
from docsearch.search.terms import QueryTerms
from docsearch.store.index import Index
from docsearch.store.token_vectors import Tokens


class LateReranker:
    """Orders pages by MaxSim (Khattab and Zaharia, SIGIR 2020).

    `before` orders the head first. Pages without token vectors keep the places it gives them; the others
    change places among themselves. The model is not loaded while there are fewer than two such pages.
    """

    def __init__(self, index: Index, model: LateModel, before: HeadReranker) -> None:
        self.index = index
        self.model = model
        self.before = before

    def rerank(
        self, terms: QueryTerms, head: Sequence[Candidate], meaning: QueryVector | None = None
    ) -> list[Candidate]:
        """See `HeadReranker`."""
        ordered = self.before.rerank(terms, head, meaning)
        stored = self._stored(candidate.page for candidate in ordered)
        if len(stored) < 2:
            return ordered
        [query] = self.model.load().encode_queries([ModelInput(text=terms.text)])
        if not len(query):
            return ordered
        scores = dict(zip(stored, maxsim(query, list(stored.values())).tolist(), strict=True))
        return _in_their_places(ordered, scores, self.model.name)

    def _stored(self, pages: Iterable[PageId]) -> dict[PageId, Tokens]:
        """The token vectors of pages, as far as there are any."""
        wanted: dict[int, list[int]] = {}
        for page in pages:
            wanted.setdefault(page.doc, []).append(page.page)
        vectors = self.index.token_vectors.of(self.model.fingerprint, self.model.dimensions)
        return {
            PageId(number, page): tokens
            for number, document in self.index.documents.get(wanted).items()
            for page, tokens in vectors.read(document.content, wanted[number]).items()
        }


def maxsim(query: NDArray[np.float32], pages: Sequence[NDArray[np.floating]]) -> NDArray[np.float32]:
    """For each page the sum, over the query's tokens, of the largest dot product with one of the page's.

    Args:
        query: shape (query tokens, dimensions).
        pages: shape (tokens, dimensions) each, at least one token each.

    Returns:
        Shape (len(pages),).
    """
    lengths = [len(page) for page in pages]
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    tokens = np.concatenate(pages, dtype=np.float32)
    best = np.maximum.reduceat(query @ tokens.T, starts, axis=1)
    scores: NDArray[np.float32] = best.sum(axis=0)
    return scores


def _in_their_places(head: Sequence[Candidate], scores: Mapping[PageId, float], name: str) -> list[Candidate]:
    """The pages that have a score in its order, in the places that they have together.

    A page without one gets that of the page above it, or of the best when it stands first.
    """
    best = sorted((c for c in head if c.page in scores), key=lambda c: -scores[c.page])
    scored, above = iter(best), scores[best[0].page]
    placed = []
    for candidate in head:
        chosen = next(scored) if candidate.page in scores else candidate
        above = scores.get(chosen.page, above)
        placed.append(replace(chosen, scores={name: above}, score=above))
    return placed
