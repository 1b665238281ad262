"""The list of hits: a fixed number of lines each, so that rows stay where they are when hits change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList

from docsearch.records import Hit
from docsearch.tui.text import MUTED, first_lines, highlighted, literal, short_path

SNIPPET_LINES = 2
MIN_WIDTH = 20
"""Rows are made at least this wide, also while the list is not on the screen yet."""


def hit_row(hit: Hit, width: int, home: Path | None = None) -> Content:
    """Title and place, path and date, the snippet with its matches marked, a blank line."""
    place = f"page {hit.page.page} of {hit.pages}"
    day = hit.modified.isoformat()
    path = short_path(hit.path, width - len(day) - 2, home)
    lines = [
        _apart(literal(hit.title, "bold"), literal(place, "$text-accent"), width),
        _apart(literal(path, MUTED), literal(day, MUTED), width),
        *first_lines(highlighted(hit.snippet.text, hit.snippet.spans), width, SNIPPET_LINES),
        Content(""),
    ]
    return Content("\n").join(lines)


def _apart(left: Content, right: Content, width: int) -> Content:
    room = max(width - right.cell_length - 1, 1)
    left = left.truncate(room, ellipsis=True)
    return Content.assemble(left, " " * (room - left.cell_length + 1), right)


def keep_in_place(hits: Sequence[Hit], kept: Hit, row: int) -> list[Hit]:
    """The new order, except that the page of `kept` stays in its row."""
    others = [hit for hit in hits if hit.page != kept.page]
    newest = next((hit for hit in hits if hit.page == kept.page), kept)
    return [*others[:row], newest, *others[row:]]


class HitList(OptionList):
    """Hits to choose from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", show=False),
        Binding("home", "first", "First result", show=False),
        Binding("end", "last", "Last result", show=False),
        Binding("pageup,left_square_bracket", "screen.turn(-1)", "Previous page of the document", show=False),
        Binding("pagedown,right_square_bracket", "screen.turn(1)", "Next page of the document", show=False),
    ]

    @dataclass
    class Highlighted(Message):
        """Another hit is under the cursor; None when there are none."""

        hit: Hit | None

    class Opened(Message):
        """The hit under the cursor was asked for."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.hits: list[Hit] = []
        self.moved = False
        """Whether the user has chosen the row under the cursor."""
        self._width = 0

    @property
    def hit(self) -> Hit | None:
        """The hit under the cursor."""
        row = self.highlighted
        return self.hits[row] if row is not None and row < len(self.hits) else None

    def show(self, hits: Sequence[Hit], *, keep_cursor: bool = False) -> None:
        """Shows other hits; with `keep_cursor`, a row the user has chosen stays where it is."""
        chosen, row = self.hit, self.highlighted
        if keep_cursor and self.moved and chosen is not None and row is not None:
            self.hits = keep_in_place(hits, chosen, row)
            self._fill()
        else:
            self.moved = False
            self.hits = list(hits)
            self._fill()
            self.highlighted = 0 if self.hits else None
            self.scroll_home(animate=False)
        self._tell()

    def move(self, rows: int) -> None:
        """Moves the cursor as the user asked, not beyond the ends."""
        if self.hits:
            self.moved = True
            self.highlighted = min(max((self.highlighted or 0) + rows, 0), len(self.hits) - 1)

    def action_cursor_down(self) -> None:
        """Next row."""
        self.move(1)

    def action_cursor_up(self) -> None:
        """Previous row."""
        self.move(-1)

    def action_first(self) -> None:
        """First row."""
        self.move(-len(self.hits))

    def action_last(self) -> None:
        """Last row."""
        self.move(len(self.hits))

    def action_select(self) -> None:
        """A click chooses a row; it does not open it."""
        self.moved = True

    def action_open(self) -> None:
        """Asks for the hit under the cursor."""
        self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        """A double click opens."""
        if event.chain == 2:
            self.action_open()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Passes on which hit is under the cursor."""
        event.stop()
        self._tell()

    def on_resize(self) -> None:
        """Lines are as long as the list is wide."""
        if self._row_width != self._width:
            self._fill()

    def _tell(self) -> None:
        self.post_message(self.Highlighted(self.hit))

    @property
    def _row_width(self) -> int:
        padding = self.get_component_styles("option-list--option").padding
        return self.scrollable_content_region.width - padding.left - padding.right

    def _fill(self) -> None:
        """Replaces rows one by one: rebuilding the list would lose the cursor and scroll away."""
        self._width = self._row_width
        home = Path.home()
        rows = [hit_row(hit, max(self._width, MIN_WIDTH), home) for hit in self.hits]
        for number in reversed(range(len(rows), self.option_count)):
            self.remove_option_at_index(number)
        for number, row in enumerate(rows[: self.option_count]):
            self.replace_option_prompt_at_index(number, row)
        self.add_options(rows[self.option_count :])
