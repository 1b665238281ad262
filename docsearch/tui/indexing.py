"""One indexing run at a time, in its own thread, told to whoever listens. Knows no screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from textual.app import App
from textual.signal import Signal

from docsearch.errors import IndexBusy
from docsearch.records import Failure, Progress
from docsearch.tui.boundary import Boundary
from docsearch.tui.ports import LibraryPort
from docsearch.tui.threads import LibraryThread, close_iterator

Event = Progress | Failure
BURST_SECONDS = 0.1
"""Events are handed to the screen this often; a stop is heard as often."""


@dataclass(frozen=True, slots=True)
class IndexingState:
    """What is known of the current or the last run."""

    running: bool = False
    stopping: bool = False
    progress: Progress | None = None
    failures: tuple[Failure, ...] = ()

    def after(self, events: Sequence[Event]) -> IndexingState:
        """The state when these events have happened."""
        failures = tuple(event for event in events if isinstance(event, Failure))
        told = [event for event in events if isinstance(event, Progress)]
        return replace(self, progress=told[-1] if told else self.progress, failures=self.failures + failures)

    @property
    def searchable(self) -> bool:
        """Whether this run has made something searchable."""
        return self.progress is not None and self.progress.tier != "scan" and self.progress.files_done > 0


class Indexing:
    """Starts and stops indexing; `changed` tells every new state."""

    def __init__(self, app: App[Any], boundary: Boundary, writer: LibraryThread) -> None:
        self.state = IndexingState()
        self.changed: Signal[IndexingState] = Signal(app, "indexing")
        self._app = app
        self._boundary = boundary
        self._writer = writer

    def start(self, paths: Iterable[Path] = (), *, retry: bool = False) -> bool:
        """Adds the paths and brings everything up to date; False when a run is under way already."""
        if self.state.running:
            return False
        self._tell(IndexingState(running=True))
        work = partial(_bursts, paths=tuple(paths), retry=retry)
        self._boundary.start(self._app, partial(self._run, work), "indexing")
        return True

    def stop(self) -> None:
        """Ends the run after the step it is at; what is done is kept."""
        if self.state.running:
            self._tell(replace(self.state, stopping=True))

    async def _run(self, work: Callable[[LibraryPort], Iterator[Sequence[Event]]]) -> None:
        try:
            async with aclosing(self._writer.stream(work)) as bursts:
                async for events in bursts:
                    self._tell(self.state.after(events))
                    if self.state.stopping:
                        break
        finally:
            self._tell(replace(self.state, running=False, stopping=False))

    def _tell(self, state: IndexingState) -> None:
        self.state = state
        self.changed.publish(state)


def _bursts(library: LibraryPort, paths: Sequence[Path], retry: bool) -> Iterator[Sequence[Event]]:
    """The events of a run in lists of what happened within `BURST_SECONDS`.

    None when a watcher is at work: it does the same.
    """
    events = iter(library.index(paths, retry=retry))
    burst: list[Event] = []
    due = time.monotonic()
    try:
        for event in events:
            burst.append(event)
            if time.monotonic() >= due:
                yield burst
                burst, due = [], time.monotonic() + BURST_SECONDS
        yield burst
    except IndexBusy:
        if retry or not library.hand_over(paths):
            raise
    finally:
        close_iterator(events)
