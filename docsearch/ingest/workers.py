"""Runs jobs in killable reader processes and turns what happens to them into events.

A page that hangs or crashes its reader costs that page: the process is replaced and the job goes on
with the next one. Knows how to keep readers in check, not how to read.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Self

from docsearch.ingest.jobs import (
    OCR_PATIENCE,
    POSITION,
    Assignment,
    Broken,
    Done,
    Event,
    Failed,
    IsCached,
    Job,
    Limits,
    Message,
    OcrJob,
    OcrSetup,
    Opened,
    PageFailed,
    PageRecognised,
    PageRendered,
    PagesRead,
    ReadJob,
    ReadPage,
    Ready,
    RenderJob,
    Setup,
)
from docsearch.program import environment
from docsearch.records import Failure, FailureKind

__all__ = [
    "Done",
    "Event",
    "Failed",
    "Job",
    "Limits",
    "OcrJob",
    "OcrSetup",
    "Opened",
    "PageFailed",
    "PageRecognised",
    "PageRendered",
    "PagesRead",
    "ReadJob",
    "ReadPage",
    "RenderJob",
    "WorkerPool",
]

START_SECONDS = 120.0
"""How long a reader process may take to start and load its libraries and models."""
CHECK_SECONDS = 0.2
"""How often silent readers are looked at."""
_LARGE = str(8 << 20)
_GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": _LARGE, "MALLOC_TRIM_THRESHOLD_": _LARGE}
"""Has glibc return large blocks when they are freed: models work with hundreds of megabytes for moments."""

IsCachedAnswer = Callable[[str], bool]


class WorkerPool:
    """Reader processes, started when there is work for them and kept until the pool is closed.

    `analyse` names a function 'package.module:function' that maps a page's text to any picklable value
    in the worker. `ocr` is needed for `OcrJob`s. Use from one thread at a time.
    """

    def __init__(
        self,
        processes: int = 1,
        *,
        limits: Limits | None = None,
        niceness: int = 0,
        analyse: str = "",
        ocr: OcrSetup | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._setup = Setup(self._limits, niceness, analyse, ocr)
        self._slots = [_Slot() for _ in range(max(1, processes))]
        self._held = 0.0

    def warm(self) -> None:
        """Start a process before there is a job for it."""
        self._slots[0].start(self._setup)

    def run(
        self, jobs: Iterable[Job], is_cached: IsCachedAnswer = lambda _digest: False
    ) -> Generator[Event, None, None]:
        """Do the jobs, several at once, and yield what happens; events of one job come in order.

        Exactly one `Done` or `Failed` ends each job. Jobs are taken from `jobs` only when a process is
        free, and at most a few pages wait in a pipe, so neither side runs ahead of the caller. Time the
        caller spends between two events counts against no limit. `is_cached` tells whether the text
        of a page image with this digest is known. Closing the iterator stops what is running.
        Raises the error of an OCR engine or `analyse` function that cannot be loaded.
        """
        waiting = iter(jobs)
        try:
            while self._give_out(waiting):
                for event in self._happenings(is_cached):
                    paused = time.monotonic()
                    yield event
                    self._held += time.monotonic() - paused
        finally:
            for slot in self._busy():
                slot.stop()

    def close(self) -> None:
        """End all processes."""
        for slot in self._slots:
            slot.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _busy(self) -> list[_Slot]:
        return [slot for slot in self._slots if slot.task]

    def _now(self) -> float:
        """Seconds on a clock that stands still while the caller holds an event."""
        return time.monotonic() - self._held

    def _give_out(self, waiting: Iterator[Job]) -> bool:
        """Give each free process a job; False when nothing runs and nothing waits."""
        for slot in self._slots:
            if slot.task is None:
                job = next(waiting, None)
                if job is None:
                    break
                self._assign(slot, _Task(job))
        return bool(self._busy())

    def _assign(self, slot: _Slot, task: _Task) -> None:
        slot.task = task
        slot.begin(
            self._setup, Assignment(replace(task.job, key=None), frozenset(task.finished)), self._now()
        )

    def _happenings(self, is_cached: IsCachedAnswer) -> Iterator[Event]:
        busy = {slot.reader.connection: slot for slot in self._busy() if slot.reader}
        ready = wait(list(busy), timeout=CHECK_SECONDS)
        for connection, slot in busy.items():
            if connection in ready:
                yield from self._receive(slot, is_cached)
            else:
                yield from self._check(slot)

    def _receive(self, slot: _Slot, is_cached: IsCachedAnswer) -> Iterator[Event]:
        assert slot.reader is not None
        try:
            message: Message = slot.reader.connection.recv()
            if isinstance(message, IsCached):
                slot.reader.connection.send(is_cached(message.digest))
        except (EOFError, OSError):
            yield from self._lost(slot, FailureKind.CRASHED)
            return
        slot.heard(self._now())
        if isinstance(message, Broken):
            raise message.error
        if isinstance(message, Ready):
            slot.is_ready = True
        elif not isinstance(message, IsCached):
            yield from slot.accept(message)

    def _check(self, slot: _Slot) -> Iterator[Event]:
        """See whether a silent reader has moved on since we last looked, and stop it if not for too long."""
        assert slot.task is not None
        now = self._now()
        slot.look(now)
        if now - slot.moved > self._patience(slot):
            yield from self._lost(slot, FailureKind.TIMED_OUT)
        elif isinstance(slot.task.job, ReadJob) and now - slot.task.started > self._limits.file_seconds:
            detail = f"not finished after {self._limits.file_seconds:g} s"
            yield from slot.fail(FailureKind.TIMED_OUT, detail)

    def _patience(self, slot: _Slot) -> float:
        if not slot.is_ready:
            return START_SECONDS
        is_ocr = slot.task is not None and isinstance(slot.task.job, OcrJob)
        return self._limits.page_seconds * (OCR_PATIENCE if is_ocr else 1.0)

    def _lost(self, slot: _Slot, kind: FailureKind) -> Iterator[Event]:
        """The reader died or hangs: blame the page it was at, and go on behind it with a new reader."""
        task, page = slot.task, slot.page()
        assert task is not None
        if not slot.is_ready:
            slot.stop()
            raise RuntimeError("a reader process does not start")
        task.losses += 1
        if page == 0 or task.losses > self._limits.file_failures:
            yield from slot.fail(kind, "" if page == 0 else f"on {task.losses} pages")
            return
        slot.stop()
        if page not in task.finished:
            task.finished.add(page)
            yield from task.after_opening(PageFailed(task.job, Failure(task.job.path, kind, page=page)))
        self._assign(slot, task)


@dataclass(slots=True)
class _Task:
    """A job under way: what came of it so far."""

    job: Job
    finished: set[int] = field(default_factory=set)
    is_open: bool = False
    early: list[PageFailed] = field(default_factory=list)
    losses: int = 0
    started: float = float("inf")

    def after_opening(self, failed: PageFailed) -> Iterator[Event]:
        """The failure, at once or behind the `Opened` that is still to come."""
        if self.is_open or not isinstance(self.job, ReadJob):
            yield failed
        else:
            self.early.append(failed)


@dataclass(slots=True)
class _Slot:
    """A place for one reader process and the task it works on."""

    reader: _Reader | None = None
    task: _Task | None = None
    is_ready: bool = False
    position: tuple[int, int] = (0, 0)
    moved: float = 0.0

    def begin(self, setup: Setup, assignment: Assignment, now: float) -> None:
        reader = self.start(setup)
        self.moved = now
        reader.send(assignment)

    def start(self, setup: Setup) -> _Reader:
        if self.reader is None:
            self.reader = _Reader(setup)
            self.is_ready = False
        return self.reader

    def heard(self, now: float) -> None:
        self.moved = now
        if self.task:
            self.task.started = min(self.task.started, now)

    def look(self, now: float) -> None:
        assert self.reader is not None
        position = self.reader.position()
        if position != self.position:
            self.position, self.moved = position, now

    def page(self) -> int:
        """The page the reader was last known to be at; 0 while it was opening the file."""
        return self.reader.position()[1] if self.reader else 0

    def accept(self, event: Event) -> Iterator[Event]:
        """Keep the books of the task and pass the event on, as one of the caller's own job."""
        task = self.task
        assert task is not None
        is_repeated = isinstance(event, Opened) and task.is_open
        if isinstance(event, Opened):
            task.is_open = True
        elif isinstance(event, PagesRead):
            task.finished.update(read.page for read in event.pages)
        elif isinstance(event, PageRecognised | PageRendered):
            task.finished.add(event.page)
        elif isinstance(event, PageFailed) and event.failure.page:
            task.finished.add(event.failure.page)
        else:
            self.task = None
        if not is_repeated:
            yield replace(event, job=task.job)
        if isinstance(event, Opened):
            yield from task.early
            task.early = []

    def fail(self, kind: FailureKind, detail: str) -> Iterator[Event]:
        task = self.task
        assert task is not None
        self.stop()
        yield Failed(task.job, Failure(task.job.path, kind, detail))

    def stop(self) -> None:
        if self.reader:
            self.reader.kill()
        self.reader = self.task = None
        self.position = (0, 0)


class _Reader:
    """One reader process, the pipe to it, and the file in which it leaves its position."""

    def __init__(self, setup: Setup) -> None:
        self.connection, theirs = Pipe()
        lifeline, self._lifeline = os.pipe()
        self._position = tempfile.TemporaryFile()  # noqa: SIM115
        fds = (theirs.fileno(), lifeline, self._position.fileno())
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "docsearch.ingest.worker", *map(str, fds)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=fds,
            env={**environment(), **_GIVE_BACK},
        )
        theirs.close()
        os.close(lifeline)
        self.send(setup)

    def send(self, message: Any) -> None:
        """Send, unless the process is gone: that shows when we listen to it."""
        try:
            self.connection.send(message)
        except OSError:
            return

    def position(self) -> tuple[int, int]:
        written = os.pread(self._position.fileno(), POSITION.size, 0)
        steps, page = POSITION.unpack(written) if written else (0, 0)
        return steps, page

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self.connection.close()
        os.close(self._lifeline)
        self._position.close()
