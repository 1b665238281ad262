"""A search: what is asked, what is found, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType

from docsearch.records.documents import PageId, TextSource

KIND_GROUPS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "image": frozenset({"png", "jpeg", "tiff", "webp", "bmp", "gif", "svg"}),
        "text": frozenset({"txt", "md"}),
        "ebook": frozenset({"epub", "fb2", "mobi", "cbz"}),
    }
)
"""Names that stand for several kinds of document, as in `type:image`."""


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
