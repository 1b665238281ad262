"""Has a generator answer from pages, and tells how far it is.

What it says is checked as it comes; a statement that does not hold is flagged. Knows no index: pages
come as text, the generator through its protocol.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from PIL.Image import Image

from docsearch.answer.citations import Checker
from docsearch.answer.cited import CitedPage
from docsearch.answer.passages import Source, choose_passages
from docsearch.answer.prompt import NO_ANSWER, Prompt, PromptPage, begin, follow
from docsearch.answer.quoted import citation
from docsearch.answer.words import WordMatcher
from docsearch.config import AnswerSettings
from docsearch.errors import ModelUnavailable
from docsearch.models.protocols import Generation, Generator, Message, Sampling, Stop
from docsearch.records import (
    Answer,
    AnswerState,
    Citation,
    Hit,
    PageId,
    Snippet,
    Statement,
    TextSource,
    Turn,
)

_MARGIN = 32
"""Tokens that are kept free beside prompt and answer."""
_LEAST_TOKENS = 32
_MOST_PICTURES = 2
_LITTLE_TEXT = 200
"""Pages with less text than this are shown as pictures to a model that sees."""
_THOUGHT = re.compile(r"<think>.*?(?:</think>|$)", re.S)
_NO_ANSWER = re.compile(r"\W*no\W+answer\b\W*", re.I)
"""What it says when the pages do not hold an answer, whatever stands around it."""
Render = Callable[[PageId, int], Image | None]
"""Draws a page with its longest side at so many pixels; None when its file cannot be read."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said between user and model, and the pages it was about, in the order of their numbers."""

    messages: tuple[Message, ...] = ()
    sources: tuple[Source, ...] = ()


class Writer:
    """Answers one question.

    Args:
        generator: writes.
        settings: how long the answer may be.
        about: what the first page of a document says, beside its title and names.
        render: draws pages for a generator that sees.
        clock: seconds from some fixed moment.
    """

    def __init__(
        self,
        generator: Generator,
        settings: AnswerSettings,
        *,
        about: Callable[[PageId], str] = lambda _: "",
        render: Render = lambda _, __: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._generator = generator
        self._settings = settings
        self._about = cache(about)
        self._render = cache(render)
        self._clock = clock
        self.conversation = Conversation()
        """What was said, once the answer is finished."""

    def answer(
        self,
        question: str,
        quoted: Answer,
        sources: Sequence[Source],
        so_far: Conversation,
        turns: Sequence[Turn],
        stop: Stop,
    ) -> Iterator[Answer]:
        """The answer as it grows, the last one finished.

        Args:
            question: what is asked.
            quoted: the answer in quotes: shown until there are words, and where pages hold no answer.
            sources: pages to answer from, best first.
            so_far: the conversation that this question follows, if the model may still know it.
            turns: the questions before, for when it does not.
            stop: ends it.

        Raises:
            ModelUnavailable: no page fits into the context, or the model fails.
        """
        asked = self._clock()
        numbered, prompt = self._ask(question, sources, so_far, turns)
        draft = _Draft(replace(quoted, model=self._generator.name), numbered, prompt, self._checker(numbered))
        sampling = Sampling(self._tokens, self._settings.temperature)
        for generation in self._generator.write(prompt.messages, sampling, stop):
            draft.add(generation, self._clock() - asked)
            yield draft.so_far()
        said = Message("assistant", draft.said)
        self.conversation = Conversation((*prompt.messages, said), tuple(numbered.values()))
        yield draft.finished(stopped=stop.is_set())

    @property
    def _tokens(self) -> int:
        return max(_LEAST_TOKENS, min(self._settings.tokens, self._generator.context // 4))

    def _ask(
        self, question: str, sources: Sequence[Source], so_far: Conversation, turns: Sequence[Turn]
    ) -> tuple[dict[int, Source], Prompt]:
        """The prompt, as a continuation of what was said where that fits, and the sources by number."""
        room = self._generator.context - self._tokens - _MARGIN
        if so_far.messages:
            known = {source.hit.page for source in so_far.sources}
            new = [source for source in sources if source.hit.page not in known]
            numbered = dict(enumerate([*so_far.sources, *new], 1))
            pages = _pages(numbered)[len(so_far.sources) :]
            left = room - self._generator.measure(so_far.messages)
            if left > 0:
                prompt = follow(question, pages, so_far.messages, left - _MARGIN, self._generator.count)
                prompt = self._with_pictures(prompt, numbered)
                if self._generator.measure(prompt.messages) <= room and (prompt.given or not pages):
                    return numbered, prompt
        numbered = dict(enumerate(sources, 1))
        return numbered, self._begin(question, numbered, room, turns)

    def _begin(
        self, question: str, numbered: Mapping[int, Source], room: int, turns: Sequence[Turn]
    ) -> Prompt:
        before = "\n".join(f"Question: {turn.question}\nAnswer: {_short(turn.text)}" for turn in turns[-2:])
        budget = room - _MARGIN
        for _ in range(4):
            prompt = begin(question, _pages(numbered), budget, self._generator.count, before)
            prompt = self._with_pictures(prompt, numbered)
            excess = self._generator.measure(prompt.messages) - room
            if excess <= 0 and prompt.given:
                return prompt
            budget -= max(excess, 0)
            before = "" if not prompt.given else before
        raise ModelUnavailable(
            f"a context of {self._generator.context} tokens holds no page beside question and answer",
            hint="set a larger context, or fewer tokens, in [answers]",
        )

    def _with_pictures(self, prompt: Prompt, numbered: Mapping[int, Source]) -> Prompt:
        """With pictures of those pages that are little text, for a generator that sees."""
        if "image" not in self._generator.modalities:
            return prompt
        wanted = [numbered[n] for n in prompt.given if _worth_seeing(numbered[n])][:_MOST_PICTURES]
        drawn = [self._render(source.hit.page, self._generator.image_pixels) for source in wanted]
        images = tuple(image for image in drawn if image is not None)
        *before, last = prompt.messages
        return replace(prompt, messages=(*before, replace(last, images=images)))

    def _checker(self, numbered: Mapping[int, Source]) -> Checker:
        return Checker(
            {
                number: CitedPage(
                    source.text, self._known(source.hit), misread=source.hit.source is TextSource.OCR
                )
                for number, source in numbered.items()
            }
        )

    def _known(self, hit: Hit) -> str:
        """What is known about the document of a page: title, names, first page."""
        return f"{hit.title}\n{hit.path}\n{self._about(PageId(hit.page.doc, 1))}"


class _Draft:
    """An answer in the making."""

    def __init__(
        self, quoted: Answer, numbered: Mapping[int, Source], prompt: Prompt, checker: Checker
    ) -> None:
        self._quoted = quoted
        self._numbered = numbered
        self._prompt = prompt
        self._checker = checker
        self._timings = quoted.timings
        self._progress = 0.0
        self._cut_off = False
        self.said = ""

    def add(self, generation: Generation, seconds: float) -> None:
        """Takes in what the generator has come to, so many seconds after there were pages to ask about."""
        self.said += generation.text
        self._cut_off = generation.cut_off
        self._progress = generation.read_tokens / max(generation.prompt_tokens, 1)
        before = self._timings.search + self._timings.passages
        first = self._timings.first_token or (before + seconds if generation.tokens else 0.0)
        self._timings = replace(
            self._timings,
            prompt=generation.reading_seconds,
            first_token=first,
            prompt_tokens=generation.prompt_tokens,
            cached_tokens=generation.cached_tokens,
            tokens=generation.tokens,
        )

    def so_far(self) -> Answer:
        """What there is of it."""
        state = AnswerState.WRITING if self._timings.tokens else AnswerState.READING
        statements = self._statements(finished=False)
        return replace(
            self._quoted,
            model=self._quoted.model if statements else "",
            state=state,
            statements=statements or self._quoted.statements,
            citations=self._cited(statements, quotes=False) if statements else self._quoted.citations,
            progress=self._progress,
            timings=self._timings,
        )

    def finished(self, *, stopped: bool) -> Answer:
        """The whole of it."""
        statements = () if self._says_no_answer() else self._statements(finished=not stopped)
        cited = self._cited(statements, quotes=True)
        return replace(
            self._quoted,
            model=self._quoted.model if statements or not stopped else "",
            state=AnswerState.STOPPED if stopped else AnswerState.DONE,
            statements=statements or (self._quoted.statements if stopped else ()),
            citations=cited or self._quoted.citations,
            found=bool(statements) or stopped,
            progress=1.0,
            left_out=tuple(self._numbered[number].hit.page for number in self._prompt.left_out),
            notes=(*self._quoted.notes, *self._notes()),
            timings=self._timings,
        )

    def _statements(self, *, finished: bool) -> tuple[Statement, ...]:
        text = _printable(_THOUGHT.sub("", self.said)).strip()
        if not text or (not finished and _may_be_none(text)):
            return ()
        return self._checker.statements(text, finished=finished)

    def _says_no_answer(self) -> bool:
        text = _THOUGHT.sub("", self.said).strip()
        return not text or bool(_NO_ANSWER.match(text))

    def _cited(self, statements: Sequence[Statement], *, quotes: bool) -> tuple[Citation, ...]:
        """The pages that statements name, each with the passage that bears them out."""
        bearing: dict[int, list[str]] = {}
        for statement in statements:
            for number in statement.citations:
                bearing.setdefault(number, []).append(statement.text)
        return tuple(
            citation(number, self._numbered[number], self._quote(number, texts) if quotes else Snippet(""))
            for number, texts in sorted(bearing.items())
        )

    def _quote(self, number: int, statements: Sequence[str]) -> Snippet:
        matcher = WordMatcher(statements)
        found = choose_passages(" ".join(statements), [self._numbered[number]], matcher, 1)
        return found[0].quote if found else Snippet("")

    def _notes(self) -> Iterator[str]:
        if self._prompt.cut is not None:
            yield f"page [{self._prompt.cut}] was given to the model without its end: it did not fit"
        if self._prompt.left_out:
            count = len(self._prompt.left_out)
            yield f"{count} of the pages found did not fit into what the model can read"
        if self._cut_off:
            yield f"the answer was cut off at {self._timings.tokens} tokens"


def _pages(numbered: Mapping[int, Source]) -> list[PromptPage]:
    return [
        PromptPage(
            number,
            source.hit.title,
            source.hit.page.page,
            source.hit.pages,
            source.text,
        )
        for number, source in numbered.items()
    ]


def _may_be_none(text: str) -> bool:
    """Whether what was said so far may become the words for no answer, or is them."""
    begun = " ".join(re.findall(r"\w+", text)).upper()
    return NO_ANSWER.startswith(begun[: len(NO_ANSWER)])


def _worth_seeing(source: Source) -> bool:
    return source.hit.source is not TextSource.LAYER or len(source.text) < _LITTLE_TEXT


def _short(text: str) -> str:
    return text if len(text) <= 600 else text[:600] + " …"


def _printable(text: str) -> str:
    """Text without control characters other than line breaks."""
    return "".join(c for c in text.replace("\t", " ") if c == "\n" or c.isprintable())
