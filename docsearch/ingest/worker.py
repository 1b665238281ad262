"""A reader process: gets jobs over a pipe, opens the files, sends back what it reads.

It may be killed at any moment, by the parent or by a bad file; it holds nothing that would be lost.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from docsearch.errors import DocsearchError, UnreadableDocument
from docsearch.ingest.document import Document, RgbArray, open_document, title_of
from docsearch.ingest.jobs import (
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
    Setup,
)
from docsearch.records import Failure, FailureKind, OcrPage

if TYPE_CHECKING:
    from docsearch.ingest.ocr import OcrEngine

BATCH_PAGES = 64
BATCH_CHARACTERS = 300_000
BATCH_SECONDS = 0.5

Analyse = Callable[[str], Any]


def main(connection_fd: int, lifeline_fd: int, position_fd: int) -> None:
    """Serve jobs until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent(lifeline_fd)
    connection = Connection(connection_fd)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        worker = _set_up(connection, position_fd)
        while worker:
            worker.work(connection.recv())


class Worker:
    """Runs one job after the other. `send` and `ask` speak to the parent, `analyse` maps a page's text."""

    def __init__(
        self,
        send: Callable[[Message], None],
        ask: Callable[[str], bool],
        limits: Limits,
        analyse: Analyse,
        engine: OcrEngine | None,
        position_fd: int,
    ) -> None:
        self._send = send
        self._ask = ask
        self._limits = limits
        self._analyse = analyse
        self._engine = engine
        self._position_fd = position_fd
        self._steps = 0

    def work(self, assignment: Assignment) -> None:
        """Do one job; whatever goes wrong becomes an event."""
        job = assignment.job
        self._at(0)
        try:
            _check_size(job, self._limits)
            with open_document(job.path, job.passwords) as document:
                for event in self._events(document, assignment):
                    self._send(event)
            self._send(Done(job))
        except (UnreadableDocument, MemoryError) as error:
            self._send(Failed(job, _failure(job, error)))

    def _events(self, document: Document, assignment: Assignment) -> Iterator[Event]:
        job, finished = assignment.job, assignment.finished
        if isinstance(job, ReadJob):
            return self._read(document, job, finished)
        pages = [page for page in job.pages if page not in finished]
        if isinstance(job, OcrJob):
            return self._each(job, pages, lambda page: self._recognise(document, job, page))
        return self._each(job, pages, lambda page: PageRendered(job, page, document.render(page, job.pixels)))

    def _each(self, job: Job, pages: Iterable[int], make: Callable[[int], Event]) -> Iterator[Event]:
        for page in pages:
            self._at(page)
            try:
                event = make(page)
            except Exception as error:  # whatever a page does to its readers costs that page only
                event = PageFailed(job, _failure(job, error, page))
            yield event

    def _read(self, document: Document, job: ReadJob, finished: frozenset[int]) -> Iterator[Event]:
        if document.pages > self._limits.max_pages:
            detail = f"{document.pages:,} pages; the limit is {self._limits.max_pages:,}"
            raise UnreadableDocument(FailureKind.TOO_LARGE, detail)
        yield Opened(job, document.pages, self._title(document, finished), document.kind)
        last = min(job.last_page or document.pages, document.pages)
        pages = (page for page in range(job.first_page, last + 1) if page not in finished)
        yield from _batched(self._each(job, pages, lambda page: self._read_page(document, job, page)))

    def _title(self, document: Document, finished: frozenset[int]) -> str:
        """The title; without a look at the first page if that is what stopped an earlier reader."""
        if 1 not in finished:
            self._at(1)
            return title_of(document)
        return title_of(document, look=False)

    def _read_page(self, document: Document, job: Job, page: int) -> PagesRead:
        text = document.page_text(page)
        read = ReadPage(page, text, document.needs_ocr(page, text), self._analyse(text))
        return PagesRead(job, (read,))

    def _recognise(self, document: Document, job: Job, page: int) -> PageRecognised:
        assert self._engine is not None, "the pool was made without an OCR engine"
        image = document.render(page, self._engine.pixels)
        digest = image_digest(image)
        if self._ask(digest):
            return PageRecognised(job, page, digest, None)
        text = OcrPage("") if _is_blank(image) else self._engine.recognise(image)
        return PageRecognised(job, page, digest, text)

    def _at(self, page: int) -> None:
        """Leave word of where we are, for the parent to find if we never come back."""
        self._steps += 1
        os.pwrite(self._position_fd, POSITION.pack(self._steps, page), 0)


def image_digest(image: RgbArray) -> str:
    """BLAKE2b digest (16 bytes, in hex) of a picture's size and pixels."""
    digest = hashlib.blake2b(str(image.shape).encode(), digest_size=16)
    digest.update(image.data if image.flags.c_contiguous else image.tobytes())
    return digest.hexdigest()


def _set_up(connection: Connection[Any, Any], position_fd: int) -> Worker | None:
    setup: Setup = connection.recv()

    def ask(digest: str) -> bool:
        connection.send(IsCached(digest))
        return bool(connection.recv())

    try:
        os.nice(setup.niceness)
        importlib.import_module("docsearch.ingest.pdf")
        analyse = _imported(setup.analyse) if setup.analyse else _nothing
        engine = _engine(setup.ocr) if setup.ocr else None
        _limit_memory(setup.limits.memory_mb)
    except (DocsearchError, ImportError, AttributeError) as error:
        connection.send(Broken(error))
        return None
    connection.send(Ready())
    return Worker(connection.send, ask, setup.limits, analyse, engine, position_fd)


def _engine(setup: OcrSetup) -> OcrEngine:
    from docsearch.ingest.ocr import make_ocr

    return make_ocr(setup.kind, setup.languages, setup.threads)


def _imported(name: str) -> Analyse:
    module, _, function = name.partition(":")
    found: Analyse = getattr(importlib.import_module(module), function)
    return found


def _nothing(_text: str) -> None:
    return None


def _batched(events: Iterable[Event]) -> Iterator[Event]:
    """Put neighbouring pages into one event; a batch is bounded in pages, size and age."""
    batch: list[ReadPage] = []
    size, since = 0, time.monotonic()
    job: Job | None = None
    for event in events:
        if isinstance(event, PagesRead):
            job = event.job
            batch.extend(event.pages)
            size += len(event.pages[0].text)
        is_due = (
            len(batch) >= BATCH_PAGES or size > BATCH_CHARACTERS or time.monotonic() - since > BATCH_SECONDS
        )
        if job and batch and (is_due or not isinstance(event, PagesRead)):
            yield PagesRead(job, tuple(batch))
            batch, size, since = [], 0, time.monotonic()
        if not isinstance(event, PagesRead):
            yield event
    if job and batch:
        yield PagesRead(job, tuple(batch))


def _check_size(job: Job, limits: Limits) -> None:
    try:
        size = job.path.stat().st_size
    except OSError as error:
        raise UnreadableDocument(FailureKind.UNREADABLE, error.strerror or str(error)) from error
    if size > limits.max_file_mb * 1_000_000:
        detail = f"{size / 1e6:,.0f} MB; the limit is {limits.max_file_mb:,} MB"
        raise UnreadableDocument(FailureKind.TOO_LARGE, detail)


def _failure(job: Job, error: Exception, page: int | None = None) -> Failure:
    if isinstance(error, UnreadableDocument):
        return Failure(job.path, error.kind, error.detail, page)
    if isinstance(error, MemoryError):
        return Failure(job.path, FailureKind.OUT_OF_MEMORY, "", page)
    return Failure(job.path, FailureKind.CRASHED, f"{type(error).__name__}: {error}", page)


def _is_blank(image: RgbArray) -> bool:
    """One colour all over, give or take what compression adds."""
    return int(image.max(initial=0)) - int(image.min(initial=255)) < 8


def _limit_memory(megabytes: int) -> None:
    """Bound the address space, so that a bomb meets MemoryError and not the kernel."""
    if sys.platform != "win32":
        import resource

        with suppress(OSError, ValueError):
            limit = _address_space() + megabytes * 1_000_000
            resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _address_space() -> int:
    """Bytes of address space in use now (Linux); elsewhere an OSError."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _die_with_parent(lifeline_fd: int) -> None:
    """Let the kernel end this process when the parent is gone, even from the middle of native code.

    The parent holds the only write end of this pipe and never writes. Its end closes with the parent,
    which raises SIGIO here, and nothing handles SIGIO: the process ends. (Linux's parent-death signal
    would come when the thread that started us ends.)
    """
    if sys.platform != "win32":
        import fcntl

        fcntl.fcntl(lifeline_fd, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(lifeline_fd, fcntl.F_GETFL)
        fcntl.fcntl(lifeline_fd, fcntl.F_SETFL, flags | os.O_ASYNC)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
