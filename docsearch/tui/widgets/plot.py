"""A plot that is drawn anew for the room there is. Knows plots, not what they show."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.content import Content
from textual.widget import Widget

Drawing = Callable[[int, int], Sequence[Content]]
"""Lines for so many columns and rows."""


class Plot(Widget):
    """Shows what a function draws."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawing: Drawing = _nothing

    def show(self, drawing: Drawing) -> None:
        """Draws this from now on."""
        self._drawing = drawing
        self.refresh()

    def render(self) -> Content:
        """The plot for the room there is."""
        size = self.content_size
        return Content("\n").join(self._drawing(size.width, size.height))


def _nothing(_columns: int, _rows: int) -> Sequence[Content]:
    return ()
