"""Page vectors that never were, clustered like those of real collections, and queries for them.

Real embeddings are neither uniform nor a few round clouds: all of them share a direction, pages lie
within documents and documents within topics, and a few directions carry most of the spread. Index
structures live on that, so vectors without it say little. What is set here was read from the starter
model's vectors of 5,833 real pages; `described` prints the same figures of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docsearch.records import PageId

Vectors = NDArray[np.float32]

SHARED, TOPIC, DOCUMENT, SECTION, PAGE = 0.17, 0.1, 0.15, 0.33, 0.25
"""How much of its squared length a page has from all pages, from its topic, document, section; the last
is its own."""

QUERY_SHARED = 0.06
CLOSENESS = (0.25, 0.55)
"""The cosine of a query with the page it was made for: real ones are far from every page."""

PAGES_A_DOCUMENT = (10, 1.2)
PAGES_A_SECTION = 8
PAGES_A_TOPIC = 500
_BLOCK = 20_000


@dataclass(frozen=True, slots=True)
class Clustered:
    """A collection.

    Attributes:
        vectors: half precision, shape (rows, dimensions), in a file.
        documents: number of each row's document, ascending, shape (rows,).
        queries: shape (queries, dimensions).
        wanted: the row each query was made for, shape (queries,).
    """

    vectors: NDArray[np.float16]
    documents: NDArray[np.int64]
    queries: Vectors
    wanted: NDArray[np.int64]

    def pages(self, rows: slice) -> list[PageId]:
        """Documents and page numbers."""
        pairs = zip(self.documents[rows].tolist(), self.numbers(rows).tolist(), strict=True)
        return [PageId(document, page) for document, page in pairs]

    def numbers(self, rows: slice) -> NDArray[np.int64]:
        """Page numbers, from 1 in each document."""
        first = np.searchsorted(self.documents, self.documents[rows])
        return np.arange(len(self.documents))[rows] - first + 1

    def blocks(self) -> Iterator[slice]:
        """All rows, some thousands at a time."""
        for start in range(0, len(self.documents), _BLOCK):
            yield slice(start, min(start + _BLOCK, len(self.documents)))


def clustered(
    file: Path,
    rows: int,
    dimensions: int,
    queries: int,
    *,
    decay: float = 0.86,
    closeness: tuple[float, float] = CLOSENESS,
    turned: bool = True,
) -> Clustered:
    """A collection drawn with a fixed seed; its vectors are written to `file`.

    The variance along the i-th direction falls as i ** -decay (0.86 in the starter's vectors).
    The directions are turned at random, or are the coordinates themselves, in this order: then the
    leading coordinates carry most, as Matryoshka training makes them.
    """
    rng = np.random.default_rng(rows + dimensions)
    drawn = _Directions(rng, dimensions, decay, turned=turned)
    documents = _documents(rng, rows)
    topics = drawn.draw(rng, max(20, rows // PAGES_A_TOPIC))
    shared = drawn.draw(rng, 1)
    vectors = np.lib.format.open_memmap(file, "w+", np.float16, (rows, dimensions))
    found = Clustered(vectors, documents, np.zeros((0, dimensions), np.float32), np.zeros(0, np.int64))
    for block in found.blocks():
        numbers, of_document = np.unique(documents[block], return_inverse=True)
        _, of_section = np.unique(
            found.numbers(block) // PAGES_A_SECTION + of_document * rows, return_inverse=True
        )
        centres = TOPIC**0.5 * topics[_topics(rng, len(numbers), len(topics))]
        centres += SHARED**0.5 * shared + DOCUMENT**0.5 * drawn.draw(rng, len(numbers))
        sections = SECTION**0.5 * drawn.draw(rng, len(of_section))
        own = PAGE**0.5 * drawn.draw(rng, len(of_document))
        vectors[block] = drawn.turn(unit(centres[of_document] + sections[of_section] + own))
    wanted = np.sort(rng.choice(rows, queries, replace=False))
    asked = drawn.queries(rng, vectors[wanted].astype(np.float32), closeness)
    return Clustered(vectors, documents, asked, wanted)


class _Directions:
    """Draws vectors of squared length 1 on average whose spread falls along the directions."""

    def __init__(self, rng: np.random.Generator, dimensions: int, decay: float, *, turned: bool) -> None:
        variance = np.arange(1.0, dimensions + 1) ** -decay
        self.scale = np.sqrt(variance / variance.sum()).astype(np.float32)
        drawn = rng.standard_normal((dimensions, dimensions), np.float32) if turned else None
        self.turned = None if drawn is None else np.linalg.qr(drawn)[0]

    def draw(self, rng: np.random.Generator, count: int) -> Vectors:
        return np.asarray(rng.standard_normal((count, len(self.scale)), np.float32) * self.scale)

    def turn(self, vectors: Vectors) -> Vectors:
        return vectors if self.turned is None else vectors @ self.turned

    def queries(self, rng: np.random.Generator, pages: Vectors, closeness: tuple[float, float]) -> Vectors:
        """Each at some angle to its page; the rest is a direction that queries share, and chance."""
        shared = self.draw(rng, 1)
        away = QUERY_SHARED**0.5 * shared + (1 - QUERY_SHARED) ** 0.5 * self.draw(rng, len(pages))
        away = self.turn(away)
        away = unit(away - (away * pages).sum(1, keepdims=True) * pages)
        near = rng.uniform(*closeness, (len(pages), 1)).astype(np.float32)
        return np.asarray(near * pages + np.sqrt(1 - near**2) * away, np.float32)


def exact(found: Clustered, limit: int, rows: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
    """The nearest rows of each query, best first, shape (queries, limit), by comparing with all.

    `rows`, shape (rows,), says which may be answers; missing answers are -1.
    """
    best = np.full((len(found.queries), limit), -np.inf, np.float32)
    answers = np.full(best.shape, -1, np.int64)
    for block in found.blocks():
        similarities = found.queries @ found.vectors[block].astype(np.float32).T
        if rows is not None:
            similarities[:, ~rows[block]] = -np.inf
        best = np.hstack([best, similarities])
        numbers = np.broadcast_to(np.arange(block.start, block.stop), similarities.shape)
        answers = np.hstack([answers, numbers])
        order = np.argsort(-best, axis=1, kind="stable")[:, :limit]
        best, answers = np.take_along_axis(best, order, 1), np.take_along_axis(answers, order, 1)
    answers[np.isinf(best)] = -1
    return answers


def described(vectors: Vectors, documents: NDArray[np.int64], queries: Vectors) -> Mapping[str, float]:
    """What a collection looks like: median cosines, and how many directions carry the spread."""
    rng = np.random.default_rng(0)
    drawn = rng.permutation(len(vectors))[:500]
    cosines = vectors[drawn] @ vectors.T
    cosines[np.arange(len(drawn)), drawn] = np.nan
    ranked = -np.sort(-np.nan_to_num(cosines, nan=-1.0), axis=1)
    asked = -np.sort(-(queries @ vectors.T), axis=1)
    shares = np.linalg.eigvalsh(np.cov(vectors.T))[::-1]
    return {
        "any two pages": float(np.nanmedian(cosines)),
        "pages of one document": float(np.nanmedian(cosines[documents[drawn, None] == documents])),
        "nearest page": float(np.median(ranked[:, 0])),
        "tenth nearest page": float(np.median(ranked[:, 9])),
        "nearest page of a query": float(np.median(asked[:, 0])),
        "tenth nearest page of a query": float(np.median(asked[:, 9])),
        "directions that carry the spread": float(shares.sum() ** 2 / (shares**2).sum()),
    }


def _documents(rng: np.random.Generator, rows: int) -> NDArray[np.int64]:
    """The document of every row: half of them have 10 pages or fewer, some have hundreds."""
    middle, spread = PAGES_A_DOCUMENT
    lengths = 1 + rng.lognormal(np.log(middle), spread, rows).astype(np.int64)
    return np.repeat(np.arange(1, rows + 1), lengths)[:rows]


def _topics(rng: np.random.Generator, documents: int, topics: int) -> NDArray[np.int64]:
    """A topic for each document, the k-th chosen in proportion to 1 / (k + 10)."""
    weights = 1 / (np.arange(topics) + 10)
    return rng.choice(topics, documents, p=weights / weights.sum())


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Rows at length 1, shape (rows, dimensions); rows of zeros stay so."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
