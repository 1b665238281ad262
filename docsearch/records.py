"""The values that flow between rooms: pages, queries, candidates, hits, failures.

Pure data. Nothing here opens a file, a table or a model, and every front end can hold these
records without knowing where they came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

KIND_GROUPS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "image": frozenset({"png", "jpeg", "tiff", "webp", "bmp", "gif", "svg"}),
        "text": frozenset({"txt", "md"}),
        "ebook": frozenset({"epub", "fb2", "mobi", "cbz"}),
    }
)
"""Names that stand for several kinds of document, as in `type:image`."""


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


@dataclass(frozen=True, slots=True)
class PageId:
    """A page of an indexed content: the catalog's document number and the page number from 1."""

    doc: int
    page: int


@dataclass(frozen=True, slots=True)
class OcrPage:
    """Recognised text of a page image in reading order, with word boxes."""

    text: str
    words: tuple[Word, ...] = ()


class FailureKind(StrEnum):
    """Why a file could not be indexed."""

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


@dataclass(frozen=True, slots=True)
class Failure:
    """A file, or some pages of one, that could not be read, and why, in words a person understands."""

    path: Path
    kind: FailureKind
    detail: str = ""
    page: int | None = None

    @property
    def reason(self) -> str:
        """The kind and, where there is more to say, the detail."""
        return f"{self.kind.value}: {self.detail}" if self.detail else self.kind.value


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions on the document that a query sets; all must hold."""

    folders: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    after: date | None = None
    before: date | None = None

    def __bool__(self) -> bool:
        return self != Filters()


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query: free words, exact phrases, words to leave out, filters, an optional picture."""

    raw: str = ""
    text: str = ""
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    image: Path | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A page that first-stage retrieval found, with its score from each list that named it."""

    page: PageId
    scores: Mapping[str, float]
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Snippet:
    """A passage of the page and the half-open character spans in it that match the query."""

    text: str
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A page as it is shown to the user."""

    rank: int
    page: PageId
    path: Path
    title: str
    pages: int
    score: float
    snippet: Snippet
    source: TextSource
    modified: date
    scores: Mapping[str, float] = field(default_factory=dict)
    copies: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one query: hits best first, and what the user should know about them."""

    query: Query
    hits: tuple[Hit, ...]
    seconds: float
    corrections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Root:
    """A folder or file the user asked to be searchable."""

    path: Path
    online: bool
    files: int = 0
    pages: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an indexing run has come; counts are of this run."""

    tier: str
    pages_done: int
    pages_total: int
    files_done: int
    files_total: int
    current: Path | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """What the index holds, what waits, what failed, and what it costs on disk."""

    roots: tuple[Root, ...]
    documents: int
    pages: int
    pages_waiting_for_ocr: int
    pages_waiting_for_vectors: int
    failures: tuple[Failure, ...]
    index_bytes: int
    document_bytes: int
    embedder: str
    reranker: str
    device: str
    outdated: bool = False
    """Whether words are found less well than they would be in an index made anew."""
