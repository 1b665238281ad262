"""Questions: the pane beside the results, what is said in it, and the way to the pages."""

from __future__ import annotations

from pathlib import Path
from threading import Event

from docsearch.records import (
    Answer,
    AnswerState,
    Citation,
    Flag,
    FlagKind,
    PageId,
    Snippet,
    Statement,
    TextSource,
)
from docsearch.tui.answer_text import answer_text, as_hit, state_text, statement_text
from docsearch.tui.screens.answer_keys import ANSWERING
from docsearch.tui.widgets.answer import AnswerPane
from tests.tui.fake import FakeLibrary, hit
from tests.tui.running import place_shown, running, screen_text, settled, text_of, type_query, until

QUESTION = "how did the budget grow?"
QUOTE = Snippet("The budget\ngrew [b]twice[/b]\x1b[31m", ((4, 10),))
CITED = Citation(1, PageId(2, 4), Path("/papers/report 2.pdf"), "Report [i]2[/i]", 9, QUOTE, TextSource.LAYER)
QUOTED = Answer(QUESTION, AnswerState.QUOTED, (Statement(QUOTE.text, (1,)),), (CITED,))
WRITING = Answer(QUESTION, AnswerState.WRITING, (Statement("It grew twice [1]", (1,)),), (CITED,), "small")
DONE = Answer(QUESTION, AnswerState.DONE, (Statement("It grew twice [1].", (1,)),), (CITED,), "small")


def library_with(*said: Answer) -> FakeLibrary:
    return FakeLibrary(answers={QUESTION: [[hit(1), hit(2, page=4)]]}, said=said)


async def test_a_question_mark_opens_an_answer_that_grows(tmp_path: Path) -> None:
    library = library_with(QUOTED, WRITING, DONE)
    gate = library.answer_gates[2] = Event()
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, QUESTION)
        await until(pilot, lambda: "It grew twice [1]" in text_of(pilot, "#answer-text"))
        assert "writing · small" in str(pilot.app.screen.query_one(AnswerPane).border_subtitle)
        gate.set()
        await settled(pilot)
        assert "It grew twice [1]." in text_of(pilot, "#answer-text")
        assert ("ask", QUESTION) in library.asked
        assert "Report 1" in screen_text(pilot)


async def test_a_number_shows_the_cited_page(tmp_path: Path) -> None:
    async with running(library_with(DONE), tmp_path) as pilot:
        await type_query(pilot, QUESTION)
        await settled(pilot)
        await pilot.press("tab", "1")
        await settled(pilot)
        assert place_shown(pilot).startswith("page 4 of 9")


async def test_escape_ends_the_answer(tmp_path: Path) -> None:
    library = library_with(QUOTED, WRITING)
    gate = library.answer_gates[1] = Event()
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, QUESTION)
        await until(pilot, lambda: "grew" in text_of(pilot, "#answer-text"))
        await pilot.press("escape")
        assert not pilot.app.screen.has_class(ANSWERING)
        gate.set()
        await settled(pilot)
        assert pilot.app.screen.query_one("#query").has_focus


async def test_any_words_are_answered_when_asked_for(tmp_path: Path) -> None:
    library = library_with(DONE)
    library.answers["budget"] = [[hit(1)]]
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        assert ("ask", "budget") not in library.asked
        await pilot.press("f4")
        await settled(pilot)
        assert ("ask", "budget") in library.asked
        await pilot.press("f4")
        await settled(pilot)
        assert not pilot.app.screen.has_class(ANSWERING)


def test_what_pages_and_models_say_is_shown_as_it_is() -> None:
    shown = answer_text(QUOTED).plain
    assert "grew [b]twice[/b]␛[31m" in shown
    assert "[1] Report [i]2[/i]  page 4 of 9" in shown


def test_doubts_notes_and_what_was_not_found_are_told() -> None:
    doubtful = Statement("It grew by 7 [1].", (1,), (Flag(FlagKind.NOT_ON_PAGE, "7"),))
    assert "⚠ says what the pages it names do not: 7" in statement_text(doubtful).plain
    told = answer_text(Answer("x?", AnswerState.DONE, found=False, notes=("no model",))).plain
    assert "do not seem to answer" in told
    assert "! no model" in told
    assert state_text(Answer("x?", AnswerState.READING, model="small", progress=0.4)) == (
        "reading the pages 40% · small"
    )


def test_a_cited_page_that_is_not_listed_can_be_looked_at() -> None:
    listed = hit(2, page=4)
    assert as_hit(CITED, [hit(1), listed]) is listed
    made = as_hit(CITED, [])
    assert (made.page, made.path, made.pages) == (CITED.page, CITED.path, 9)
