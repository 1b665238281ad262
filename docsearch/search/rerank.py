"""Second stage: orders the head of the fused list by looking at each page.

`PassageReranker` needs nothing but the index. `ModelReranker` asks a model through the `Reranker`
protocol: on the text where a page has it, on the image where it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

from PIL.Image import Image

from docsearch.models.protocols import TEXT, ModelInput, Reranker
from docsearch.records import Candidate, PageId
from docsearch.search import passages
from docsearch.search.fuse import MEANING
from docsearch.search.retrieve import QueryVector
from docsearch.search.terms import QueryTerms
from docsearch.store.index import Index

_UNRELATED = 0.5
"""A page this many standard deviations above the mean is as little related as any other."""

_MOST_CHARACTERS = 20_000
"""Of a page that a model is asked about: several times what is printed on a dense one. Files whose pages are
dumps have megabytes of text on a page."""

_AT_ONCE = 10
"""So many pages are drawn before the model begins to look, and while it looks at as many others."""

RenderPage = Callable[[PageId, int], Image | None]
"""Renders a page with its longest side at so many pixels; None when its file cannot be read."""


class HeadReranker(Protocol):
    """Gives the head of a list a new order."""

    def rerank(
        self, terms: QueryTerms, head: Sequence[Candidate], meaning: QueryVector | None = None
    ) -> list[Candidate]:
        """The same candidates, best first, with the signals it used added to their scores."""


@dataclass(frozen=True, slots=True)
class RerankWeights:
    """What each signal counts; those of the first stage by how many times what they counted there.

    Learned by training/train_reranker.py, which says how it was held to what was found on judged queries.
    """

    text: float = 0.8
    document: float = 1.0
    meaning: float = 1.42
    passage: float = 0.34
    pairs: float = 6.3
    heading: float = 0.67
    figures: float = 15.5


class PassageReranker:
    """Orders pages by what a bag of words misses, a signal each:

    the best passage; neighbours of the query that stand close together; words of the query at the top of
    the page, where its heading is; for questions after a number, how much of the page is numbers; and how
    similar the vector of each page is, also of those which the list of vectors did not hold.

    Words that the title or name of a document already says do not count on its pages: whoever asks
    for the inventories of Northwind does not look for the page that names Northwind most.
    """

    def __init__(self, index: Index, weights: RerankWeights | None = None) -> None:
        self.index = index
        self.weights = weights or RerankWeights()

    def rerank(
        self, terms: QueryTerms, head: Sequence[Candidate], meaning: QueryVector | None = None
    ) -> list[Candidate]:
        """See `HeadReranker`."""
        asked = meaning.begin_of(candidate.page for candidate in head) if meaning else dict
        numbers = {term: n for n, group in enumerate(terms.groups) for term in group}
        weights = terms.group_weights
        stored = self.index.pages.terms(candidate.page for candidate in head)
        named = self._named(terms, {candidate.page.doc for candidate in head})
        similar = asked()
        reranked = []
        for candidate in head:
            page = stored.get(candidate.page, "").split()
            places = passages.places(page, numbers)
            for group in named.get(candidate.page.doc, ()):
                places.pop(group, None)
            signals = {
                **candidate.scores,
                "passage": passages.best_passage(places, weights),
                "pairs": passages.close_pairs(places, len(weights)),
                "heading": passages.heading(places, weights),
                "figures": passages.figures(page) if terms.asks_for_number else 0.0,
            }
            if meaning:
                above = max(similar.get(candidate.page, 0.0) - _UNRELATED, 0.0)
                signals[MEANING] = meaning.weight * above
            reranked.append(self._scored(candidate, signals))
        return sorted(reranked, key=lambda c: (-c.score, c.page.doc, c.page.page))

    def _scored(self, candidate: Candidate, signals: Mapping[str, float]) -> Candidate:
        scores = {name: getattr(self.weights, name) * value for name, value in signals.items() if value}
        return replace(candidate, scores=scores, score=sum(scores.values()))

    def _named(self, terms: QueryTerms, documents: set[int]) -> dict[int, set[int]]:
        """The groups of the query that each document's title or names say."""
        named: dict[int, set[int]] = {}
        for number, group in enumerate(terms.groups):
            for term in group:
                for document in self.index.evidence.named(term, documents):
                    named.setdefault(document, set()).add(number)
        return named


class ModelReranker:
    """Orders pages by a model's score; the first-stage score breaks ties.

    Pages are drawn ahead, in a thread, while the model looks at those before them.
    """

    def __init__(self, index: Index, model: Reranker, render: RenderPage, pixels: int) -> None:
        self.index = index
        self.model = model
        self.render = render
        self.pixels = pixels

    def rerank(
        self,
        terms: QueryTerms,
        head: Sequence[Candidate],
        meaning: QueryVector | None = None,  # noqa: ARG002 (a model sees for itself)
    ) -> list[Candidate]:
        """See `HeadReranker`."""
        stored = self.index.pages.texts(candidate.page for candidate in head)
        texts = {c.page: stored[c.page][0] if c.page in stored else "" for c in head}
        scores = self._scores(ModelInput(text=terms.text), texts)
        lowest = min(scores.values(), default=0.0)
        found = [(candidate, scores.get(candidate.page, lowest)) for candidate in head]
        reranked = [replace(c, scores={self.model.name: score}, score=score) for c, score in found]
        return sorted(reranked, key=lambda c: (c.page not in scores, -c.score))

    def _scores(self, query: ModelInput, texts: Mapping[PageId, str]) -> dict[PageId, float]:
        """The score of each page that the model can be shown."""
        scores: dict[PageId, float] = {}
        takes = self.model.modalities
        with closing(self._drawn_ahead(texts)) as parts:
            for part in parts:
                shown = {page: given for page, given in part.items() if given.kind(takes, prefer=TEXT)}
                if shown:
                    found = self.model.score(query, list(shown.values())).tolist()
                    scores.update(zip(shown, found, strict=True))
        return scores

    def _drawn_ahead(self, texts: Mapping[PageId, str]) -> Generator[dict[PageId, ModelInput], None, None]:
        """The pages as the model is shown them: first those without a picture, then a few at a time.

        Close it to have no more pages drawn.
        """
        seen = [page for page, text in texts.items() if self._wants_picture(text)]
        unseen = [page for page, text in texts.items() if not self._wants_picture(text)]
        with ThreadPoolExecutor(1) as ahead:
            parts = [seen[i : i + _AT_ONCE] for i in range(0, len(seen), _AT_ONCE)]
            drawn = [ahead.submit(self._drawn, part, texts) for part in parts]
            try:
                yield {page: ModelInput(texts[page][:_MOST_CHARACTERS]) for page in unseen}
                for part in drawn:
                    yield part.result()
            finally:
                ahead.shutdown(cancel_futures=True)

    def _drawn(self, pages: Sequence[PageId], texts: Mapping[PageId, str]) -> dict[PageId, ModelInput]:
        return {page: self._input(page, texts[page]) for page in pages}

    def _wants_picture(self, text: str) -> bool:
        """Text and image for a model that takes both at once; else the text, if there is any it can read."""
        takes = self.model.modalities
        readable = bool(text.strip()) and bool(takes & {"text", "text+image"})
        return "text+image" in takes or ("image" in takes and not readable)

    def _input(self, page: PageId, text: str) -> ModelInput:
        image = self.render(page, self.pixels)
        shown = text[:_MOST_CHARACTERS] if image is None or "text+image" in self.model.modalities else ""
        return ModelInput(text=shown, image=image)
