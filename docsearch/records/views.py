"""Looking at a page: how much room there is for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """How much room there is for a page and which part of it is looked at.

    Attributes:
        width: pixels of the room across.
        height: pixels of the room down.
        zoom: 1 shows the whole page as large as fits.
        x: where the middle of the room looks at the page, as a fraction of its width; None for the
            first box.
        y: likewise of its height.
    """

    width: int
    height: int
    zoom: float = 1.0
    x: float | None = None
    y: float | None = None
