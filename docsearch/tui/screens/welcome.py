"""The first run: asks for a folder and lets the user search as soon as something is searchable."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from docsearch.tui.text import MUTED, counted, literal
from docsearch.tui.widgets.path_input import PathInput, path_in, problem_with
from docsearch.tui.widgets.status_line import progress_text

if TYPE_CHECKING:
    from docsearch.tui.indexing import IndexingState
    from docsearch.tui.session import Session

GREETING = (
    "Find a page among your own documents.\n\n"
    "Which folder should be searched? PDFs, scans, pictures and e-books in it and below it are read "
    "on this computer; nothing leaves it and no file is changed."
)


class WelcomeScreen(Screen[None]):
    """Shown while there is no folder."""

    TITLE = "Welcome"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Later")]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    def compose(self) -> ComposeResult:
        """A greeting and a line for a path."""
        with Vertical(id="welcome", classes="dialog") as box:
            box.border_title = "docsearch"
            yield Static(GREETING, markup=False)
            yield PathInput(id="path")
            yield Static(literal("→ completes the path, enter starts", MUTED), id="problem", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Follows the run it starts."""
        self.session.indexing.changed.subscribe(self, self.on_indexing)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Indexes a path that exists."""
        problem = problem_with(event.value)
        if problem is not None:
            self._say(problem, "$text-error")
        else:
            self.session.indexing.start([path_in(event.value)])

    def on_indexing(self, state: IndexingState) -> None:
        """Goes on to searching with the first document; says so when there was none."""
        if state.searchable:
            self.action_close()
        elif state.running:
            self.query_one("#problem", Static).update(progress_text(state))
        else:
            failed = f"{counted(len(state.failures), 'file')} could not be read. " if state.failures else ""
            self._say(f"Nothing was found there. {failed}Try another folder.", "$text-warning")

    def action_close(self) -> None:
        """To the search."""
        if self.is_current:
            self.dismiss()

    def _say(self, message: str, style: str) -> None:
        self.query_one("#problem", Static).update(literal(message, style))
