"""Runs an embedder in a thread of its own, a few seconds ahead of whoever keeps the vectors.

Knows pages by their number and what the model is shown of them, neither files nor tables.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from docsearch.models.protocols import Embedder, ModelInput, Shrinking, Vectors
from docsearch.records import PageId

PIECE_SECONDS = 2.0
"""A piece has as many pages as the model does in about this time, so that stopping is not long in coming."""
FIRST_PAGES, MOST_PAGES = 2, 512
PIECE_BYTES, WAITING_BYTES = 64_000_000, 256_000_000
"""Pictures in one piece, and in all that wait for the model."""
_WAITING_PIECES = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """Pages that go to the model together.

    Attributes:
        pages: which they are.
        inputs: what the model is shown of each.
        ended: documents all of whose pages are in this piece or in those before it.
    """

    pages: tuple[PageId, ...]
    inputs: tuple[ModelInput, ...]
    ended: tuple[int, ...] = ()

    @property
    def bytes(self) -> int:
        """Memory of the pictures."""
        return sum(picture_bytes(given) for given in self.inputs)


@dataclass(frozen=True, slots=True)
class Encoded:
    """The vectors of a piece, shape (pages, dimensions), and the sizes of pictures that had to be smaller."""

    pages: tuple[PageId, ...]
    vectors: Vectors
    shrunk: dict[PageId, tuple[int, int]]
    ended: tuple[int, ...]


def picture_bytes(given: ModelInput) -> int:
    """Memory of an input's picture, in RGB."""
    return 3 * given.image.width * given.image.height if given.image else 0


class Encoder:
    """Pieces go in and come out in the same order. Not for use by several threads.

    Attributes:
        piece_pages: how many pages the next piece should have.
    """

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.piece_pages = FIRST_PAGES
        self._thread = ThreadPoolExecutor(1, "encoder")
        self._under_way: deque[tuple[Future[Encoded], int]] = deque()

    def put(self, piece: Piece) -> None:
        """Has the model embed a piece, as soon as it is done with those before. Does not wait."""
        self._under_way.append((self._thread.submit(self._encode, piece), piece.bytes))

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._under_way

    @property
    def is_ready(self) -> bool:
        """Whether `take` need not wait."""
        return bool(self._under_way) and self._under_way[0][0].done()

    @property
    def is_full(self) -> bool:
        """Whether so much is under way that the model has enough to do, or the pictures take much memory."""
        waiting = sum(size for _, size in self._under_way)
        return len(self._under_way) >= _WAITING_PIECES or waiting >= WAITING_BYTES

    def take(self) -> Encoded:
        """The oldest piece under way, waiting for it if need be. Raises what the model raised."""
        encoded = self._under_way[0][0].result()
        self._under_way.popleft()
        return encoded

    def close(self) -> list[Encoded]:
        """Drops what the model has not begun with; returns what it is done with, the last begun included.

        What comes behind a piece that failed is dropped too.
        """
        self._thread.shutdown(wait=True, cancel_futures=True)
        done = []
        while self._under_way:
            future, _ = self._under_way.popleft()
            if future.cancelled() or future.exception() is not None:
                break
            done.append(future.result())
        self._under_way.clear()
        return done

    def _encode(self, piece: Piece) -> Encoded:
        started = time.perf_counter()
        if not piece.pages:
            return Encoded((), np.zeros((0, self.embedder.dimensions), np.float32), {}, piece.ended)
        vectors = self.embedder.embed_pages(piece.inputs)
        shrunk = self.embedder.shrunk() if isinstance(self.embedder, Shrinking) else {}
        self._adjust(len(piece.pages), time.perf_counter() - started)
        sizes = {piece.pages[place]: size for place, size in shrunk.items()}
        return Encoded(piece.pages, vectors, sizes, piece.ended)

    def _adjust(self, pages: int, seconds: float) -> None:
        """Pieces grow and shrink by no more than twice: one slow page says little about the others."""
        wanted = int(pages * PIECE_SECONDS / max(seconds, 1e-3))
        now = self.piece_pages
        self.piece_pages = min(max(wanted, now // 2, 1), 2 * now, MOST_PAGES)
