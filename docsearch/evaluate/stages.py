"""The stages of search, each alone and together, as searches that `benchmark.evaluate` can measure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from docsearch.evaluate.benchmark import Search
from docsearch.evaluate.judged import JudgedQuery, page_id
from docsearch.evaluate.run import Ranking
from docsearch.records import Query
from docsearch.search.engine import Engine
from docsearch.search.fuse import FusionWeights
from docsearch.store.files import Files

FINAL = "search"
VECTORS_TRIED = 0.15
"""The weight at which vectors are shown where search itself leaves them out."""


def stages(engine: Engine, relative_to: Path | None = None, *, alone: bool = False) -> Mapping[str, Search]:
    """Searches by name, the whole of it last; with `alone` also each stage before it.

    Page ids are `path#page`, the path relative to `relative_to` or to the root the file lies in.
    """
    names = Names(engine.index.files, relative_to)
    chosen = {FINAL: engine}
    if alone:
        words = FusionWeights()
        with_vectors = FusionWeights(meaning=engine.weights.meaning or VECTORS_TRIED)
        chosen = {
            "vectors": engine.variant(FusionWeights(text=0.0, document=0.0, meaning=1.0), rerank=False),
            "full text": engine.variant(FusionWeights(document=0.0), rerank=False),
            "text + documents": engine.variant(words, rerank=False),
            "… + vectors": engine.variant(with_vectors, rerank=False),
            "search without vectors": engine.variant(words, rerank=True),
            FINAL: engine,
        }
    return {name: _Searcher(variant, names) for name, variant in chosen.items()}


class Names:
    """Page ids as judged sets write them."""

    def __init__(self, files: Files, relative_to: Path | None = None) -> None:
        self.files = files
        roots = [relative_to.absolute()] if relative_to else [root for _, root, _ in self.files.roots()]
        self.prefixes = sorted((f"{root}{os.sep}" for root in roots), key=len, reverse=True)

    def of(self, documents: set[int]) -> dict[int, str]:
        """The relative path of each document's first file."""
        return {
            number: self._relative(str(files[0].path))
            for number, files in self.files.of_documents(documents).items()
        }

    def _relative(self, path: str) -> str:
        prefix = next((prefix for prefix in self.prefixes if path.startswith(prefix)), "")
        return path[len(prefix) :].replace(os.sep, "/")


class _Searcher:
    """One variant of the engine as a search."""

    def __init__(self, engine: Engine, names: Names) -> None:
        self.engine = engine
        self.names = names

    def __call__(self, judged: JudgedQuery) -> Ranking:
        """Page ids and scores, best first. The judged text is words, not query language."""
        candidates = self.engine.rank(Query(raw=judged.query, text=judged.query)).candidates
        paths = self.names.of({candidate.page.doc for candidate in candidates})
        return [(page_id(paths[c.page.doc], c.page.page), c.score) for c in candidates if c.page.doc in paths]
