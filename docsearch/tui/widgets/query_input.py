"""The line the query is typed into; keys that mean nothing in a line go to the results."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class QueryInput(Input):
    """A search box from which the results can be walked through."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "screen.move_cursor(-1)", "Previous result", show=False),
        Binding("down", "screen.move_cursor(1)", "Next result", show=False),
    ]
