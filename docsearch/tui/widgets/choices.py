"""What the word at the cursor can be completed to, in a small list over the results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.widgets import OptionList
from textual.widgets.option_list import Option

from docsearch.tui.text import literal

if TYPE_CHECKING:
    from docsearch.tui.completion import Choice


class Choices(OptionList, can_focus=False):
    """Choices for the word at the cursor; unseen while there are none."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.choices: list[Choice] = []

    def offer(self, choices: Sequence[Choice], column: int) -> None:
        """Shows other choices below a column of the line."""
        if not choices and not self.display:
            return
        self.choices = list(choices)
        self.display = bool(choices)
        self.clear_options()
        if choices:
            self.add_options(Option(literal(choice.label)) for choice in choices)
            self.highlighted = 0
            self.styles.offset = (column, 0)
            self.styles.width = max(len(choice.label) for choice in choices) + 4

    @property
    def chosen(self) -> Choice | None:
        """The choice under the cursor, when there are any."""
        row = self.highlighted
        return self.choices[row] if self.display and row is not None else None

    def move(self, rows: int) -> None:
        """Moves the cursor, round the ends."""
        self.highlighted = ((self.highlighted or 0) + rows) % len(self.choices)
