"""Answers over one index: finds pages, quotes them, and has a local model write where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

from docsearch.records import Answer, Query, Turn


class Answers:
    """Asks questions of an index. Keeps the model and the thread of questions between them."""

    def ask(
        self,
        question: Query,
        *,
        pages: int | None = None,
        follow: bool = False,
        model: str | None = None,
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
            model: a generator of models.toml, 'off' for passages only; None for what the settings say.

        Raises:
            UsageError: there is no question.
            ModelUnavailable: a model that was named in the call cannot be used. One of the settings is
                only noted: the passages stand.
        """
        raise NotImplementedError

    def thread(self) -> tuple[Turn, ...]:
        """The questions so far that a follow-up would build on, the first one first."""
        raise NotImplementedError

    def forget_thread(self) -> None:
        """Forgets them, here and on disk."""
        raise NotImplementedError

    def close(self) -> None:
        """Unloads the model."""
        raise NotImplementedError
