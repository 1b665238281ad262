"""Small pictures for the hits that can be seen, drawn when there is nothing better to do."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from textual.dom import DOMNode
from textual.geometry import Size
from textual.strip import Strip

from docsearch.errors import UnreadableDocument
from docsearch.records import Frame, Hit, PageId, Query
from docsearch.tui.widgets.block_image import BlockImage, fitted
from docsearch.tui.widgets.hits import THUMBNAIL, HitList

if TYPE_CHECKING:
    from docsearch.tui.session import Session

IDLE_SECONDS = 0.25
"""Nothing is drawn until nothing was typed for this long."""
KEPT = 120
"""Small pictures that are kept."""


class Thumbnails:
    """Fills a list of hits with small pictures."""

    def __init__(self, node: DOMNode, session: Session, hits: HitList) -> None:
        self._node = node
        self._session = session
        self._hits = hits
        self._kept: OrderedDict[PageId, list[Strip]] = OrderedDict()

    def start(self) -> None:
        """Draws what is missing, instead of what is being drawn."""
        for hit in self._hits.wanted_thumbnails():
            if hit.page in self._kept:
                self._hits.put_thumbnail(hit.page, self._kept[hit.page])
        if self._hits.wanted_thumbnails():
            self._session.boundary.start(self._node, self._draw_all, "thumbnails")

    async def _draw_all(self) -> None:
        await asyncio.sleep(IDLE_SECONDS)
        for hit in self._hits.wanted_thumbnails():
            strips = await self._drawn(hit)
            self._keep(hit.page, strips)
            self._hits.put_thumbnail(hit.page, strips)

    async def _drawn(self, hit: Hit) -> list[Strip]:
        room = BlockImage.room_in(THUMBNAIL)
        frame = Frame(room.width * 2, room.height * 2)
        try:
            view = await self._session.preview.call(
                lambda library: library.look(hit.path, hit.page.page, frame, Query(), lambda: False)
            )
        except UnreadableDocument:
            return []
        from docsearch.tui.widgets.blocks import draw

        size = fitted(view.image.width, view.image.height, THUMBNAIL)
        return padded(draw(view.image, size), size)

    def _keep(self, page: PageId, strips: list[Strip]) -> None:
        self._kept[page] = strips
        while len(self._kept) > KEPT:
            dropped, _ = self._kept.popitem(last=False)
            self._hits.thumbnails.pop(dropped, None)


def padded(strips: list[Strip], size: Size) -> list[Strip]:
    """The strips in the middle of as many cells as a small picture has."""
    left = (THUMBNAIL.width - size.width) // 2
    right = THUMBNAIL.width - size.width - left
    lines = [Strip.join([Strip.blank(left), strip, Strip.blank(right)]) for strip in strips]
    return lines + [Strip.blank(THUMBNAIL.width)] * (THUMBNAIL.height - len(lines))
