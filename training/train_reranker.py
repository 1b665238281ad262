"""Learns what each signal of the reranker counts: `python -m training.train_reranker --data FOLDER`.

Documents of many pages are made from the training folder and indexed as a user's would be; the engine's
own first stage and reranker answer the queries, with the weights that were found by hand on judged
queries; factors of these are fitted on the queries of half of the documents and measured on the others.

Made documents are not a user's: their headings are their queries' words and their names say nothing. So
the fit is held to where it started, by several strengths, and the one that ships (0.1) is the weakest that
costs nothing beyond chance on judged queries over real documents.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np

from docsearch.errors import DocsearchError
from docsearch.learn.ranking import Array, Example, fit_factors
from docsearch.library import Library
from docsearch.records import Failure, PageId, Query
from docsearch.search.rerank import PassageReranker, RerankWeights
from training.collection import Collection, make_collection, page_of

SIGNALS = tuple(field.name for field in fields(RerankWeights))
FIXED = (SIGNALS.index("document"),)
"""The names and titles of made documents say nothing, so that this signal cannot be learned from them."""
START = RerankWeights(text=1.0, document=1.0, meaning=1.0, passage=0.3, pairs=5.0, heading=1.0, figures=15.0)
STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)
DEPTH = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """A query that was answered: its document, and its candidates as an example."""

    document: str
    example: Example

    @property
    def kept(self) -> bool:
        """Whether it is kept for measuring: with all queries of its document."""
        return hashlib.sha256(self.document.encode()).digest()[0] % 2 == 0


def main(argv: Sequence[str] | None = None) -> None:
    """Prints weights and nDCG@10 by strength."""
    arguments = _arguments(argv)
    collection = make_collection(arguments.data, arguments.documents, arguments.queries, arguments.seed)
    with tempfile.TemporaryDirectory() as temporary:
        home = arguments.home or Path(temporary)
        collection.write(home / "documents")
        with Library(home) as library:
            for event in library.index([home / "documents"]):
                if isinstance(event, Failure):
                    print(f"not read: {event.path!a}: {event.reason!a}")
            library.engine.reranker = PassageReranker(library.store, START)
            asked = list(ask(library, collection))
    learn, kept = [a.example for a in asked if not a.kept], [a.example for a in asked if a.kept]
    print(f"{len(asked)} of {len(collection.queries)} queries found their page; measured on {len(kept)}")
    print(f"{'as it is':10} nDCG@10 {mean_ndcg(kept, np.ones(len(SIGNALS))):.4f}")
    for strength in STRENGTHS:
        factors = fit_factors(learn, strength, FIXED)
        weights = zip(SIGNALS, factors * astuple(START), strict=True)
        shown = " ".join(f"{name} {value:.2f}" for name, value in weights)
        print(f"{strength:<10} nDCG@10 {mean_ndcg(kept, factors):.4f}  {shown}")


def ask(library: Library, collection: Collection) -> Iterator[Asked]:
    """Every query whose page is among the candidates that are reranked."""
    index = library.store
    documents = index.documents.get(index.documents.live())
    files = index.files.of_documents(documents)
    numbers = {files[number][0].path.name: number for number in documents}

    @cache
    def pages_of(number: int) -> dict[int, str]:
        pages = [PageId(number, page) for page in range(1, documents[number].pages + 1)]
        return {page.page: text for page, (text, _) in index.pages.texts(pages).items()}

    for pair, name in collection.queries:
        number = numbers[name]
        page = page_of(pair.passage, pages_of(number))
        try:
            ranking = library.engine.rank(Query(raw=pair.query, text=pair.query))
        except DocsearchError as error:
            print(f"not asked: {pair.query!a}: {error}")
            continue
        head = ranking.candidates[: library.settings.search.rerank]
        relevance = np.array([float(c.page == PageId(number, page or 0)) for c in head])
        if relevance.any():
            signals = np.array([[c.scores.get(signal, 0.0) for signal in SIGNALS] for c in head])
            yield Asked(name, Example(signals, relevance))


def mean_ndcg(examples: Sequence[Example], factors: Array) -> float:
    """nDCG@10 of the candidates in the order of their scores; every query has one relevant page."""
    ranks = []
    for example in examples:
        scores = example.signals @ factors
        ranks.append(1 + int((scores > scores[example.relevance > 0].max()).sum()))
    return float(np.mean([1 / np.log2(1 + rank) if rank <= DEPTH else 0.0 for rank in ranks]))


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with *.jsonl.gz and corpus/")
    parser.add_argument("--home", type=Path, help="index here, or use what was indexed here before")
    parser.add_argument("--documents", type=int, default=600)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
