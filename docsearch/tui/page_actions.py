"""What can be done with the page that is looked at: open it, copy it, show where it lies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.dom import DOMNode

from docsearch.tui.clipboard import citation, copy_through_tmux

if TYPE_CHECKING:
    from docsearch.records import Query
    from docsearch.tui.places import Place
    from docsearch.tui.session import Session
    from docsearch.tui.sightings import Sightings


class PageActions:
    """Actions of a screen on the place it looks at.

    Args:
        place: what is looked at now.
        query: the query that found it.
        sightings: is told what was opened and copied.
    """

    def __init__(
        self,
        node: DOMNode,
        session: Session,
        place: Callable[[], Place | None],
        query: Callable[[], Query],
        sightings: Sightings,
    ) -> None:
        self._node = node
        self._session = session
        self._place = place
        self._query = query
        self._sightings = sightings

    def open(self) -> None:
        """Opens the page in the desktop's viewer, at the words if it can look for them."""
        place = self._place()
        if place is not None:
            words = self._query().text
            self._sightings.opened(place.page_id)
            self._session.boundary.start(self._node, partial(self._open, place, words), "open")

    async def _open(self, place: Place, words: str) -> None:
        path, page = place.hit.path, place.page
        viewer = await self._session.facts.call(lambda library: library.view(path, page, words))
        self._say(f"Opened page {page} in {viewer}")

    def reveal(self) -> None:
        """Shows the file in the desktop's file manager."""
        place = self._place()
        if place is not None:
            self._session.boundary.start(self._node, partial(self._reveal, place), "open")

    async def _reveal(self, place: Place) -> None:
        program = await self._session.facts.call(lambda library: library.reveal(place.hit.path))
        self._say(f"Shown in {program}")

    def copy_path(self) -> None:
        """Copies the path of the file."""
        place = self._place()
        if place is not None:
            self._sightings.copied(place.page_id)
            self._copy(str(place.hit.path), "Path copied")

    def copy_citation(self) -> None:
        """Copies title, page and file as one names them in a text."""
        place = self._place()
        if place is not None:
            self._sightings.copied(place.page_id)
            self._copy(citation(place.hit, place.page), "Citation copied")

    def copy_text(self) -> None:
        """Copies the text of the page."""
        place = self._place()
        if place is not None:
            self._sightings.copied(place.page_id)
            self._session.boundary.start(self._node, partial(self._copy_text, place), "copy")

    async def _copy_text(self, place: Place) -> None:
        text = await self._session.facts.call(lambda library: library.page_text(place.page_id))
        self._copy(text, f"Text of page {place.page} copied")

    def _copy(self, text: str, done: str) -> None:
        self._session.boundary.start(self._node, partial(self._to_clipboard, text, done), "clipboard")

    async def _to_clipboard(self, text: str, done: str) -> None:
        app = self._node.app
        app.copy_to_clipboard(text)
        await asyncio.to_thread(copy_through_tmux, text)
        self._say(done)

    def _say(self, message: str) -> None:
        self._node.app.notify(message, markup=False, timeout=3)
