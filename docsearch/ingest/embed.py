"""The vector tier: page images and texts through the embedder into its vector table.

Reader processes render, one thread runs the model and another writes vectors, all at the same time; the
catalog is written by whoever takes the events.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from docsearch.ingest.encoder import PIECE_BYTES, Encoded, Encoder, Piece, picture_bytes
from docsearch.ingest.readers import Readers
from docsearch.ingest.scan import current_paths
from docsearch.ingest.workers import Done, Event, Failed, PageFailed, PageRendered, RenderJob
from docsearch.models.protocols import Embedder, ModelInput
from docsearch.records import Failure, PageId, Progress
from docsearch.store.documents import StoredDocument
from docsearch.store.index import Index
from docsearch.store.tables import READERS_SECONDS

_FLUSH_VECTORS, _FLUSH_SECONDS = 2000, 60.0
"""Vectors are written when so many have come together, or have waited so long."""


def embed_pages(index: Index, readers: Readers, embedder: Embedder) -> Iterator[Progress | Failure]:
    """Embeds all pages that have no vector of this model. Keeps what is done when it is closed."""
    name, fingerprint, dimensions = embedder.name, embedder.fingerprint, embedder.dimensions
    index.vector_models.note(fingerprint, name, dimensions)
    waiting = left = index.documents.waiting_for_vectors(fingerprint)
    if waiting:
        tier = VectorTier(index, embedder, waiting)
        yield from tier.run(readers)
        left = [document for document in waiting if document.id not in tier.embedded]
    index.vector_models.note(fingerprint, name, dimensions, sum(document.pages for document in left))


@dataclass(slots=True)
class Batch:
    """What comes together for one write."""

    pieces: list[Encoded] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    @property
    def pages(self) -> list[PageId]:
        """Pages that have vectors here."""
        return [page for piece in self.pieces for page in piece.pages]

    @property
    def complete(self) -> list[int]:
        """Documents all of whose vectors are written when these are."""
        return [document for piece in self.pieces for document in piece.ended]

    @property
    def is_due(self) -> bool:
        """Whether it should be written now."""
        waited = time.monotonic() - self.since
        return len(self.pages) >= _FLUSH_VECTORS or (waited > _FLUSH_SECONDS and bool(self.complete))


class VectorTier:
    """Gathers pages for the model, and commits its vectors before marking documents.

    Attributes:
        embedded: documents that are done.
    """

    compacts_after = 20_000
    """Searches compare new vectors one by one: after so many the table is compacted on the way."""

    def __init__(self, index: Index, embedder: Embedder, waiting: Sequence[StoredDocument]) -> None:
        self.index = index
        self.embedder = embedder
        self.table = index.vectors(embedder.fingerprint, embedder.dimensions)
        self.takes_images = bool(embedder.modalities & {"image", "text+image"})
        self.paths = current_paths(index, (document.id for document in waiting))
        self.documents = [d for d in waiting if d.id in self.paths or not self.takes_images]
        self.total = sum(document.pages for document in self.documents)
        self.embedded: set[int] = set()
        self.pages_done = self.files_done = 0
        self._encoder = Encoder(embedder)
        self._writer = ThreadPoolExecutor(1, "vectors")
        self._writing: tuple[Future[None], list[int]] | None = None
        self._since_compaction = 0
        self._batch = Batch()
        self._gathered: list[tuple[PageId, Image.Image | None]] = []
        self._gathered_bytes = 0
        self._ended: list[int] = []
        self._notes: dict[int, list[Failure]] = {}

    def run(self, readers: Readers) -> Iterator[Progress | Failure]:
        """Does it all; what is done when it is closed is kept."""
        yield self.progress()
        try:
            if self.takes_images:
                for event in readers.picture_pool().run(self._jobs(readers.passwords)):
                    yield from self._take(event)
            else:
                yield from self._without_pictures()
            self._send()
            while not self._encoder.is_idle:
                yield from self._keep(self._encoder.take())
        except GeneratorExit:  # stopped between two events: nothing is half taken in
            for encoded in self._encoder.close():
                self._hold(encoded)
            raise
        finally:
            self._close()

    def progress(self, path: Path | None = None) -> Progress:
        """How far it is; `path` is what was read last."""
        files = len(self.documents)
        return Progress("vectors", self.pages_done, self.total, self.files_done, files, path)

    # -- pages come in -------------------------------------------------------------------------

    def _jobs(self, passwords: tuple[str, ...]) -> Iterator[RenderJob]:
        """One job a document, from a file that still is as it was read; looked up when its turn comes."""
        for document in self.documents:
            self.paths.update(found := current_paths(self.index, [document.id]))
            if found:
                pages = tuple(range(1, document.pages + 1))
                path = self.paths[document.id]
                yield RenderJob(path, pages, self.embedder.image_pixels, passwords, key=document)

    def _take(self, event: Event) -> Iterator[Progress | Failure]:
        """Handles one event of a worker. A page that cannot be rendered is embedded by its text."""
        document: StoredDocument = event.job.key
        match event:
            case PageRendered():
                self._gather(PageId(document.id, event.page), Image.fromarray(event.image))
            case PageFailed(failure=failure) if failure.page:
                self._gather(PageId(document.id, failure.page), None)
            case Failed():
                yield event.failure
            case Done():
                self._ended.append(document.id)
        yield from self._advance()
        yield self.progress(event.job.path)

    def _without_pictures(self) -> Iterator[Progress | Failure]:
        """Texts alone, which no file is needed for."""
        for document in self.documents:
            for page in range(1, document.pages + 1):
                self._gather(PageId(document.id, page), None)
                yield from self._advance()
            self._ended.append(document.id)
            yield self.progress(self.paths.get(document.id))

    def _gather(self, page: PageId, image: Image.Image | None) -> None:
        self._gathered.append((page, image))
        self._gathered_bytes += picture_bytes(ModelInput(image=image))

    def _advance(self) -> Iterator[Progress | Failure]:
        """Sends a piece when there are enough pages, and keeps what has come back; waits when far ahead."""
        if len(self._gathered) >= self._encoder.piece_pages or self._gathered_bytes >= PIECE_BYTES:
            self._send()
        while self._encoder.is_ready or self._encoder.is_full:
            yield from self._keep(self._encoder.take())

    def _send(self) -> None:
        """Gives the model what was gathered."""
        if self._gathered or self._ended:
            pages = tuple(page for page, _ in self._gathered)
            self._encoder.put(Piece(pages, self._inputs(), tuple(self._ended)))
        self._gathered, self._gathered_bytes, self._ended = [], 0, []

    def _inputs(self) -> tuple[ModelInput, ...]:
        """Text and image where the model takes both at once, else the image, else the text."""
        takes = self.embedder.modalities
        both = "text+image" in takes
        by_text = [page for page, image in self._gathered if both or (image is None and "text" in takes)]
        texts = self.index.pages.texts(by_text) if by_text else {}
        return tuple(ModelInput(texts.get(page, ("",))[0], image) for page, image in self._gathered)

    # -- vectors come out ----------------------------------------------------------------------

    def _keep(self, encoded: Encoded) -> Iterator[Progress | Failure]:
        """Takes in what the model made."""
        yield from self._hold(encoded)
        if self._writing and self._writing[0].done():
            self._settle()
        if self._batch.is_due:
            self._flush()
        yield self.progress()

    def _hold(self, encoded: Encoded) -> list[Failure]:
        """Keeps vectors for the next write; returns which pages had to be scaled down."""
        self._batch.pieces.append(encoded)
        self.pages_done += len(encoded.pages)
        self.files_done += len(encoded.ended)
        notes = []
        for page, size in encoded.shrunk.items():
            notes.append(note := Failure.scaled_down(self.paths[page.doc], page.page, size))
            self._notes.setdefault(page.doc, []).append(note)
        return notes

    def _flush(self) -> None:
        """Begins to write what there is; one write is under way at a time."""
        self._settle()
        batch, self._batch = self._batch, Batch()
        if batch.pieces:
            self.index.grown()
            self._writing = self._writer.submit(self._write, batch), batch.complete

    def _write(self, batch: Batch) -> None:
        """In the thread that writes."""
        if batch.pages:
            vectors = np.concatenate([piece.vectors for piece in batch.pieces])
            self.table.replace(self.table.as_rows(batch.pages, vectors))
            self._since_compaction += len(vectors)
        if self._since_compaction >= self.compacts_after:
            self.table.compact(keep_seconds=READERS_SECONDS)
            self._since_compaction = 0

    def _settle(self) -> None:
        """Waits until vectors are written, and marks the documents that are complete with them."""
        if self._writing is None:
            return
        (future, complete), self._writing = self._writing, None
        future.result()
        with self.index.catalog.transaction():
            for document in complete:
                self.index.documents.embedded(document, self.embedder.fingerprint)
                if document in self.paths:
                    self.index.files.replace_notes(self.paths[document], self._notes.pop(document, ()))
        self.embedded.update(complete)

    def _close(self) -> None:
        """Ends both threads; what was taken in is kept."""
        try:
            self._encoder.close()
            self._flush()
            self._settle()
        finally:
            self._writer.shutdown()
