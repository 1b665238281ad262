"""The text tier: text layers into pages, a document at a time, many documents a commit."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Thread

from docsearch.config import is_there
from docsearch.ingest.document import name_title
from docsearch.ingest.readers import Readers
from docsearch.ingest.scan import UnreadFile, is_current
from docsearch.ingest.workers import Done, Event, Failed, Opened, PageFailed, PagesRead, ReadJob, ReadPage
from docsearch.records import Failure, FailureKind, PageId, Progress, TextSource
from docsearch.store.evidence import LEAD_PAGES
from docsearch.store.index import Index
from docsearch.store.lance import load_lancedb
from docsearch.store.pages import StoredPage
from docsearch.store.vocabulary import count_words

_FLUSH_PAGES = 2000
_FLUSH_SECONDS = 5.0


@dataclass(slots=True)
class Reading:
    """A document that is being read, and the files that hold its content."""

    number: int
    files: list[UnreadFile]
    title: str = ""
    kind: str = ""
    pages: int = 0
    waiting: list[int] = field(default_factory=list)
    lead: dict[int, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


def read_texts(index: Index, readers: Readers, unread: Sequence[UnreadFile]) -> Iterator[Progress | Failure]:
    """Reads the files, largest first; equal contents once. Keeps what is done when it is closed."""
    by_content: dict[str, list[UnreadFile]] = {}
    for file in sorted(unread, key=lambda file: -file.state.size):
        by_content.setdefault(file.state.content, []).append(file)
    tier = TextTier(index, list(by_content.values()))
    Thread(target=load_lancedb, daemon=True).start()
    try:
        for event in readers.text_pool().run(tier.jobs(readers.passwords)):
            yield from tier.take(event)
    finally:
        tier.flush()


class TextTier:
    """Collects what the workers read and commits it: page rows first, then the catalog."""

    def __init__(self, index: Index, groups: list[list[UnreadFile]]) -> None:
        self.index = index
        self.groups = groups
        self.rows: list[StoredPage] = []
        self.finished: list[Reading] = []
        self.analyzed: list[tuple[str, str]] = []
        self.flushed = time.monotonic()
        self.bytes_left = sum(files[0].state.size for files in groups)
        self.bytes_done = self.pages_done = self.files_done = self.failures = 0

    def jobs(self, passwords: tuple[str, ...]) -> Iterator[ReadJob]:
        """One job a content."""
        for files in self.groups:
            first = files[0].state
            reading = Reading(self.index.documents.begin(first.content, first.size), files)
            yield ReadJob(first.path, passwords, key=reading)

    def take(self, event: Event) -> Iterator[Progress | Failure]:
        """Handles one event of a worker."""
        reading: Reading = event.job.key
        match event:
            case Opened():
                reading.pages, reading.kind = event.pages, event.kind
                reading.title = _lasting_title(event)
            case PagesRead():
                self._add(reading, event.pages)
                yield self._progress(reading)
            case PageFailed():
                reading.failures.append(event.failure)
                yield event.failure
            case Failed():
                yield from self._fail(reading, event.failure)
            case Done():
                yield from self._finish(reading)

    def flush(self) -> None:
        """Commits all rows, and the documents that are complete."""
        if self.rows:
            self.index.grown()
            self.index.pages.append(self.index.pages.as_rows(self.rows))
            self.rows = []
        with self.index.catalog.transaction():
            for reading in self.finished:
                self._commit(reading)
            languages = Counter(language for _, language in self.analyzed)
            self.index.vocabulary.add(count_words(self.analyzed), languages)
        self.finished, self.analyzed = [], []
        self.flushed = time.monotonic()

    def _add(self, reading: Reading, pages: Sequence[ReadPage]) -> None:
        for page in pages:
            source = _source(page)
            if source is TextSource.PENDING:
                reading.waiting.append(page.page)
            if page.page <= LEAD_PAGES:
                reading.lead[page.page] = page.analysis.terms
            self.rows.append(
                StoredPage(PageId(reading.number, page.page), page.text, page.analysis.terms, source)
            )
            self.analyzed.append((page.analysis.words, page.analysis.language))
        self.pages_done += len(pages)

    def _finish(self, reading: Reading) -> Iterator[Progress | Failure]:
        changed = [file for file in reading.files if not is_current(file.state)]
        if changed and len(changed) == len(reading.files):
            yield from self._fail(reading, Failure(changed[0].state.path, FailureKind.CHANGED))
            return
        reading.files = [file for file in reading.files if file not in changed]
        self.finished.append(reading)
        self._count(reading)
        if len(self.rows) >= _FLUSH_PAGES or time.monotonic() - self.flushed > _FLUSH_SECONDS:
            self.flush()
        yield self._progress(reading)

    def _fail(self, reading: Reading, failure: Failure) -> Iterator[Progress | Failure]:
        """Records why for every file of this content; a changed file is simply read again next time, and
        one that is gone by now is no failure to keep."""
        with self.index.catalog.transaction():
            self.index.documents.discard(reading.number)
            for file in reading.files:
                self.index.files.clear_failures(file.state.path)
                if not is_there(file.state.path):
                    continue
                if failure.kind is not FailureKind.CHANGED:
                    self.index.files.put(file.root, file.state, None)
                self.index.files.put_failure(Failure(file.state.path, failure.kind, failure.detail))
        self._count(reading)
        self.failures += 1
        yield failure
        yield self._progress(reading)

    def _commit(self, reading: Reading) -> None:
        documents, files = self.index.documents, self.index.files
        documents.commit(
            reading.number,
            kind=reading.kind,
            title=reading.title,
            pages=reading.pages,
            waiting=reading.waiting,
        )
        self.index.evidence.put_lead(reading.number, [reading.lead[page] for page in sorted(reading.lead)])
        for file in reading.files:
            files.clear_failures(file.state.path)
            files.put(file.root, file.state, reading.number, reading.title)
            for failure in reading.failures:
                files.put_failure(Failure(file.state.path, failure.kind, failure.detail, failure.page))

    def _count(self, reading: Reading) -> None:
        size = reading.files[0].state.size
        self.bytes_left -= size
        self.bytes_done += size
        self.files_done += len(reading.files)

    def _progress(self, reading: Reading) -> Progress:
        """Pages to come are guessed from the bytes to come."""
        per_byte = self.pages_done / self.bytes_done if self.bytes_done else 0.0
        total = self.pages_done + round(per_byte * self.bytes_left)
        files = sum(map(len, self.groups))
        return Progress(
            "text", self.pages_done, total, self.files_done, files, reading.files[0].state.path, self.failures
        )


def _source(page: ReadPage) -> TextSource:
    if page.needs_ocr:
        return TextSource.PENDING
    return TextSource.LAYER if page.text.strip() else TextSource.NONE


def _lasting_title(opened: Opened) -> str:
    """The title, unless it is only the file's name: the file may be renamed or have copies."""
    return "" if opened.title == name_title(opened.job.path) else opened.title
