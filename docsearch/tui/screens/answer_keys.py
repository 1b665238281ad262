"""The keys of a screen that answers questions beside its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from docsearch.tui.places import Place
from docsearch.tui.screens.page_keys import PageKeys
from docsearch.tui.widgets.answer import AnswerPane

if TYPE_CHECKING:
    from docsearch.records import Hit
    from docsearch.tui.asking import Asking

ANSWERING = "-answer"
"""The class of a screen while it shows an answer."""


class AnswerKeys(PageKeys):
    """Answers questions. Whoever is one makes `asking` when it is mounted."""

    KEYS: ClassVar[list[BindingType]] = [
        Binding("f4", "ask", "Answer", tooltip="Answer what was typed; so does a ? at its end"),
        *(Binding(str(n), f"cite({n})", f"Page {n} of the answer", show=False) for n in range(1, 10)),
    ]

    asking: Asking

    @property
    def question(self) -> str:
        """What was typed."""
        raise NotImplementedError

    @property
    def listed(self) -> Sequence[Hit]:
        """The hits beside the answer."""
        raise NotImplementedError

    def ask(self, question: str, *, follow: bool = False) -> None:
        """Answers a question beside the results."""
        self.set_class(True, ANSWERING)
        self.query_one(AnswerPane).wait_for(question)
        self.asking.ask(question, follow=follow)

    def action_ask(self) -> None:
        """Answers what was typed, or closes the answer."""
        if self.has_class(ANSWERING):
            self.close_answer()
        elif self.question.strip():
            self.ask(self.question)

    def action_follow_up(self) -> None:
        """Answers what was typed, building on the question before."""
        if self.question.strip():
            self.ask(self.question, follow=True)

    def action_stop_answer(self) -> None:
        """Ends the answer with what was said so far."""
        self.asking.stop()

    def close_answer(self) -> None:
        """Gives the page the room of the answer."""
        self.asking.stop()
        self.set_class(False, ANSWERING)
        self.call_after_refresh(self.looking.again)

    def action_cite(self, number: int) -> None:
        """Looks at the page that a marker names."""
        from docsearch.tui.answer_text import as_hit

        citation = self.query_one(AnswerPane).citation(number)
        if citation is not None:
            hit = as_hit(citation, self.listed)
            self.looking.go(Place(hit, hit.page.page))
