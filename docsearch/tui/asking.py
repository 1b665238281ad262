"""Asks a library questions in a thread of its own and hands on the answer as it grows. Knows no screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from textual.dom import DOMNode

if TYPE_CHECKING:
    from docsearch.records import Answer
    from docsearch.tui.ports import LibraryPort
    from docsearch.tui.session import Session

PAUSE_SECONDS = 0.4
"""A question is asked when no key came for this long."""


class Asking:
    """One question at a time.

    Args:
        node: the screen; what is asked ends with it.
        show: is given every state of the answer.
    """

    def __init__(self, node: DOMNode, session: Session, show: Callable[[Answer], None]) -> None:
        self._node = node
        self._session = session
        self._show = show
        self._stop = Event()
        self.question = ""

    def ask(self, question: str, *, follow: bool = False, delay: float = PAUSE_SECONDS) -> None:
        """Asks, instead of what was asked before."""
        self.stop()
        self.question = question
        self._stop = Event()
        work = partial(self._ask, question, self._stop, follow, delay)
        self._session.boundary.start(self._node, work, "answer")

    def stop(self) -> None:
        """Ends the answer with what was said so far."""
        self._stop.set()

    async def _ask(self, question: str, stop: Event, follow: bool, delay: float) -> None:
        await asyncio.sleep(delay)
        ask = partial(_answers, question, stop, follow)
        try:
            async with aclosing(self._session.answers.stream(ask)) as states:
                async for state in states:
                    if question == self.question:
                        self._show(state)
        finally:
            stop.set()


def _answers(question: str, stop: Event, follow: bool, library: LibraryPort) -> Iterator[Answer]:
    query = library.parse(question)
    return library.ask(query, follow=follow, boxes=False, stop=stop)
