"""What documents are made of, as they are read: words and boxes, pages, what could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page as fractions of its displayed width and height, from the top left."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it stands on the page, with the rectangle that holds it."""

    text: str
    box: Box


class TextSource(StrEnum):
    """Where the text of a page comes from."""

    LAYER = "layer"
    """The file's own text layer."""
    OCR = "ocr"
    """Characters recognised in the page image."""
    PENDING = "pending"
    """The page has no usable text layer and still waits for OCR."""
    NONE = "none"
    """Nothing readable on the page, or OCR is switched off for it."""


class PageId(NamedTuple):
    """A page of an indexed content: the catalog's document number and the page number from 1."""

    doc: int
    page: int


@dataclass(frozen=True, slots=True)
class OcrPage:
    """Recognised text of a page image in reading order, with word boxes."""

    text: str
    words: tuple[Word, ...] = ()


class FailureKind(StrEnum):
    """Why a file could not be indexed, or not as it should be."""

    PASSWORD = "needs a password"
    TRUNCATED = "truncated or damaged"
    NO_PAGES = "has no pages"
    TOO_LARGE = "too large"
    NOT_A_DOCUMENT = "not a document"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "needs too much memory"
    CRASHED = "crashed its reader"
    UNREADABLE = "cannot be read"
    CHANGED = "changed while it was read"
    SCALED_DOWN = "shown smaller to the model, for lack of memory"


@dataclass(frozen=True, slots=True)
class Failure:
    """A file, or a page of one, that could not be read, and why, in words a person understands.

    Or that was read, but not as well as it should be: then it is a note.
    """

    path: Path
    kind: FailureKind
    detail: str = ""
    page: int | None = None

    @classmethod
    def scaled_down(cls, path: Path, page: int, size: tuple[int, int]) -> Failure:
        """The note on a page whose picture only fitted into memory at this size: width, height in pixels."""
        width, height = size
        return cls(path, FailureKind.SCALED_DOWN, f"{width} x {height} pixels fitted", page)

    @property
    def is_note(self) -> bool:
        """Whether the page is searchable all the same."""
        return self.kind is FailureKind.SCALED_DOWN

    @property
    def reason(self) -> str:
        """The kind and, where there is more to say, the detail."""
        return f"{self.kind.value}: {self.detail}" if self.detail else self.kind.value
