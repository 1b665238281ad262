"""A library that lives in a thread of its own, called from the event loop. Knows no screen.

Calls are answered one after the other, so a library is never used by two threads. Cancelling the
caller drops the answer: a result that is no longer wanted is never seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from docsearch.tui.ports import LibraryPort

T = TypeVar("T")
Job = tuple[Callable[[LibraryPort], Any], "Future[Any]"]
_END = object()


class LibraryThread:
    """Opens a library when it is first called, in a daemon thread that also starts then.

    Args:
        open_library: opens the library; called in the thread, and again if it failed.
        name: what the thread is called.
    """

    def __init__(self, open_library: Callable[[], LibraryPort], name: str) -> None:
        self._open = open_library
        self._library: LibraryPort | None = None
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, name=f"docsearch-{name}", daemon=True)

    @property
    def opened(self) -> bool:
        """Whether there is a library in it already."""
        return self._library is not None

    async def call(self, work: Callable[[LibraryPort], T]) -> T:
        """The result of `work(library)`; raises what it raises."""
        return await asyncio.wrap_future(self._post(work))

    def tell(self, work: Callable[[LibraryPort], object], failed: Callable[[BaseException], None]) -> None:
        """Has `work(library)` done some time, before the library is closed; waits for nothing."""

        def watch(future: Future[object]) -> None:
            error = None if future.cancelled() else future.exception()
            if error is not None:
                failed(error)

        self._post(work).add_done_callback(watch)

    async def stream(self, work: Callable[[LibraryPort], Iterator[T]]) -> AsyncGenerator[T, None]:
        """The items of an iterator that runs in the thread, one step a call; closed with this one."""
        begun: list[Iterator[T]] = []

        def step(library: LibraryPort) -> T | object:
            if not begun:
                begun.append(work(library))
            return next(begun[0], _END)

        def close(_: LibraryPort) -> None:
            if begun:
                close_iterator(begun[0])

        try:
            while (item := await self.call(step)) is not _END:
                yield item  # type: ignore[misc]
        finally:
            closing = self._post(close)
            with suppress(asyncio.CancelledError):
                await asyncio.shield(asyncio.wrap_future(closing))

    def close(self, seconds: float = 0.0) -> None:
        """Closes the library after the calls before; waits at most `seconds` for that."""
        if self._thread.ident is None:
            return
        self._jobs.put(None)
        self._thread.join(seconds)

    def _post(self, work: Callable[[LibraryPort], T]) -> Future[T]:
        if self._thread.ident is None:
            self._thread.start()
        future: Future[T] = Future()
        self._jobs.put((work, future))
        return future

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, future = job
            if future.set_running_or_notify_cancel():
                self._answer(work, future)
        if self._library is not None:
            self._library.close()

    def _answer(self, work: Callable[[LibraryPort], T], future: Future[T]) -> None:
        try:
            if self._library is None:
                self._library = self._open()
            future.set_result(work(self._library))
        except BaseException as error:
            future.set_exception(error)


def close_iterator(iterator: Iterator[object]) -> None:
    """Ends a generator where it stands; other iterators hold nothing."""
    if isinstance(iterator, Generator):
        iterator.close()
