"""Looks at pages: loads what the preview shows, keeps it, and loads its neighbours ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.dom import DOMNode

from docsearch.errors import UnreadableDocument
from docsearch.records import Frame, Hit, PageId, Query
from docsearch.tui.page_cache import PageCache
from docsearch.tui.places import Place, next_box, next_page

if TYPE_CHECKING:
    from docsearch.library.views import PageView
    from docsearch.tui.session import Session
    from docsearch.tui.widgets.preview import Preview

MOVING_SECONDS = 0.01
"""A page is loaded when the cursor stayed on it for this long."""
SLOW_SECONDS = 0.4
"""When a page takes longer, it is said that it is on its way."""
Key = tuple[object, ...]


class Looking:
    """What the preview of a screen shows.

    Args:
        node: the screen; what is loaded is dropped with it.
        neighbours: hits that the cursor may come to next.
        shown: is told which page is shown.
    """

    def __init__(
        self,
        node: DOMNode,
        session: Session,
        preview: Preview,
        neighbours: Callable[[], Iterable[Hit]],
        shown: Callable[[PageId], None],
    ) -> None:
        self._node = node
        self._session = session
        self._preview = preview
        self._neighbours = neighbours
        self._shown = shown
        self._cache = PageCache()
        self._pages: dict[tuple[int, Query], tuple[int, ...]] = {}
        self._view: PageView | None = None
        self.place: Place | None = None
        self.query = Query()
        self.as_text = False

    # -- where to look ---------------------------------------------------------------------------

    def at_hit(self, hit: Hit | None, query: Query) -> None:
        """Looks at a hit's page, or stays at the page of its document that is looked at already."""
        known, self.query = self.query, query
        if hit is None:
            self.place = None
            self._session.boundary.start(self._node, self._nothing, "page")
        elif self.place is None or hit.page != self.place.hit.page:
            self.go(Place(hit, hit.page.page))
        elif query != known:
            self.go(self.place)

    def go(self, place: Place) -> None:
        """Looks at a place, as soon as there is room for it; what is kept is shown at once."""
        self.place = place
        if not (self._preview.seen and self._preview.room.area):
            return
        kept = None if self.as_text else self._cache.get(self._key(place, self.query))
        if kept is None:
            self._session.boundary.start(self._node, partial(self._load, place, self.query), "page")
        else:
            self._session.boundary.stop(self._node, "page")
            self._show(place, self.query, self._as_picture(kept))

    def again(self) -> None:
        """Loads anew what is looked at: there is other room, or another way to look."""
        if self.place is not None:
            self.go(self.place)

    def turn(self, pages: int) -> None:
        """Turns the pages of the document."""
        if self.place is not None and self.place.turned(pages) != self.place:
            self.go(self.place.turned(pages))

    def zoom(self, steps: int) -> None:
        """Closer or farther."""
        if self.place is not None and self._view is not None and not self.as_text:
            self.go(self.place.zoomed(steps, self._view.part))

    def pan(self, across: int, down: int) -> None:
        """Beside what is seen."""
        if self.place is not None and self._view is not None and self.place.zoom > 1:
            self.go(self.place.panned(across, down, self._view.part))

    def to_match(self, step: int) -> None:
        """The next or the previous match: on the page when it is seen in part, else on another page."""
        if self.place is None:
            return
        view = self._view
        box = next_box(view.boxes, view.part, step) if view and self.place.zoom > 1 else None
        if box is not None:
            self.go(self.place.looking_at(box))
        else:
            work = partial(self._to_matching_page, self.place, self.query, step)
            self._session.boundary.start(self._node, work, "match")

    async def _to_matching_page(self, place: Place, query: Query, step: int) -> None:
        key = (place.hit.page.doc, query)
        if key not in self._pages:
            self._pages = {key: await self._session.facts.call(lambda library: library.matching_pages(*key))}
        page = next_page(self._pages[key], place.page, step)
        if page is None:
            where = "after" if step > 0 else "before"
            self._preview.app.notify(f"No match {where} this page", markup=False, timeout=2)
        else:
            self.go(place.at(page))

    # -- loading ---------------------------------------------------------------------------------

    async def _nothing(self) -> None:
        self._view = None
        self._preview.clear()

    async def _load(self, place: Place, query: Query) -> None:
        await asyncio.sleep(MOVING_SECONDS)
        slow = self._preview.set_timer(SLOW_SECONDS, partial(self._preview.on_its_way, place.page))
        try:
            show = await self._text(place) if self.as_text else await self._picture(place, query)
        except UnreadableDocument as error:
            self._view = None
            reason = f"The file cannot be shown: {error.message}.\nctrl+t shows its stored text."
            show = partial(self._preview.show_message, reason)
        except Exception as error:
            self._session.boundary.report(error)
            show = partial(self._preview.show_message, "The page cannot be shown.")
        finally:
            slow.stop()
        self._show(place, query, show)

    def _show(self, place: Place, query: Query, show: Callable[[], None]) -> None:
        """Heading and page change together: what stands below a heading is always its page."""
        self._preview.announce(place.hit, place.page, self._remarks(place))
        show()
        self._shown(place.page_id)
        self._preview.call_after_refresh(self._start_ahead, place, query)

    def _start_ahead(self, place: Place, query: Query) -> None:
        """Loads the neighbours, once the page is painted and unless another one is looked at by now."""
        if place == self.place:
            self._session.boundary.start(self._node, partial(self._look_ahead, place, query), "ahead")

    def _remarks(self, place: Place) -> list[str]:
        boxes = len(self._view.boxes) if self._view is not None and not self.as_text else 0
        matches = [f"{boxes} match{'es' * (boxes > 1)}"] if boxes else []
        return matches + ([f"{place.zoom:g}×"] if place.zoom > 1 and not self.as_text else [])

    async def _text(self, place: Place) -> Callable[[], None]:
        text = await self._session.preview.call(lambda library: library.page_text(place.page_id))
        hit = place.hit
        words = [hit.snippet.text[start:end] for start, end in hit.snippet.spans]
        return partial(self._preview.show_text, text, [*words, *self.query.text.split()])

    async def _picture(self, place: Place, query: Query) -> Callable[[], None]:
        kept = self._cache.get(self._key(place, query))  # it may have been drawn ahead meanwhile
        return self._as_picture(kept or await self._drawn(place, query, lambda: self.place == place))

    def _as_picture(self, view: PageView) -> Callable[[], None]:
        self._view = view
        return partial(self._preview.show_picture, view.image)

    async def _drawn(self, place: Place, query: Query, wanted: Callable[[], bool]) -> PageView:
        """The page as its file has it now; kept."""
        key, frame, path = self._key(place, query), self._frame(place), place.hit.path
        changed, view = await self._session.preview.call(
            lambda library: (_changed(path), library.look(path, place.page, frame, query, wanted))
        )
        self._cache.put(key, view, changed)
        return view

    async def _still_true(self, place: Place, query: Query) -> bool:
        """Whether the picture that is shown is of the file as it is now; a file that is gone is not asked."""
        now = await self._session.preview.call(lambda _: _changed(place.hit.path))
        key = self._key(place, query)
        if not now or key not in self._cache or self._cache.changed(key) == now:
            return True
        self._cache.drop(key)
        return False

    async def _look_ahead(self, place: Place, query: Query) -> None:
        """Loads what is likely to be looked at next."""
        if self.as_text:
            return
        if not await self._still_true(place, query):
            self.go(place)
            return
        others = [place.turned(1), *(Place(hit, hit.page.page) for hit in self._neighbours())]
        for other in others:
            key = self._key(other, query)
            if key not in self._cache:
                try:
                    await self._drawn(other, query, lambda: self.place == place)
                except UnreadableDocument:
                    continue

    def _frame(self, place: Place) -> Frame:
        room = self._preview.room
        return Frame(room.width, room.height, place.zoom, place.x, place.y)

    def _key(self, place: Place, query: Query) -> Key:
        return (place.hit.page.doc, place.page, self._frame(place), query.text, query.phrases)


def _changed(path: Path) -> int:
    """When a file last changed, in nanoseconds; 0 when that cannot be told."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
