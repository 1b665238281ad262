from __future__ import annotations

from collections.abc import Sequence
from threading import Event

import pytest
from PIL import Image

from docsearch.answer.passages import Source
from docsearch.answer.quoted import quoted_answer
from docsearch.answer.respond import Conversation, Writer
from docsearch.config import AnswerSettings
from docsearch.errors import ModelUnavailable
from docsearch.records import Answer, AnswerState, FlagKind, PageId, TextSource, Turn
from tests.unit.answer.pages import source
from tests.unit.answer.speaking import Speaking

RENT = source("The tenant pays a rent of 900 euros a month.", page=1, title="Lease")
PETS = source("Pets are allowed with the consent of the landlord.", page=2, title="Lease")
LONG = source("word word word word\n" * 400, page=3, title="Novel")
QUOTED = quoted_answer("what is the rent?", [], [])


def answers(
    generator: Speaking,
    sources: Sequence[Source],
    *,
    so_far: Conversation | None = None,
    turns: Sequence[Turn] = (),
    stop: Event | None = None,
) -> tuple[list[Answer], Writer]:
    writer = Writer(generator, AnswerSettings())
    asked = writer.answer(
        "what is the rent?", QUOTED, sources, so_far or Conversation(), turns, stop or Event()
    )
    return list(asked), writer


def test_an_answer_grows_and_its_last_statement_is_checked_at_the_end() -> None:
    kept, _ = answers(Speaking("The rent is 900 euros [1]. Pets may bark at night [2]."), [RENT, PETS])
    assert [a.state for a in kept[:3]] == [AnswerState.READING, AnswerState.READING, AnswerState.WRITING]
    assert [a.progress for a in kept[:2]] == [0.0, 1.0]
    assert all(a.state is AnswerState.WRITING for a in kept[2:-1])
    lengths = [sum(len(s.text) for s in a.statements) for a in kept]
    assert lengths == sorted(lengths)
    last = kept[-1]
    assert (last.state, last.model, last.found) == (AnswerState.DONE, "speaking", True)
    assert [bool(statement.flags) for statement in last.statements] == [False, True]
    assert [cited.number for cited in last.citations] == [1, 2]
    assert "900 euros" in last.citations[0].quote.text
    assert last.citations[0].quote.spans
    assert (last.timings.prompt, last.timings.tokens) == (0.5, 12)


def test_only_cited_pages_are_named() -> None:
    last = answers(Speaking("Pets are allowed with consent [2]."), [RENT, PETS])[0][-1]
    assert [(cited.number, cited.page) for cited in last.citations] == [(2, PageId(1, 2))]


@pytest.mark.parametrize(
    "said", ["NO ANSWER", "No answer.", "**NO ANSWER**", "", "<think>hm</think>NO ANSWER"]
)
def test_pages_without_an_answer(said: str) -> None:
    nearest = quoted_answer("what is the rent?", [], [])
    kept, _ = answers(Speaking(said), [RENT])
    assert (kept[-1].found, kept[-1].statements, kept[-1].citations) == (False, (), nearest.citations)
    assert all(not answer.statements for answer in kept)


def test_thoughts_are_not_shown() -> None:
    kept, _ = answers(Speaking("<think>Let me see [1].</think> The rent is 900 euros [1]."), [RENT])
    assert [s.text for s in kept[-1].statements] == ["The rent is 900 euros [1]."]
    assert not any("think" in s.text for a in kept for s in a.statements)


def test_what_was_said_before_a_stop_is_kept() -> None:
    stop = Event()
    writer = Writer(Speaking("The rent is 900 euros [1] and more."), AnswerSettings())
    kept = []
    for answer in writer.answer("q", QUOTED, [RENT], Conversation(), (), stop):
        kept.append(answer)
        if answer.timings.tokens == 3:
            stop.set()
    assert (kept[-1].state, kept[-1].statements[0].text) == (AnswerState.STOPPED, "The rent is")


def test_control_characters_of_a_model_are_dropped() -> None:
    last = answers(Speaking("The rent\x1b[2J is 900\u202e euros [1]."), [RENT])[0][-1]
    assert last.statements[0].text == "The rent[2J is 900 euros [1]."


def test_an_answer_without_markers_is_doubted() -> None:
    last = answers(Speaking("The rent is 900 euros every month."), [RENT])[0][-1]
    assert last.statements[0].flags[0].kind is FlagKind.UNCITED


def test_pages_that_do_not_fit_are_told() -> None:
    kept, _ = answers(Speaking("The rent is 900 euros [1].", context=800), [RENT, LONG, PETS])
    assert kept[-1].left_out == (PageId(1, 2),)
    assert any("page [2]" in note for note in kept[-1].notes)
    assert any("1 of the pages" in note for note in kept[-1].notes)


def test_a_cut_answer_is_told() -> None:
    generator = Speaking("word " * 50)
    [*_, last] = Writer(generator, AnswerSettings(tokens=32)).answer(
        "q", QUOTED, [RENT], Conversation(), (), Event()
    )
    assert any("cut off at 32 tokens" in note for note in last.notes)


def test_a_context_too_small_for_any_page_is_told() -> None:
    with pytest.raises(ModelUnavailable, match="holds no page"):
        answers(Speaking("x", context=150), [RENT])


def test_a_follow_up_goes_on_in_the_same_conversation() -> None:
    generator = Speaking("The rent is 900 euros [1].")
    _, writer = answers(generator, [RENT])
    said = writer.conversation
    assert [m.role for m in said.messages] == ["system", "user", "assistant"]
    kept, after = answers(generator, [PETS, RENT], so_far=said)
    assert generator.asked[1][:3] == said.messages
    assert 'number="2"' in generator.asked[1][3].text
    assert 'number="1"' not in generator.asked[1][3].text
    assert [s.hit.page.page for s in after.conversation.sources] == [1, 2]
    assert kept[-1].citations[0].page == PageId(1, 1)


def test_a_conversation_that_grows_too_long_begins_anew_with_what_was_said() -> None:
    generator = Speaking("The rent is 900 euros [1].", context=900)
    _, writer = answers(generator, [LONG])
    turns = [Turn("what was it about?", "A novel.")]
    answers(generator, [RENT], so_far=writer.conversation, turns=turns)
    assert [m.role for m in generator.asked[1]] == ["system", "user"]
    assert "what was it about?" in generator.asked[1][1].text


def test_a_model_that_sees_is_shown_pages_of_little_text() -> None:
    drawn: list[tuple[PageId, int]] = []

    def draw(page: PageId, pixels: int) -> Image.Image:
        drawn.append((page, pixels))
        return Image.new("RGB", (8, 8))

    scan = source("", page=5, text_source=TextSource.NONE)
    prose = source("A long text of words that can be read. " * 20, page=6)
    for modalities, images in ((frozenset({"text", "image"}), 1), (frozenset({"text"}), 0)):
        generator = Speaking("It shows a cat [1].", modalities=modalities)
        writer = Writer(generator, AnswerSettings(), render=draw)
        list(writer.answer("q", QUOTED, [scan, prose], Conversation(), (), Event()))
        assert len(generator.asked[0][-1].images) == images
    assert drawn == [(PageId(1, 5), 640)]


def test_a_page_is_drawn_once_and_the_head_of_a_document_read_once() -> None:
    drawn: list[PageId] = []
    read: list[PageId] = []

    def draw(page: PageId, pixels: int) -> Image.Image:
        drawn.append(page)
        return Image.new("RGB", (pixels, pixels))

    def about(page: PageId) -> str:
        read.append(page)
        return ""

    generator = Speaking("Pets [2].", modalities=frozenset({"text", "image"}))
    scans = [source("Some words", page=n, text_source=TextSource.OCR) for n in (2, 3)]
    writer = Writer(generator, AnswerSettings(), about=about, render=draw)
    list(writer.answer("what about pets?", QUOTED, scans, Conversation(), (), Event()))
    follow = writer.answer("and dogs?", QUOTED, scans, writer.conversation, (), Event())
    list(follow)
    assert drawn == [PageId(1, 2), PageId(1, 3)]
    assert read == [PageId(1, 1)]
