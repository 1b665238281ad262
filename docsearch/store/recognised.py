"""What OCR has read, by the pixels it read: no picture of a page is ever recognised twice.

Results outlive documents, so a page that comes back in another file or a newer version of its own
costs nothing.
"""

from __future__ import annotations

import zlib

import numpy as np

from docsearch.records import Box, OcrPage, Word
from docsearch.store.catalog import Catalog

_SCALE = 65535


class Recognised:
    """The tables `recognised` and `recognised_pages`."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def has(self, pixels: str, engine: str) -> bool:
        """Whether this engine has read these pixels."""
        row = self.catalog.connection.execute(
            "SELECT 1 FROM recognised WHERE pixels = ? AND engine = ?", (pixels, engine)
        ).fetchone()
        return row is not None

    def get(self, pixels: str, engine: str) -> OcrPage | None:
        """What this engine read in these pixels, if it ever did."""
        row = self.catalog.connection.execute(
            "SELECT text, words FROM recognised WHERE pixels = ? AND engine = ?", (pixels, engine)
        ).fetchone()
        return None if row is None else OcrPage(row[0], unpack_words(row[1]))

    def put(self, pixels: str, engine: str, page: OcrPage) -> None:
        """Keeps what an engine read."""
        with self.catalog.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO recognised VALUES (?, ?, ?, ?)",
                (pixels, engine, page.text, pack_words(page.words)),
            )

    def assign(self, document: int, page: int, pixels: str, engine: str) -> None:
        """Notes which pixels a page of a document showed."""
        with self.catalog.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO recognised_pages VALUES (?, ?, ?, ?)",
                (document, page, pixels, engine),
            )

    def words_of(self, document: int, page: int) -> tuple[Word, ...] | None:
        """Words and boxes of a recognised page; None for a page that was never recognised."""
        row = self.catalog.connection.execute(
            "SELECT r.words FROM recognised_pages p JOIN recognised r USING (pixels, engine) "
            "WHERE p.document = ? AND p.page = ?",
            (document, page),
        ).fetchone()
        return None if row is None else unpack_words(row[0])


def pack_words(words: tuple[Word, ...]) -> bytes:
    """Words as compressed bytes: their texts, then four 16-bit numbers a box."""
    corners = [(w.box.x0, w.box.y0, w.box.x1, w.box.y1) for w in words]
    boxes = np.asarray(corners, dtype=np.float64).reshape(-1, 4)
    numbers = np.round(np.clip(boxes, 0, 1) * _SCALE).astype("<u2").T.tobytes()
    texts = "\n".join(word.text.replace("\n", " ") for word in words).encode(errors="replace")
    return zlib.compress(len(texts).to_bytes(4, "little") + texts + numbers, 6)


def unpack_words(packed: bytes) -> tuple[Word, ...]:
    """The words that `pack_words` packed; boxes are exact to 1/65535 of the page."""
    raw = zlib.decompress(packed)
    end = 4 + int.from_bytes(raw[:4], "little")
    boxes = np.frombuffer(raw[end:], dtype="<u2").reshape(4, -1).T / _SCALE
    if not len(boxes):
        return ()
    texts = raw[4:end].decode().split("\n")
    return tuple(Word(text, Box(*box)) for text, box in zip(texts, boxes.tolist(), strict=True))
