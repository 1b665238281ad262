"""The OCR tier: pages without a usable text layer. What was recognised once is never done again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from docsearch.ingest.ocr import make_ocr
from docsearch.ingest.readers import Readers
from docsearch.ingest.scan import current_paths
from docsearch.ingest.workers import Done, Event, Failed, OcrJob, PageFailed, PageRecognised
from docsearch.records import Failure, OcrPage, PageId, Progress, TextSource
from docsearch.store.analyzer import AnalyzedText
from docsearch.store.evidence import LEAD_PAGES
from docsearch.store.index import Index
from docsearch.store.pages import StoredPage
from docsearch.store.vocabulary import count_words

_FLUSH_PAGES = 100
_FLUSH_SECONDS = 20.0


def recognise_pages(index: Index, readers: Readers) -> Iterator[Progress | Failure]:
    """Recognises all waiting pages. Keeps what is done when it is closed."""
    ocr = readers.settings.ocr
    engine = make_ocr(ocr.engine, ocr.languages, 1).fingerprint
    tier = OcrTier(index, engine)
    yield tier.progress()
    try:
        pool = readers.ocr_pool()
        for event in pool.run(
            tier.jobs(readers.passwords), is_cached=lambda d: index.recognised.has(d, engine)
        ):
            yield from tier.take(event)
    finally:
        tier.flush()


class OcrTier:
    """Collects recognised pages and commits them: page rows first, then the catalog."""

    def __init__(self, index: Index, engine: str) -> None:
        self.index = index
        self.engine = engine
        waiting = index.documents.waiting_for_ocr()
        self.paths = current_paths(index, waiting)
        self.waiting = {document: waiting[document] for document in waiting if document in self.paths}
        self.total = sum(map(len, self.waiting.values()))
        self.rows: list[StoredPage] = []
        self.analyzed: list[AnalyzedText] = []
        self.done: dict[int, list[int]] = {}
        self.flushed = time.monotonic()
        self.pages_done = self.files_done = self.failures = 0

    def jobs(self, passwords: tuple[str, ...]) -> Iterator[OcrJob]:
        """One job a document."""
        for document, pages in self.waiting.items():
            yield OcrJob(self.paths[document], tuple(pages), passwords, key=document)

    def take(self, event: Event) -> Iterator[Progress | Failure]:
        """Handles one event of a worker."""
        document: int = event.job.key
        match event:
            case PageRecognised():
                self._keep(document, event)
                yield self.progress(event.job.path)
            case PageFailed():
                self.index.files.put_failure(event.failure)
                self._tick(document, event.failure.page or 0)
                self.failures += 1
                yield event.failure
            case Failed():
                self.index.files.put_failure(event.failure)
                self.failures += 1
                yield event.failure
            case Done():
                self.index.files.clear_file_failure(event.job.path)
                self.files_done += 1

    def flush(self) -> None:
        """Commits recognised pages."""
        if self.rows:
            self.index.grown()
            self.index.pages.replace(self.index.pages.as_rows(self.rows))
        with self.index.catalog.transaction():
            for document, pages in self.done.items():
                self.index.documents.ocr_done(document, pages)
                self._update_lead(document, pages)
            languages = Counter(analyzed.language for analyzed in self.analyzed)
            counts = count_words((analyzed.words, analyzed.language) for analyzed in self.analyzed)
            self.index.vocabulary.add(counts, languages)
        self.rows, self.analyzed, self.done = [], [], {}
        self.flushed = time.monotonic()

    def _keep(self, document: int, event: PageRecognised) -> None:
        """Stores what was read by its pixels at once; the page row waits for the next flush."""
        recognised = self.index.recognised
        page = event.ocr or recognised.get(event.digest, self.engine) or OcrPage("")
        if event.ocr is not None:
            recognised.put(event.digest, self.engine, event.ocr)
        recognised.assign(document, event.page, event.digest, self.engine)
        analyzed = self.index.analyzer.analyze(page.text)
        source = TextSource.OCR if page.text.strip() else TextSource.NONE
        self.rows.append(StoredPage(PageId(document, event.page), page.text, analyzed.terms, source))
        self.analyzed.append(analyzed)
        self._tick(document, event.page)

    def _tick(self, document: int, page: int) -> None:
        self.done.setdefault(document, []).append(page)
        self.pages_done += 1
        if len(self.rows) >= _FLUSH_PAGES or time.monotonic() - self.flushed > _FLUSH_SECONDS:
            self.flush()

    def _update_lead(self, document: int, pages: list[int]) -> None:
        if min(pages) <= LEAD_PAGES:
            lead = [PageId(document, page) for page in range(1, LEAD_PAGES + 1)]
            terms = self.index.pages.terms(lead)
            self.index.evidence.put_lead(document, [terms[page] for page in lead if page in terms])

    def progress(self, path: Path | None = None) -> Progress:
        """How far it is; `path` is what was read last."""
        files = len(self.waiting)
        return Progress("ocr", self.pages_done, self.total, self.files_done, files, path, self.failures)
