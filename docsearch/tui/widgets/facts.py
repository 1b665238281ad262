"""Facts with their names beside them, each wrapped in its own column. Knows text, not where it comes from."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

NAME_CELLS = 14
NAME_STYLE = "$foreground 60%"
Fact = tuple[str, Content]


class Facts(Widget):
    """Lines of a name and what is known under it."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._facts: tuple[Fact, ...] = ()

    def show(self, facts: Iterable[Fact]) -> None:
        """Shows these, literally, instead of those before."""
        self._facts = tuple(facts)
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """As many lines as they take at this width."""
        return len(self._lines(width))

    def render(self) -> Content:
        """Name and fact, line by line."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        lines = []
        for name, fact in self._facts:
            for number, line in enumerate(fact.wrap(max(width - NAME_CELLS, 1))):
                beside = name if number == 0 else ""
                lines.append(Content.assemble((beside.ljust(NAME_CELLS), NAME_STYLE), line.rstrip()))
        return lines
