"""What all screens share: a library thread for each kind of work, indexing, learning, the error boundary."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.app import App

from docsearch.tui.boundary import Boundary, ErrorLog
from docsearch.tui.freshness import Freshness
from docsearch.tui.idle_learning import IdleLearning
from docsearch.tui.indexing import Indexing
from docsearch.tui.learning import Rounds
from docsearch.tui.threads import LibraryThread

if TYPE_CHECKING:
    from docsearch.tui.graphics import Picture
    from docsearch.tui.history import History
    from docsearch.tui.learning_process import LearningRunner
    from docsearch.tui.ports import LibraryPort

CLOSING_SECONDS = 3.0
"""How long leaving the program may wait for a library to close."""


class Session:
    """Searching, previews, facts, answers and writing have libraries of their own: none waits for another.

    Args:
        app: the running app.
        open_library: opens a library; called once in each thread.
        log: where unexpected errors go.
        picture: how pages are drawn.
        history: past queries.
        learner: runs rounds of learning.
    """

    def __init__(
        self,
        app: App[Any],
        open_library: Callable[[], LibraryPort],
        log: ErrorLog,
        picture: Picture,
        history: History,
        learner: LearningRunner | None = None,
    ) -> None:
        self.search = LibraryThread(open_library, "search")
        self.preview = LibraryThread(open_library, "preview")
        self.facts = LibraryThread(open_library, "facts")
        self.writer = LibraryThread(open_library, "writer")
        self.answers = LibraryThread(open_library, "answers")
        self.picture = picture
        self.history = history
        self.boundary = Boundary(app, log)
        self.indexing = Indexing(app, self.boundary, self.writer)
        self.freshness = Freshness(app, self.boundary, self.facts, self.indexing)
        self.rounds = Rounds(app, self.boundary, learner)
        self.idle = IdleLearning(app, self.boundary, self.facts, self.indexing, self.rounds)

    async def use_model(self, name: str) -> None:
        """Takes a model into use in every library that is open; raises what `Library.use_model` does."""
        await self.facts.call(lambda library: library.use_model(name))
        for thread in (self.search, self.answers, self.writer):
            if thread.opened:
                thread.tell(lambda library: library.use_model(name), self.boundary.log.write)

    async def close(self) -> None:
        """Closes every library, the writer after the step it is at."""
        threads = (self.search, self.preview, self.facts, self.writer, self.answers)
        await asyncio.gather(*(asyncio.to_thread(thread.close, CLOSING_SECONDS) for thread in threads))
