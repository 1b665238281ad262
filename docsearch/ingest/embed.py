"""The vector tier: page images and texts through the embedder into its vector table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from docsearch.ingest.readers import Readers
from docsearch.ingest.scan import current_paths
from docsearch.ingest.workers import Done, Event, Failed, PageFailed, PageRendered, RenderJob
from docsearch.models.protocols import Embedder, ModelInput
from docsearch.records import Failure, PageId, Progress
from docsearch.store.documents import StoredDocument
from docsearch.store.index import Index

_BATCH = 32
_FLUSH_VECTORS = 2000


def embed_pages(index: Index, readers: Readers, embedder: Embedder) -> Iterator[Progress | Failure]:
    """Embeds all pages that have no vector of this model. Keeps what is done when it is closed."""
    name, fingerprint, dimensions = embedder.name, embedder.fingerprint, embedder.dimensions
    index.vector_models.note(fingerprint, name, dimensions)
    if index.documents.waiting_for_vectors(fingerprint):
        yield from _embed_waiting(index, readers, embedder)
    left = index.documents.waiting_for_vectors(fingerprint)
    index.vector_models.note(fingerprint, name, dimensions, sum(document.pages for document in left))


def _embed_waiting(index: Index, readers: Readers, embedder: Embedder) -> Iterator[Progress | Failure]:
    tier = VectorTier(index, embedder)
    yield tier.progress()
    try:
        if tier.takes_images:
            for event in readers.picture_pool().run(tier.jobs(readers.passwords)):
                yield from tier.take(event)
        else:
            yield from tier.without_pictures()
    finally:
        tier.flush()


class VectorTier:
    """Collects pages into batches, embeds them, and commits vectors before marking documents."""

    def __init__(self, index: Index, embedder: Embedder) -> None:
        self.index = index
        self.embedder = embedder
        self.table = index.vectors(embedder.fingerprint, embedder.dimensions)
        waiting = index.documents.waiting_for_vectors(embedder.fingerprint)
        self.paths = current_paths(index, (document.id for document in waiting))
        self.documents = [document for document in waiting if document.id in self.paths]
        self.total = sum(document.pages for document in self.documents)
        self.takes_images = bool(embedder.modalities & {"image", "text+image"})
        self.batch: list[tuple[PageId, Image.Image | None]] = []
        self.vectors: list[tuple[PageId, NDArray[np.float32]]] = []
        self.complete: list[int] = []
        self.pages_done = self.files_done = 0

    def jobs(self, passwords: tuple[str, ...]) -> Iterator[RenderJob]:
        """One job a document."""
        for document in self.documents:
            path = self.paths[document.id]
            pages = tuple(range(1, document.pages + 1))
            yield RenderJob(path, pages, self.embedder.image_pixels, passwords, key=document)

    def take(self, event: Event) -> Iterator[Progress | Failure]:
        """Handles one event of a worker. A page that cannot be rendered is embedded by its text."""
        document: StoredDocument = event.job.key
        match event:
            case PageRendered():
                self._add(PageId(document.id, event.page), Image.fromarray(event.image))
            case PageFailed(failure=failure) if failure.page:
                self._add(PageId(document.id, failure.page), None)
            case Failed():
                yield event.failure
            case Done():
                self._complete(document)
        yield self.progress(event.job.path)

    def without_pictures(self) -> Iterator[Progress]:
        """Embeds texts alone."""
        for document in self.documents:
            for page in range(1, document.pages + 1):
                self._add(PageId(document.id, page), None)
            self._complete(document)
            yield self.progress(self.paths[document.id])

    def flush(self) -> None:
        """Embeds what waits and commits."""
        self._embed()
        if self.vectors:
            pages, vectors = zip(*self.vectors, strict=True)
            self.index.grown()
            self.table.replace(self.table.as_rows(pages, np.stack(vectors)))
        with self.index.catalog.transaction():
            for document in self.complete:
                self.index.documents.embedded(document, self.embedder.fingerprint)
        self.vectors, self.complete = [], []

    def _add(self, page: PageId, image: Image.Image | None) -> None:
        self.batch.append((page, image))
        self.pages_done += 1
        if len(self.batch) >= _BATCH:
            self._embed()

    def _complete(self, document: StoredDocument) -> None:
        self.complete.append(document.id)
        self.files_done += 1
        if len(self.vectors) + len(self.batch) >= _FLUSH_VECTORS:
            self.flush()

    def _embed(self) -> None:
        if not self.batch:
            return
        texts = self.index.pages.texts(page for page, _ in self.batch)
        inputs = [self._input(texts.get(page, ("",))[0], image) for page, image in self.batch]
        vectors = self.embedder.embed_pages(inputs)
        self.vectors += zip((page for page, _ in self.batch), vectors, strict=True)
        self.batch = []

    def _input(self, text: str, image: Image.Image | None) -> ModelInput:
        """Text and image where the model takes both at once, else the image, else the text."""
        takes = self.embedder.modalities
        if "text+image" in takes or image is None:
            return ModelInput(text=text if takes & {"text", "text+image"} else "", image=image)
        return ModelInput(image=image)

    def progress(self, path: Path | None = None) -> Progress:
        """How far it is; `path` is what was read last."""
        files = len(self.documents)
        return Progress("vectors", self.pages_done, self.total, self.files_done, files, path)
