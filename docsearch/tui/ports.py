"""What the terminal interface asks of a library. `docsearch.library.Library` has it, and test doubles do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from docsearch.records import Box, Failure, PageId, Progress, Query, Root, SearchResult, Status


class LibraryPort(Protocol):
    """Search, indexing and page views over one index, used by one thread at a time."""

    def parse(self, words: str, picture: Path | None = None) -> Query:
        """The query that was typed; raises UsageError when a filter makes no sense."""

    def stream(self, query: Query, limit: int | None = None) -> Iterator[SearchResult]:
        """The fast order at once, then the reranked one where it differs."""

    def index(self, paths: Iterable[Path] = (), *, retry: bool = False) -> Iterator[Progress | Failure]:
        """Adds paths as roots and brings all roots up to date; raises IndexBusy."""

    def hand_over(self, paths: Iterable[Path]) -> bool:
        """Adds paths as roots for a running watcher to index; False when there is none."""

    def revision(self) -> tuple[int, ...]:
        """Another value whenever other pages can be found than before."""

    def remove(self, path: Path) -> int:
        """Forgets a root; returns how many files it had."""

    def roots(self) -> tuple[Root, ...]:
        """The folders and files that are searched."""

    def status(self) -> Status:
        """What the index holds, what waits and what failed."""

    def page_image(self, path: Path, page: int, pixels: int, boxes: Sequence[Box] = ()) -> bytes:
        """A page as a PNG file, its longest side `pixels` long; raises UnreadableDocument."""

    def page_text(self, page: PageId) -> str:
        """The stored text of a page."""

    def match_boxes(self, path: Path, page: int, query: Query) -> tuple[Box, ...]:
        """Where the query's words stand on a page."""

    def view(self, path: Path, page: int) -> str:
        """Opens the desktop's viewer at a page; returns its name."""

    def close(self) -> None:
        """Closes what was opened."""
