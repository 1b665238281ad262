"""Brings the index up to date with the files: scan, then a tier each for text, OCR and vectors.

Text comes first, so that a big folder is searchable within seconds. Every tier commits as it goes
and can be stopped at any moment; the next run goes on. The modules `scan`, `text`, `recognise` and
`embed` do the work of one step each; this one only puts them in order.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from docsearch.config import Settings
from docsearch.ingest.embed import embed_pages
from docsearch.ingest.readers import Readers
from docsearch.ingest.recognise import recognise_pages
from docsearch.ingest.scan import Changes, Scanned, UnreadFile, place_known, scan_changes, scan_root
from docsearch.ingest.text import read_texts
from docsearch.ingest.token_vectors import make_token_vectors
from docsearch.models.late import LateModel
from docsearch.models.protocols import Embedder
from docsearch.records import Failure, Progress
from docsearch.store.index import Index
from docsearch.store.tables import READERS_SECONDS


class Tier(StrEnum):
    """What is done to a document, in this order."""

    TEXT = "text"
    OCR = "ocr"
    VECTORS = "vectors"
    TOKENS = "tokens"


BACKGROUND = (Tier.OCR, Tier.VECTORS, Tier.TOKENS)
"""The tiers that take their time."""


class Indexer:
    """Indexing runs over all roots, or over what changed.

    Every run raises IndexBusy when another process is writing, and StorageFull when the index cannot
    be written; what is committed stays usable.
    """

    def __init__(
        self,
        index: Index,
        settings: Settings,
        embedder: Callable[[], Embedder] | None,
        late: Callable[[], LateModel | None] = lambda: None,
    ) -> None:
        self.index = index
        self.settings = settings
        self.embedder = embedder
        self.late = late

    def run(
        self, paths: Iterable[Path], *, tiers: Sequence[Tier], retry: bool = False
    ) -> Iterator[Progress | Failure]:
        """Adds `paths` as roots and updates every root; yields how far it is and what failed."""
        with self.index.writing():
            for path in paths:
                self.index.files.add_root(path)
            self.index.sweep()
            with Readers(self.settings) as readers:
                yield from self._scan_and_read(readers, tiers, retry)
                yield from self._in_background(readers, tiers)
            self.index.sweep()
            self.index.compact()

    def scan(self, changes: Changes) -> Generator[Progress | Failure, None, Scanned]:
        """Compares what may have changed with the catalog; returns what is to be read."""
        with self.index.writing():
            return (yield from scan_changes(self.index, changes))

    def read(
        self, unread: Sequence[UnreadFile], readers: Readers
    ) -> Generator[Progress | Failure, None, None]:
        """Reads the texts of files that a scan found, but for those that were read meanwhile.

        Tables are only swept and compacted when enough has come together: call `tidy` at rest.
        """
        with self.index.writing():
            yield from read_texts(self.index, readers, place_known(self.index, unread))
            if self.index.needs_upkeep():
                self._tidy()

    def complete(self, readers: Readers) -> Generator[Progress | Failure, None, None]:
        """Recognises what waits for OCR and embeds what has no vectors."""
        with self.index.writing():
            yield from self._in_background(readers, BACKGROUND, keep_seconds=READERS_SECONDS)
            self._tidy()

    def tidy(self) -> None:
        """Removes what no file holds any more, and compacts the tables."""
        with self.index.writing():
            self._tidy()

    def _tidy(self) -> None:
        self.index.sweep()
        if self.index.is_rested():
            self.index.compact(keep_seconds=READERS_SECONDS)

    def _scan_and_read(
        self, readers: Readers, tiers: Sequence[Tier], retry: bool
    ) -> Iterator[Progress | Failure]:
        unread = []
        for number, root, _ in self.index.files.roots():
            scanned = yield from scan_root(self.index, number, root, retry=retry)
            unread += scanned.unread
        if Tier.TEXT in tiers and unread:
            yield from read_texts(self.index, readers, unread)
            self.index.compact()

    def _in_background(
        self, readers: Readers, tiers: Sequence[Tier], keep_seconds: float = 0.001
    ) -> Iterator[Progress | Failure]:
        if Tier.OCR in tiers and self.settings.ocr.engine != "off" and self.index.documents.waiting_for_ocr():
            yield from recognise_pages(self.index, readers)
            self.index.compact(keep_seconds)
        if Tier.VECTORS in tiers and self.embedder is not None:
            yield from embed_pages(self.index, readers, self.embedder())
        if Tier.TOKENS in tiers and (late := self.late()) is not None:
            yield from make_token_vectors(self.index, readers, late)
