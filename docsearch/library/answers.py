"""Answers over one index: finds pages, quotes them, and has a local model write where there is one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from docsearch.answer.passages import Source, choose_passages
from docsearch.answer.places import quote_boxes
from docsearch.answer.quoted import quoted_answer
from docsearch.answer.respond import Conversation, Writer
from docsearch.errors import DocsearchError, MissingExtra, ModelUnavailable, UsageError
from docsearch.library.looking import words_on
from docsearch.library.models import OFF
from docsearch.library.thread import forget_thread, load_thread, save_thread
from docsearch.models.device import GeneratorOptions
from docsearch.models.keeper import Keeper
from docsearch.models.load import load_generator
from docsearch.models.registry import ModelRow, Registry
from docsearch.records import (
    Answer,
    AnswerState,
    AnswerTimings,
    Candidate,
    Hit,
    PageId,
    Query,
    Turn,
    Word,
)
from docsearch.search.engine import Ranking
from docsearch.search.parse import parse

if TYPE_CHECKING:
    from docsearch.library import Library
    from docsearch.models.protocols import Generator
    from docsearch.search.terms import QueryTerms

_FILE = "thread.json"
_LEAD = 2000
_LONGEST_TURN = 4000
_BEFORE = 0.6
"""What all words of the question before may count, as a share of those of a follow-up."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, and what it builds on."""

    question: Query
    pages: int
    turns: tuple[Turn, ...]
    started: float

    @property
    def query(self) -> Query:
        """What to search for: a follow-up with the words and, if it has none of its own, the filters of
        the question before."""
        if not self.turns:
            return self.question
        before = parse(self.turns[-1].question)
        text = f"{self.question.text} {before.text}"
        return replace(self.question, text=text, filters=self.question.filters or before.filters)


class Answers:
    """Asks questions of an index. Keeps the model and the thread of questions between them."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._settings = library.settings.answers
        self._thread = library.folders.index.with_name(_FILE)
        self._conversation = Conversation()
        self._keeper = Keeper(60 * self._settings.idle_minutes)
        library.loaded.gives_way(self._keeper)

    def ask(
        self,
        question: Query,
        *,
        pages: int | None = None,
        follow: bool = False,
        model: str | None = None,
        boxes: bool = True,
        stop: Event | None = None,
    ) -> Iterator[Answer]:
        """The answer as it grows; each item replaces the one before, the last one is `finished`.

        The best passages come first, at once. Where a model is set they are followed by its own words,
        a few at a time. Setting `stop`, from any thread, ends it with what was said so far, in the midst
        of reading the pages too; closing the iterator ends it as well.

        Args:
            question: words and filters, as `Library.parse` gives them.
            pages: how many pages to answer from; None for what the settings say.
            follow: whether it builds on the thread, with its pages.
            model: a generator of models.toml or a GGUF file, 'off' for passages only; None for what the
                settings say.
            boxes: whether the last item says where on the pages the quotes stand, which reads the files.
            stop: ends it when it is set.

        Raises:
            UsageError: there is no question.
            ModelUnavailable, MissingExtra: a model that was named here cannot be used. A problem with one
                of the settings is only noted: the passages stand.
        """
        if not question.text.strip() and not question.phrases:
            raise UsageError(
                "there is no question", hint='for example: docsearch ask "when does the lease end?"'
            )
        turns = self.thread() if follow else ()
        asked = _Asked(question, pages or self._settings.pages, turns, time.perf_counter())
        name = self._settings.model if model is None else model
        row = None if name == OFF else self._row(name, named=model is not None)
        return self._answer(asked, row, model is not None, boxes, stop or Event())

    def thread(self) -> tuple[Turn, ...]:
        """The questions so far, the first one first."""
        return load_thread(self._thread)

    def forget_thread(self) -> None:
        """Forgets them, here and on disk."""
        self._conversation = Conversation()
        forget_thread(self._thread)

    def close(self) -> None:
        """Unloads the model."""
        self._keeper.close()

    # -- the answer ----------------------------------------------------------------------------

    def _answer(
        self, asked: _Asked, row: ModelRow | DocsearchError | None, named: bool, boxes: bool, stop: Event
    ) -> Iterator[Answer]:
        sources, quoted = self._quoted(asked)
        if isinstance(row, DocsearchError):
            quoted = _with_note(quoted, row)
        if not isinstance(row, ModelRow) or not sources:
            answer = replace(quoted, state=AnswerState.DONE)
        else:
            yield quoted
            answer = replace(quoted, state=AnswerState.STOPPED)
            try:
                for answer in self._written(asked, quoted, sources, row, stop):
                    if not answer.finished:
                        yield answer
            except (ModelUnavailable, MissingExtra) as error:
                if named:
                    raise
                answer = replace(_with_note(quoted, error), state=AnswerState.DONE)
        self._keep(asked, answer)
        total = time.perf_counter() - asked.started
        answer = replace(answer, timings=replace(answer.timings, total=total))
        yield self._with_boxes(answer) if boxes else answer

    def _quoted(self, asked: _Asked) -> tuple[list[Source], Answer]:
        """The pages, best first, and what they say in quotes."""
        engine, query = self._library.engine, asked.query
        result = self._library.search(query, asked.pages)
        searched = time.perf_counter()
        terms = engine.terms(query)
        sources = self._sources(result.hits, self._earlier(asked, terms), asked.pages)
        matcher = engine.matcher(terms)
        if asked.turns:
            own = set(engine.terms(asked.question).groups)
            matcher.weights = _dimmed(matcher.weights, [group in own for group in terms.groups])
        passages = choose_passages(query.text, sources, matcher, self._settings.passages)
        answer = quoted_answer(asked.question.raw, sources, passages, result.notes)
        timings = AnswerTimings(searched - asked.started, time.perf_counter() - searched)
        return sources, replace(answer, timings=timings)

    def _earlier(self, asked: _Asked, terms: QueryTerms) -> tuple[Hit, ...]:
        """The pages of the thread, as hits."""
        pages = [page for turn in asked.turns[-1:] for page in turn.pages]
        if not pages:
            return ()
        candidates = [Candidate(page, {}) for page in pages]
        ranking = Ranking(asked.query, terms, candidates)
        return self._library.engine.show(ranking, len(pages), asked.started).hits

    def _sources(self, hits: Sequence[Hit], earlier: Sequence[Hit], pages: int) -> list[Source]:
        """Pages with their texts, each once: those found now before those of the thread."""
        shown = {hit.page: hit for hit in [*hits, *earlier[:pages]]}
        texts = self._library.store.pages.texts(shown)
        return [Source(hit, texts[page][0]) for page, hit in shown.items() if page in texts]

    def _written(
        self, asked: _Asked, quoted: Answer, sources: Sequence[Source], row: ModelRow, stop: Event
    ) -> Iterator[Answer]:
        """The model's own words; the last one finished, whatever happens but an error."""
        loading = time.perf_counter()
        if not self._keeper.holds(row):
            yield replace(quoted, state=AnswerState.LOADING)
        try:
            with self._keeper.generator(row, lambda: self._load(row, stop)) as generator:
                loaded = time.perf_counter() - loading
                quoted = replace(quoted, timings=replace(quoted.timings, load=loaded))
                writer = Writer(generator, self._settings, about=self._lead, render=self._library.draw)
                so_far = self._conversation if asked.turns else Conversation()
                yield from writer.answer(asked.question.raw, quoted, sources, so_far, asked.turns, stop)
                self._conversation = writer.conversation
        except ModelUnavailable:
            if not stop.is_set():
                raise
            yield replace(quoted, state=AnswerState.STOPPED)

    def _load(self, row: ModelRow, stop: Event) -> Generator:
        """Loads a generator; models for searching make room for it where there is not enough."""
        settings = self._settings
        options = GeneratorOptions(settings.context, settings.threads, settings.gpu_layers)
        try:
            return load_generator(row, options, stop=stop)
        except ModelUnavailable:
            if stop.is_set() or not self._library.release_models():
                raise
        return load_generator(row, options, stop=stop)

    def _row(self, name: str, *, named: bool) -> ModelRow | DocsearchError:
        """The row of a generator; a problem with one that was not named in the call is returned."""
        try:
            return Registry.read(self._library.folders.settings.with_name("models.toml")).generator(name)
        except DocsearchError as error:
            if named:
                raise
            return error

    def _lead(self, page: PageId) -> str:
        """What a page says first."""
        return self._library.page_text(page)[:_LEAD]

    def _keep(self, asked: _Asked, answer: Answer) -> None:
        """Remembers the question for a follow-up."""
        if not answer.citations:
            return
        text = "\n".join(statement.text for statement in answer.statements)[:_LONGEST_TURN]
        known = [source.hit.page for source in self._conversation.sources] if answer.model else []
        pages = dict.fromkeys([*known, *(cited.page for cited in answer.citations)])
        save_thread(self._thread, [*asked.turns, Turn(asked.question.raw, text, tuple(pages))])

    def _with_boxes(self, answer: Answer) -> Answer:
        """With the places of the quotes; a page whose file cannot be read now has none."""
        words = cache(self._words)
        placed = (
            replace(cited, boxes=quote_boxes(words(cited.path, cited.page), cited.quote.text))
            for cited in answer.citations
        )
        return replace(answer, citations=tuple(placed))

    def _words(self, path: Path, page: PageId) -> tuple[Word, ...]:
        with suppress(DocsearchError):
            return words_on(self._library, path, page.page, page, lambda: True)
        return ()


def _dimmed(weights: Sequence[float], own: Sequence[bool]) -> list[float]:
    """The weights of a follow-up's words and, dimmed, of those that come from the question before."""
    said = sum(weight for weight, is_own in zip(weights, own, strict=True) if is_own)
    before = sum(weights) - said
    factor = min(1.0, _BEFORE * said / before) if said and before else 1.0
    return [weight if is_own else weight * factor for weight, is_own in zip(weights, own, strict=True)]


def _with_note(answer: Answer, error: DocsearchError) -> Answer:
    """The quotes, and why there is nothing but them."""
    said = f"{error.message}; {error.hint}" if error.hint else error.message
    return replace(answer, notes=(*answer.notes, f"only quotes: {said}"))
