"""Learns by itself while nobody is typing, and says so when that changed something. Knows no screen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from textual.app import App

from docsearch.errors import DocsearchError
from docsearch.tui.learning import IF_DUE, Rounds
from docsearch.tui.text import visible

if TYPE_CHECKING:
    from docsearch.records import LearningEvent
    from docsearch.tui.boundary import Boundary
    from docsearch.tui.indexing import Indexing
    from docsearch.tui.ports import LibraryPort
    from docsearch.tui.threads import LibraryThread

LOOK_SECONDS = 10.0
"""How often it is looked whether anybody types."""
IDLE_SECONDS = 60.0
"""Nobody does when no key came for this long."""
AGAIN_SECONDS = 3600.0
"""So long after a round it does not try another."""


class IdleLearning:
    """Starts a round when one is due and nobody is at the keyboard.

    Args:
        facts: is asked whether one is due, and what happened.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        app: App[Any],
        boundary: Boundary,
        facts: LibraryThread,
        indexing: Indexing,
        rounds: Rounds,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._boundary = boundary
        self._facts = facts
        self._indexing = indexing
        self._rounds = rounds
        self._clock = clock
        self._touched = clock()
        self._asked = False
        self._tried = -math.inf

    def start(self) -> None:
        """Begins to look; once, when the app runs."""
        if self._rounds.possible:
            self._app.set_interval(LOOK_SECONDS, self.look)

    def touch(self) -> None:
        """A key was pressed."""
        self._touched, self._asked = self._clock(), False

    def look(self) -> None:
        """Asks whether a round is due, once in each pause of the user's."""
        now = self._clock()
        busy = self._indexing.state.running or self._rounds.state.running
        idle = now - self._touched >= IDLE_SECONDS
        if idle and not busy and not self._asked and now - self._tried >= AGAIN_SECONDS:
            self._asked = True
            self._boundary.start(self._app, self._learn_if_due, "idle-learning")

    async def _learn_if_due(self) -> None:
        if not await self._facts.call(lambda library: library.learning.due()):
            return
        self._tried = self._clock()
        before = await self._facts.call(_history)
        try:
            await self._rounds.run(*IF_DUE, gentle=True)
        except (DocsearchError, RuntimeError) as error:  # nobody asked for it
            self._boundary.log.write(error)
        for notice in notices((await self._facts.call(_history))[len(before) :]):
            self._app.notify(visible(notice), markup=False, timeout=10)


def notices(events: Iterable[LearningEvent]) -> list[str]:
    """What is to be said of what happened meanwhile: only what changed how search answers."""
    said = []
    for event in events:
        if event.what == "accepted":
            said.append("Search has learned from what you opened. F10 shows what; b goes back.")
        elif event.what == "went back":
            said.append(f"What had been learned was taken back: {'; '.join(event.reasons)}")
    return said


def _history(library: LibraryPort) -> Sequence[LearningEvent]:
    return library.learning.status().history
