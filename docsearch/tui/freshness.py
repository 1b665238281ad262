"""Notices that the index holds other pages than before, whoever wrote them, and tells it. Knows no screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.signal import Signal

if TYPE_CHECKING:
    from docsearch.tui.boundary import Boundary
    from docsearch.tui.indexing import Indexing
    from docsearch.tui.threads import LibraryThread

LOOK_SECONDS = 2.0
"""How often it is asked."""


class Freshness:
    """Asks a library now and then what state its pages are in; `changed` tells every new one.

    While the app itself is indexing nothing is asked: that tells its own progress.
    """

    def __init__(self, app: App[Any], boundary: Boundary, facts: LibraryThread, indexing: Indexing) -> None:
        self.changed: Signal[tuple[int, ...]] = Signal(app, "freshness")
        self._app = app
        self._boundary = boundary
        self._facts = facts
        self._indexing = indexing
        self._known: tuple[int, ...] | None = None

    def start(self) -> None:
        """Begins to ask; once, when the app runs."""
        self._app.set_interval(LOOK_SECONDS, self.look)

    def look(self) -> None:
        """Asks once."""
        if not self._indexing.state.running:
            self._boundary.start(self._app, self._look, "freshness")

    async def _look(self) -> None:
        now = await self._facts.call(lambda library: library.revision())
        before, self._known = self._known, now
        if before not in (None, now):
            self.changed.publish(now)
