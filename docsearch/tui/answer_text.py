"""An answer as it is shown: statements with their markers and doubts, and the pages they rest on. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from textual.content import Content
from textual.style import Style

from docsearch.records import Answer, AnswerState, Citation, Hit, Statement
from docsearch.tui.text import MUTED, highlighted, literal, visible

STATES = {
    AnswerState.QUOTED: "from the pages",
    AnswerState.LOADING: "loading the model",
    AnswerState.READING: "reading the pages",
    AnswerState.WRITING: "writing",
    AnswerState.STOPPED: "stopped",
}
_MARKER = re.compile(r"\[(\d{1,3})\]")


def answer_text(answer: Answer) -> Content:
    """Statements, what to know about them, then the pages by number."""
    parts = [
        _quote(answer, statement) if answer.quoted else statement_text(statement)
        for statement in answer.statements
    ]
    if not answer.found:
        parts.insert(0, literal("The pages found do not seem to answer this. The nearest ones:", MUTED))
    parts += [literal(f"! {note}", "$text-warning") for note in answer.notes]
    sources = Content("\n").join(citation_line(citation) for citation in answer.citations)
    return Content("\n\n").join([*parts, *([sources] if answer.citations else [])])


def statement_text(statement: Statement) -> Content:
    """What a model said, its markers to be clicked on, its doubts behind it."""
    text = visible(statement.text, lines=True)
    content = Content(text)
    for marker in _MARKER.finditer(text):
        content = content.stylize(_link(int(marker[1])), *marker.span())
    doubts = "; ".join(
        f"{flag.kind.value}: {flag.words}" if flag.words else flag.kind.value for flag in statement.flags
    )
    return Content.assemble(content, literal(f"  ⚠ {doubts}", "$text-warning")) if doubts else content


def _quote(answer: Answer, statement: Statement) -> Content:
    """A passage as it stands on its page, the words of the question marked."""
    quotes = (citation.quote for citation in answer.citations if citation.number in statement.citations)
    spans = next((quote.spans for quote in quotes if quote.text == statement.text), ())
    marks = Content(" ").join(marker_text(number) for number in statement.citations)
    *lines, last = highlighted(statement.text, spans).split("\n", include_separator=False)
    lines.append(Content.assemble(last, "  ", marks))
    return Content("\n").join(Content.assemble(("▎ ", "$text-accent"), line) for line in lines)


def marker_text(number: int) -> Content:
    """[n], to be clicked on."""
    return Content(f"[{number}]").stylize(_link(number))


def citation_line(citation: Citation) -> Content:
    """The number, the document and the page."""
    place = f"  page {citation.page.page} of {citation.pages}"
    return Content.assemble(
        marker_text(citation.number), " ", literal(citation.title, "bold"), literal(place, MUTED)
    )


def state_text(answer: Answer) -> str:
    """How far an answer has come, in a few words."""
    told = STATES.get(answer.state, "")
    percent = f" {answer.progress:.0%}" if answer.progress and not answer.finished else ""
    return " · ".join(filter(None, (told + percent, visible(answer.model))))


def as_hit(citation: Citation, hits: Iterable[Hit]) -> Hit:
    """The hit for a cited page, or one made for it when it was not listed."""
    listed = next((hit for hit in hits if hit.page == citation.page), None)
    return listed or Hit(
        rank=0,
        page=citation.page,
        path=citation.path,
        title=citation.title,
        pages=citation.pages,
        score=0.0,
        snippet=citation.quote,
        source=citation.source,
        modified=date.min,
    )


def _link(number: int) -> Style:
    return Style(underline=True) + Style.from_meta({"@click": f"screen.cite({number})"})
