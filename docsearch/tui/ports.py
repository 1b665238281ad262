"""What the terminal interface asks of a library. `docsearch.library.Library` has it, and test doubles do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from docsearch.library.views import PageView, Wanted
    from docsearch.records import (
        Answer,
        Failure,
        Frame,
        Hit,
        LearningStatus,
        LoggedSearch,
        ModelState,
        PageId,
        Progress,
        Query,
        Root,
        SearchResult,
        Status,
    )
    from docsearch.watch.state import WatcherState


class ClickLogPort(Protocol):
    """Keeps searches with what came of them, for learning."""

    def begin(self, result: SearchResult, front: str) -> LoggedSearch | None:
        """A search as it was answered; None when nothing is to be kept of it."""

    def put(self, search: LoggedSearch) -> bool:
        """Keeps a search in the place of what was kept of it."""


class LearningPort(Protocol):
    """What was learned from what the user opened."""

    def status(self) -> LearningStatus:
        """What was learned so far, and what could be."""

    def due(self) -> bool:
        """Whether a round is to begin by itself."""

    def accept(self, state: int) -> None:
        """Puts a state into use that waits for it."""

    def reject(self, state: int) -> None:
        """Throws a state away that waits."""

    def go_back(self) -> int:
        """Puts what was before into use again; its number, 0 for nothing learned."""


class LibraryPort(Protocol):
    """Search, indexing and page views over one index, used by one thread at a time."""

    def parse(self, words: str, picture: Path | None = None) -> Query:
        """The query that was typed; raises UsageError when a filter makes no sense."""

    def stream(
        self, query: Query, limit: int | None = None, at_once: int | None = None
    ) -> Iterator[SearchResult]:
        """The fast order with so many snippets at once, then the reranked one, which is complete."""

    def ask(
        self,
        question: Query,
        *,
        follow: bool = False,
        boxes: bool = True,
        stop: Event | None = None,
    ) -> Iterator[Answer]:
        """The answer as it grows; each item replaces the one before."""

    def index(self, paths: Iterable[Path] = (), *, retry: bool = False) -> Iterator[Progress | Failure]:
        """Adds paths as roots and brings all roots up to date; raises IndexBusy."""

    def hand_over(self, paths: Iterable[Path]) -> bool:
        """Adds paths as roots for a running watcher to index; False when there is none."""

    def revision(self) -> tuple[int, ...]:
        """Another value whenever other pages can be found than before."""

    def watcher(self) -> WatcherState | None:
        """The process that keeps the index current, if one runs."""

    def remove(self, path: Path) -> int:
        """Forgets a root; returns how many files it had."""

    def roots(self) -> tuple[Root, ...]:
        """The folders and files that are searched."""

    def status(self) -> Status:
        """What the index holds, what waits and what failed."""

    def warm_views(self) -> None:
        """Starts what draws pages before there is one to draw."""

    def look(self, path: Path, page: int, frame: Frame, query: Query, wanted: Wanted) -> PageView:
        """The part of a page that a frame shows, the query's words marked; raises UnreadableDocument."""

    def outline(self, path: Path) -> tuple[tuple[int, str, int], ...]:
        """The bookmarks of a file: (level from 1, heading, page); raises UnreadableDocument."""

    def matching_pages(self, document: int, query: Query) -> tuple[int, ...]:
        """The pages of a document that hold words of the query, in order."""

    def more_like(self, hit: Hit) -> Query:
        """A query for pages about the same as this one."""

    def completions(self) -> Mapping[str, Sequence[str]]:
        """What can follow each filter of the query language, the commonest first."""

    def page_text(self, page: PageId) -> str:
        """The stored text of a page."""

    def view(self, path: Path, page: int, words: str = "") -> str:
        """Opens the desktop's viewer at a page, looking for the words; returns its name."""

    def reveal(self, path: Path) -> str:
        """Shows a file in the desktop's file manager; returns its name."""

    @property
    def clicks(self) -> ClickLogPort:
        """Searches and what was done with their results."""

    @property
    def learning(self) -> LearningPort:
        """Learning from what was opened."""

    def models(self) -> tuple[ModelState, ...]:
        """Every model docsearch knows."""

    def use_model(self, name: str) -> None:
        """Takes a model into use for its role; raises ModelUnavailable, UsageError, SettingsError."""

    def close(self) -> None:
        """Closes what was opened."""
