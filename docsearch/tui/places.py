"""Which page of which file is looked at, how close, and where the next match is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from docsearch.records import Box, Hit, PageId

ZOOMS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
PAN = 0.4
"""How much of what is seen a step moves on by."""


@dataclass(frozen=True, slots=True)
class Place:
    """A page of a hit's document, how close it is looked at, and where; `None` is its first match."""

    hit: Hit
    page: int
    zoom: float = 1.0
    x: float | None = None
    y: float | None = None

    @property
    def page_id(self) -> PageId:
        """The page that is looked at."""
        return PageId(self.hit.page.doc, self.page)

    def turned(self, pages: int) -> Place:
        """So many pages on, within the document, at the same zoom."""
        return self.at(min(max(self.page + pages, 1), max(self.hit.pages, 1)))

    def at(self, page: int) -> Place:
        """Another page of the document, at its first match."""
        return self if page == self.page else replace(self, page=page, x=None, y=None)

    def zoomed(self, steps: int, part: Box) -> Place:
        """Closer or farther, around the middle of the part that is seen."""
        nearest = min(range(len(ZOOMS)), key=lambda number: abs(ZOOMS[number] - self.zoom))
        zoom = ZOOMS[min(max(nearest + steps, 0), len(ZOOMS) - 1)]
        if self.zoom == 1.0 and self.x is None:
            return replace(self, zoom=zoom)
        return replace(self, zoom=zoom, x=(part.x0 + part.x1) / 2, y=(part.y0 + part.y1) / 2)

    def panned(self, across: int, down: int, part: Box) -> Place:
        """Beside the part that is seen; the same place where the page ends."""
        x = _moved(part.x0, part.x1, across)
        y = _moved(part.y0, part.y1, down)
        return replace(self, x=x, y=y)

    def looking_at(self, box: Box) -> Place:
        """With a box of the page in the middle."""
        return replace(self, x=(box.x0 + box.x1) / 2, y=(box.y0 + box.y1) / 2)


def _moved(start: float, end: float, steps: int) -> float:
    half = (end - start) / 2
    return min(max(start + half + steps * PAN * (end - start), half), 1 - half)


def next_box(boxes: Sequence[Box], part: Box, step: int) -> Box | None:
    """The first match behind the part that is seen, or before it with a `step` of -1."""
    ordered = sorted(boxes, key=lambda box: (box.y0, box.x0))
    if step > 0:
        return next((box for box in ordered if box.y0 >= part.y1 or _beside(box, part)), None)
    return next((box for box in reversed(ordered) if box.y1 <= part.y0), None)


def _beside(box: Box, part: Box) -> bool:
    return box.y0 >= part.y0 and box.x0 >= part.x1


def next_page(pages: Sequence[int], page: int, step: int) -> int | None:
    """The next matching page in a direction."""
    later = [p for p in pages if (p > page if step > 0 else p < page)]
    return (min(later) if step > 0 else max(later)) if later else None
