from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event

import numpy as np
import pytest
from PIL import Image

from docsearch.errors import ModelUnavailable
from docsearch.ingest.encoder import FIRST_PAGES, Encoder, Piece
from docsearch.models.protocols import ModelInput, Vectors
from docsearch.records import PageId

LONG = 60.0


class Gated:
    """An embedder that says when it has begun, and goes on when it is let."""

    name, fingerprint, dimensions, image_pixels = "gated", "gated", 1, 64
    modalities = frozenset({"text", "image"})

    def __init__(self) -> None:
        self.begun, self.gate = Event(), Event()
        self.calls = 0

    def embed_queries(self, queries: Sequence[ModelInput]) -> Vectors:
        return np.array([[len(query.text)] for query in queries], np.float32)

    def embed_pages(self, pages: Sequence[ModelInput]) -> Vectors:
        self.calls += 1
        self.begun.set()
        assert self.gate.wait(LONG)
        if any(page.text == "broken" for page in pages):
            raise ModelUnavailable("it does not run")
        return self.embed_queries(pages)

    def shrunk(self) -> dict[int, tuple[int, int]]:
        return {0: (3, 4)} if self.calls == 1 else {}


@pytest.fixture
def embedder() -> Iterator[Gated]:
    made = Gated()
    yield made
    made.gate.set()


def piece(number: int, text: str = "", ended: tuple[int, ...] = (), side: int = 0) -> Piece:
    image = Image.new("RGB", (side, side)) if side else None
    return Piece((PageId(1, number),), (ModelInput(text or "x" * number, image),), ended)


def test_pieces_wait_while_the_model_works_and_come_out_in_order(embedder: Gated) -> None:
    encoder = Encoder(embedder)
    assert encoder.is_idle
    for number in (1, 2, 3):
        assert not encoder.is_full
        encoder.put(piece(number, ended=(number,)))
    assert embedder.begun.wait(LONG)
    assert encoder.is_full
    assert not encoder.is_ready
    embedder.gate.set()
    taken = [encoder.take() for _ in range(3)]
    assert [encoded.vectors.item() for encoded in taken] == [1, 2, 3]
    assert [encoded.ended for encoded in taken] == [(1,), (2,), (3,)]
    assert [encoded.shrunk for encoded in taken] == [{PageId(1, 1): (3, 4)}, {}, {}]
    assert encoder.is_idle
    assert encoder.close() == []


def test_large_pictures_fill_it_sooner(embedder: Gated) -> None:
    encoder = Encoder(embedder)
    encoder.put(piece(1, side=8000))
    assert not encoder.is_full
    encoder.put(piece(2, side=6000))
    assert encoder.is_full
    embedder.gate.set()
    encoder.close()


def test_closing_keeps_what_was_begun_and_drops_the_rest(embedder: Gated) -> None:
    encoder = Encoder(embedder)
    for number in (1, 2, 3):
        encoder.put(piece(number))
    assert embedder.begun.wait(LONG)
    encoder._thread.shutdown(wait=False, cancel_futures=True)
    embedder.gate.set()
    assert [encoded.pages for encoded in encoder.close()] == [(PageId(1, 1),)]
    assert embedder.calls == 1


def test_nothing_behind_a_piece_that_failed_is_kept(embedder: Gated) -> None:
    encoder = Encoder(embedder)
    embedder.gate.set()
    encoder.put(piece(1))
    encoder.put(piece(2, "broken"))
    encoder.put(piece(3, ended=(1,)))
    assert encoder.take().pages == (PageId(1, 1),)
    with pytest.raises(ModelUnavailable):
        encoder.take()
    assert encoder.close() == []


def test_pieces_grow_while_the_model_is_fast(embedder: Gated) -> None:
    encoder = Encoder(embedder)
    embedder.gate.set()
    for _ in range(3):
        encoder.put(piece(1))
        encoder.take()
    assert encoder.piece_pages == 8 * FIRST_PAGES
    encoder.close()


def test_a_piece_without_pages_asks_no_model(embedder: Gated) -> None:
    encoder = Encoder(embedder)
    encoder.put(Piece((), (), (7,)))
    encoded = encoder.take()
    assert (encoded.vectors.shape, encoded.ended, embedder.calls) == ((0, 1), (7,), 0)
    encoder.close()
