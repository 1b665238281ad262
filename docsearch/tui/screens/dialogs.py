"""Small dialogs: a path to add, a yes or no."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from docsearch.tui.text import MUTED, literal
from docsearch.tui.widgets.path_input import PathInput, path_in, problem_with


class AskForPath(ModalScreen[Path | None]):
    """Asks for a path that exists.

    Args:
        title: what is asked for.
        question: in a sentence.
        files: whether files are completed too.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Cancel")]

    def __init__(self, title: str, question: str, *, files: bool) -> None:
        super().__init__()
        self._title = title
        self._question = question
        self._files = files

    def compose(self) -> ComposeResult:
        """A line and what is wrong with it."""
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            yield Static(self._question, markup=False)
            yield PathInput(id="path", files=self._files)
            yield Static(
                literal("→ completes the path, enter takes it, esc cancels", MUTED),
                id="problem",
                markup=False,
            )

    def on_input_changed(self) -> None:
        """Typing takes the complaint away."""
        self.query_one("#problem", Static).update("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes a path that exists."""
        problem = problem_with(event.value)
        if problem is None:
            self.dismiss(path_in(event.value))
        else:
            self.query_one("#problem", Static).update(literal(problem, "$text-error"))


class AddFolder(AskForPath):
    """Asks for a folder to search."""

    def __init__(self) -> None:
        super().__init__("Add a folder", "A folder with documents, or one file.", files=False)


class PickPicture(AskForPath):
    """Asks for a picture to search with."""

    def __init__(self) -> None:
        super().__init__("Search by picture", "A photo, scan or screenshot of a page.", files=True)


class Confirm(ModalScreen[bool]):
    """Asks before something is done.

    Args:
        question: what is asked; shown literally.
        detail: what it means.
        yes: what the button that does it says.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", "No"),
        Binding("y", "answer(True)", "Yes"),
        Binding("left,right", "app.focus_next", "Other button"),
    ]

    def __init__(self, question: str, detail: str, yes: str) -> None:
        super().__init__()
        self._question = question
        self._detail = detail
        self._yes = yes

    def compose(self) -> ComposeResult:
        """The question and two buttons."""
        with Vertical(classes="dialog"):
            yield Static(literal(self._question), markup=False)
            yield Static(literal(self._detail, MUTED), markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="no")
                yield Button(self._yes, id="yes", variant="error")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Either button."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Either key."""
        self.dismiss(answer)
