"""One indexing run at a time, in its own thread, told to whoever listens. Knows no screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.signal import Signal

from docsearch.errors import IndexBusy
from docsearch.records import Failure, Progress
from docsearch.tui.threads import LibraryThread, close_iterator

if TYPE_CHECKING:
    from docsearch.tui.boundary import Boundary
    from docsearch.tui.ports import LibraryPort

Event = Progress | Failure
BURST_SECONDS = 0.1
"""Events are handed to the screen this often; a stop is heard as often."""


PACE_SECONDS = 20.0
"""The rate is that of the last so many seconds."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast pages are done in the step that runs: (when, pages done) of the last seconds."""

    tier: str = ""
    marks: tuple[tuple[float, int], ...] = ()

    def after(self, progress: Progress, now: float) -> Pace:
        """With what is known now; another step begins anew."""
        old = self.marks if progress.tier == self.tier else ()
        kept = tuple(mark for mark in old if now - mark[0] <= PACE_SECONDS)
        return Pace(progress.tier, (*kept, (now, progress.pages_done)))

    @property
    def pages_a_second(self) -> float:
        """The rate; 0 as long as it cannot be told."""
        if len(self.marks) < 2 or self.marks[-1][0] - self.marks[0][0] < 1.0:
            return 0.0
        (start, before), (end, done) = self.marks[0], self.marks[-1]
        return max(done - before, 0) / (end - start)

    def seconds_left(self, progress: Progress) -> float | None:
        """How long the step will take at this rate."""
        rate = self.pages_a_second
        return (progress.pages_total - progress.pages_done) / rate if rate > 0 else None


@dataclass(frozen=True, slots=True)
class IndexingState:
    """What is known of the current or the last run."""

    running: bool = False
    stopping: bool = False
    progress: Progress | None = None
    failures: tuple[Failure, ...] = ()
    pace: Pace = Pace()
    paused: bool = False
    """Whether the user stopped the last run, which can go on."""

    def after(self, events: Sequence[Event]) -> IndexingState:
        """The state when these events have happened."""
        failures = tuple(e for e in events if isinstance(e, Failure) and not e.is_note)
        told = [event for event in events if isinstance(event, Progress)]
        progress, pace = self.progress, self.pace
        if told:
            progress = told[-1]
            pace = pace.after(progress, time.monotonic())
        return replace(self, progress=progress, failures=self.failures + failures, pace=pace)

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
            stopped = self.state.stopping
            self._tell(replace(self.state, running=False, stopping=False, paused=stopped))

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
