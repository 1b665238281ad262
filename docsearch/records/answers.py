"""An answer: what is said, the pages it rests on, and what is doubtful about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from docsearch.records.documents import Box, PageId, TextSource
from docsearch.records.searches import Snippet


class AnswerState(StrEnum):
    """How far an answer has come. Every answer ends as done or stopped."""

    QUOTED = "quoted"
    """The best passages are there; a model may still write after them."""
    LOADING = "loading"
    """The model is being loaded."""
    READING = "reading"
    """The model reads the pages; `Answer.progress` says how much of them."""
    WRITING = "writing"
    """The model writes: the last statement is not finished."""
    DONE = "done"
    STOPPED = "stopped"
    """Someone stopped it; what was said is kept."""


class FlagKind(StrEnum):
    """Why a statement is not to be taken as fact."""

    UNCITED = "names no page"
    UNKNOWN_SOURCE = "names a page that was not given"
    NOT_ON_PAGE = "says what the pages it names do not"


@dataclass(frozen=True, slots=True)
class Flag:
    """A doubt about a statement, and the words of it that cause it: a number, a name, a marker."""

    kind: FlagKind
    words: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence, list item or quoted passage of an answer. Plain text; a passage may have several lines.

    Attributes:
        text: the words as they were said, with their markers `[n]`; a quoted passage has none.
        citations: numbers of the citations it names, those that exist.
        flags: doubts; empty for a statement whose numbers and names stand on the pages it names.
    """

    text: str
    citations: tuple[int, ...] = ()
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """A page that an answer rests on, with the passage of it that is quoted.

    Attributes:
        number: what a marker `[n]` in the answer says.
        quote: the words of the page, lines separated by line breaks, ` …` where lines were left out,
            and the spans in it that match the question (or the statement that cites it).
        boxes: where the quoted words stand on the page.
    """

    number: int
    page: PageId
    path: Path
    title: str
    pages: int
    quote: Snippet
    source: TextSource
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerTimings:
    """What an answer took, in seconds and tokens; zero for what did not happen.

    Attributes:
        search: finding and ordering pages.
        passages: choosing what to quote.
        load: loading the model.
        prompt: the model's reading of the prompt.
        first_token: from the question to the first word of the model, loading left out.
        total: from the question to the end.
        prompt_tokens: length of the prompt.
        cached_tokens: how many of them the model still knew from the question before.
        tokens: how many the model wrote.
    """

    search: float = 0.0
    passages: float = 0.0
    load: float = 0.0
    prompt: float = 0.0
    first_token: float = 0.0
    total: float = 0.0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, or what there is of it so far.

    Attributes:
        question: as it was asked.
        model: what wrote the statements; empty when they are passages quoted from the pages.
        statements: in order. While the model has not begun to write these are quoted passages.
        citations: the pages, by number. When nothing was found, the nearest ones.
        found: whether the pages hold an answer, as far as can be told.
        progress: of reading, from 0 to 1.
        left_out: pages that were found and did not fit into what the model can read.
        notes: what the user should know: a model that is not there, pages cut short.
    """

    question: str
    state: AnswerState
    statements: tuple[Statement, ...] = ()
    citations: tuple[Citation, ...] = ()
    model: str = ""
    found: bool = True
    progress: float = 0.0
    left_out: tuple[PageId, ...] = ()
    notes: tuple[str, ...] = ()
    timings: AnswerTimings = field(default_factory=AnswerTimings)

    @property
    def finished(self) -> bool:
        """Whether no more will come."""
        return self.state in (AnswerState.DONE, AnswerState.STOPPED)

    @property
    def quoted(self) -> bool:
        """Whether the statements are passages as they stand on the pages, not words of a model."""
        return not self.model


@dataclass(frozen=True, slots=True)
class Turn:
    """A question that was asked in a thread and what was answered, for the next question to build on."""

    question: str
    text: str
    pages: tuple[PageId, ...] = ()
    """The sources, in the order of their numbers."""
