"""What is searched for beside words: a picture, or pages like one that was found. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from docsearch.records import Filters, Hit, Query, SearchResult
from docsearch.tui.text import counted

if TYPE_CHECKING:
    from docsearch.tui.ports import LibraryPort


@dataclass(frozen=True, slots=True)
class PictureSubject:
    """Pages that hold what a picture shows."""

    path: Path

    def __str__(self) -> str:
        return f"Picture: {self.path.name}"

    def query(self, words: str, library: LibraryPort) -> Query:
        """The query for it, with words beside it."""
        return library.parse(words, self.path)

    def leaves_out(self, _: Hit) -> bool:
        """Whether a hit is no news."""
        return False


@dataclass(frozen=True, slots=True)
class LikeSubject:
    """Pages about the same as one that was found."""

    hit: Hit

    def __str__(self) -> str:
        return f"Pages like page {self.hit.page.page} of {self.hit.title}"

    def query(self, words: str, library: LibraryPort) -> Query:
        """The telling words of the page, with words and filters beside them."""
        typed, telling = library.parse(words), library.more_like(self.hit)
        return replace(typed, text=f"{typed.text} {telling.text}".strip())

    def leaves_out(self, hit: Hit) -> bool:
        """The page itself is no news."""
        return hit.page == self.hit.page


Subject = PictureSubject | LikeSubject
AT_ONCE = 10
"""So many snippets are made before anything is shown: about as many as a screen holds."""


def answers(words: str, subject: Subject | None, limit: int, library: LibraryPort) -> Iterator[SearchResult]:
    """The fast order of what is found, then the reranked one where it differs."""
    query = subject.query(words, library) if subject else library.parse(words)
    for result in library.stream(query, limit, AT_ONCE):
        hits = tuple(hit for hit in result.hits if subject is None or not subject.leaves_out(hit))
        if not hits and query.filters:
            yield _without_filters(replace(result, hits=()), limit, library)
        else:
            yield replace(result, hits=hits)


def _without_filters(result: SearchResult, limit: int, library: LibraryPort) -> SearchResult:
    """With a note on what the filters keep from being found."""
    other = next(iter(library.stream(replace(result.query, filters=Filters()), limit, 0)))
    if not other.hits:
        return result
    most = "at least " if len(other.hits) == limit else ""
    return replace(result, notes=(f"{most}{counted(len(other.hits), 'page')} without the filters",))
