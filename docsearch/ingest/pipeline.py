"""Brings the index up to date with the files: scan, then a tier each for text, OCR and vectors.

Text comes first, so that a big folder is searchable within seconds. Every tier commits as it goes
and can be stopped at any moment; the next run goes on. The modules `scan`, `text`, `recognise` and
`embed` do the work of one step each; this one only puts them in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from docsearch.config import Settings
from docsearch.ingest.embed import embed_pages
from docsearch.ingest.readers import Readers
from docsearch.ingest.recognise import recognise_pages
from docsearch.ingest.scan import scan_root
from docsearch.ingest.text import read_texts
from docsearch.models.protocols import Embedder
from docsearch.records import Failure, Progress
from docsearch.store.index import Index
from docsearch.store.lock import writer_lock


class Tier(StrEnum):
    """What is done to a document, in this order."""

    TEXT = "text"
    OCR = "ocr"
    VECTORS = "vectors"


class Indexer:
    """One indexing run over all roots."""

    def __init__(self, index: Index, settings: Settings, embedder: Callable[[], Embedder] | None) -> None:
        self.index = index
        self.settings = settings
        self.embedder = embedder

    def run(
        self, paths: Iterable[Path], *, tiers: Sequence[Tier], retry: bool = False
    ) -> Iterator[Progress | Failure]:
        """Adds `paths` as roots and updates every root; yields how far it is and what failed.

        Raises:
            IndexBusy: another process is writing.
            StorageFull: the index cannot be written; what is committed stays usable.
        """
        with writer_lock(self.index.folder):
            for path in paths:
                self.index.files.add_root(path)
            self.index.sweep()
            with Readers(self.settings) as readers:
                yield from self._update(readers, tiers, retry)
            self.index.sweep()
            self.index.compact()

    def _update(self, readers: Readers, tiers: Sequence[Tier], retry: bool) -> Iterator[Progress | Failure]:
        unread = []
        for number, root, _ in self.index.files.roots():
            unread += yield from scan_root(self.index, number, root, retry=retry)
        if Tier.TEXT in tiers and unread:
            yield from read_texts(self.index, readers, unread)
            self.index.compact()
        if Tier.OCR in tiers and self.settings.ocr.engine != "off" and self.index.documents.waiting_for_ocr():
            yield from recognise_pages(self.index, readers)
            self.index.compact()
        if Tier.VECTORS in tiers and self.embedder is not None:
            embedder = self.embedder()
            if self.index.documents.waiting_for_vectors(embedder.fingerprint):
                yield from embed_pages(self.index, readers, embedder)
