"""The help screen: every key of every screen, read from the bindings, and the query language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from docsearch.tui.notices import syntax_table

NAMES = {
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "question_mark": "?",
    "escape": "esc",
    "pageup": "page up",
    "pagedown": "page down",
}
Section = tuple[str, Iterable[BindingType]]


def key_names(binding: Binding) -> str:
    """The keys of a binding as they are printed on a keyboard."""
    keys = [binding.key_display or "", *binding.key.split(",")]
    return " or ".join(dict.fromkeys(NAMES.get(key, key) for key in keys if key))


def help_text(sections: Iterable[Section]) -> Content:
    """A table of keys a section, then the query language."""
    blocks = [_block(title, bindings) for title, bindings in sections]
    return Content("\n\n").join(
        [*blocks, Content.assemble(("In a query\n", "bold $text-primary"), syntax_table())]
    )


def _block(title: str, bindings: Iterable[BindingType]) -> Content:
    lines = [Content.styled(title, "bold $text-primary")]
    for binding in _bindings(bindings):
        meaning = binding.tooltip or binding.description
        lines.append(Content.assemble((key_names(binding).ljust(22), "$text-accent"), meaning))
    return Content("\n").join(lines)


def _bindings(bindings: Iterable[BindingType]) -> Iterator[Binding]:
    return (binding for binding in bindings if isinstance(binding, Binding))


class HelpScreen(ModalScreen[None]):
    """Shows the keys; any of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q,enter", "dismiss", "Close this help")]

    def __init__(self, sections: Iterable[Section]) -> None:
        super().__init__()
        self._text = help_text([*sections, ("In this help", self.BINDINGS)])

    def compose(self) -> ComposeResult:
        """One long text."""
        with VerticalScroll(classes="dialog", id="help") as scroll:
            scroll.border_title = "Keys"
            yield Static(self._text, markup=False)
