"""Answers over one index: finds pages, quotes them, and has a local model write where there is one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from docsearch.answer.passages import Passage, Source, choose_passages
from docsearch.answer.places import quote_boxes
from docsearch.answer.quoted import quoted_answer
from docsearch.answer.respond import Conversation, Writer
from docsearch.answer.thread import forget_thread, load_thread, save_thread
from docsearch.errors import DocsearchError, MissingExtra, ModelUnavailable, UsageError
from docsearch.library.models import OFF
from docsearch.records import (
    Answer,
    AnswerState,
    AnswerTimings,
    Candidate,
    Citation,
    PageId,
    Query,
    TextSource,
    Turn,
    Word,
)

if TYPE_CHECKING:
    from PIL.Image import Image

    from docsearch.library import Library
    from docsearch.models.protocols import Generator

_FILE = "thread.json"


class Answers:
    """Asks questions of an index. Keeps the model and the thread of questions between them."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._settings = library.settings.answers
        self._file = library.folders.index.with_name(_FILE)
        self._conversation = Conversation()

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
            ModelUnavailable, MissingExtra: a model that was named in the call cannot be used. One of the
                settings is only noted: the passages stand.
        """
        if not question.text.strip() and not question.phrases:
            raise UsageError("there is no question", hint='for example: docsearch ask "when does the lease end?"')
        asked = _Asked(question, pages or self._settings.pages, self.thread() if follow else ())
        return self._answer(asked, model, boxes, stop or Event())

    def thread(self) -> tuple[Turn, ...]:
        """The questions so far that a follow-up would build on, the first one first."""
        return load_thread(self._file)

    def forget_thread(self) -> None:
        """Forgets them, here and on disk."""
        self._conversation = Conversation()
        forget_thread(self._file)

    def close(self) -> None:
        """Unloads the model."""
        self._library.generators.close()

    def _answer(self, asked: _Asked, model: str | None, boxes: bool, stop: Event) -> Iterator[Answer]:
        started = time.perf_counter()
        quoted, sources = self._quoted(asked, started)
        answer = quoted
        name = self._settings.model if model is None else model
        if name == OFF or not sources:
            answer = replace(quoted, state=AnswerState.DONE)
        else:
            yield quoted
            for answer in self._written(asked, quoted, sources, name, started, stop):
                if not answer.finished:
                    yield answer
            if answer.note_only and model is not None:
                raise answer.error
        self._keep(asked, answer, sources)
        if boxes:
            answer = replace(answer, citations=tuple(map(self._with_boxes, answer.citations)))
        yield answer
