"""The pane with the answer to a question, and the pages it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from docsearch.tui.text import MUTED, literal

if TYPE_CHECKING:
    from docsearch.records import Answer, Citation


class AnswerPane(VerticalScroll, can_focus=True):
    """Shows one answer as it grows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", "Down", show=False),
        Binding("k", "scroll_up", "Up", show=False),
        Binding("s", "screen.stop_answer", "Stop answering", show=False),
        Binding("f", "screen.follow_up", "Follow-up question", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.answer: Answer | None = None

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(id="answer-text", markup=False)

    def wait_for(self, question: str) -> None:
        """Says what is asked, before there is an answer."""
        self.answer = None
        self.border_title = literal(question)
        self.border_subtitle = "looking"
        self.query_one(Static).update(literal("…", MUTED))
        self.scroll_home(animate=False)

    def show(self, answer: Answer) -> None:
        """Shows what there is of the answer."""
        from docsearch.tui.answer_text import answer_text, state_text

        self.answer = answer
        self.border_title = literal(answer.question)
        self.border_subtitle = literal(state_text(answer))
        self.query_one(Static).update(answer_text(answer))

    def citation(self, number: int) -> Citation | None:
        """The page of that number."""
        cited = self.answer.citations if self.answer else ()
        return next((citation for citation in cited if citation.number == number), None)
