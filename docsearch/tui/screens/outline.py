"""The outline of a document: its bookmarks, to go to one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from docsearch.tui.text import literal

Entry = tuple[int, str, int]


class OutlineScreen(ModalScreen[int | None]):
    """Lists bookmarks; gives the page of the chosen one.

    Args:
        title: the document's.
        entries: (level from 1, heading, page).
        page: the page that is looked at; the bookmark it belongs to is chosen first.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,o,q,ctrl+l", "dismiss", "Close", key_display="esc"),
        Binding("j", "move('down')", "Next", show=False),
        Binding("k", "move('up')", "Previous", show=False),
    ]

    def __init__(self, title: str, entries: Sequence[Entry], page: int) -> None:
        super().__init__()
        self._document = title
        self._entries = entries
        self._page = page

    def compose(self) -> ComposeResult:
        """One list."""
        with Vertical(classes="dialog", id="outline") as box:
            box.border_title = literal(self._document)
            box.border_subtitle = "enter goes to the page, esc closes"
            yield OptionList(*(Option(entry_line(entry)) for entry in self._entries), markup=False)

    def on_mount(self) -> None:
        """At the bookmark of the page."""
        before = [number for number, entry in enumerate(self._entries) if entry[2] <= self._page]
        self.query_one(OptionList).highlighted = before[-1] if before else 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter or a click."""
        self.dismiss(self._entries[event.option_index][2])

    def action_move(self, where: str) -> None:
        """As the arrow keys do."""
        options = self.query_one(OptionList)
        options.action_cursor_down() if where == "down" else options.action_cursor_up()


def entry_line(entry: Entry) -> Content:
    """A bookmark, indented by its level, with its page."""
    level, heading, page = entry
    return Content.assemble(
        "  " * (min(level, 6) - 1), literal(heading.strip() or "…"), "  ", (str(page), "$text-accent")
    )
