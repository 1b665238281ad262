"""The tier for late interaction: pages through the model into files of token vectors, a few pages a file.

The dearest tier, seconds a page where there is no GPU. It comes last, keeps what is done when it is stopped,
and searches do without what is not made yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from PIL import Image

from docsearch.ingest.readers import Readers
from docsearch.ingest.scan import current_paths
from docsearch.ingest.workers import Done, Event, Failed, PageFailed, PageRendered, RenderJob
from docsearch.models.late import LateModel
from docsearch.models.protocols import LateInteraction, ModelInput, Shrinking, Vectors
from docsearch.records import Failure, PageId, Progress
from docsearch.store.index import Index
from docsearch.store.token_vectors import Span, pages_waiting

TIER = "tokens"


def make_token_vectors(index: Index, readers: Readers, late: LateModel) -> Iterator[Progress | Failure]:
    """Makes the token vectors of all pages that have none of this model. May be closed at any time."""
    tier = TokenVectorTier(index, late)
    if tier.spans:
        tier.vectors.begin(late.name)
        yield tier.progress()
        yield from tier.work(readers)
    if tier.files_done == len(tier.spans):
        index.token_vectors.supersede(late.fingerprint, late.name)


class TokenVectorTier:
    """Collects the pages that share a file, shows them to the model, and writes the file."""

    def __init__(self, index: Index, late: LateModel) -> None:
        self.index = index
        self.late = late
        self.vectors = index.token_vectors.of(late.fingerprint, late.dimensions)
        self.reads_text = "text+image" in late.modalities or "image" not in late.modalities
        self.waiting = index.documents.waiting_for_ocr()
        documents = index.documents.get(index.documents.live()).values()
        missing = list(self.vectors.missing(documents, self.waiting if self.reads_text else None))
        self.paths = current_paths(index, {span.document.id for span in missing})
        self.spans = [span for span in missing if span.document.id in self.paths]
        self.total = sum(len(span.pages) for span in self.spans)
        self.pages_done = self.files_done = 0
        self._shown: dict[Span, dict[int, Image.Image | None]] = {}

    @cached_property
    def model(self) -> LateInteraction:
        """The model, loaded now."""
        return self.late.load()

    def work(self, readers: Readers) -> Iterator[Progress | Failure]:
        """Makes what is missing."""
        if self.late.modalities <= {"text"}:
            yield from self.without_pictures()
            return
        for event in readers.picture_pool().run(self.jobs(readers.passwords)):
            yield from self.take(event)

    def jobs(self, passwords: tuple[str, ...]) -> Iterator[RenderJob]:
        """One job for the pages of a file: small enough that few pictures wait for others."""
        for span in self.spans:
            path = self.paths[span.document.id]
            yield RenderJob(path, tuple(span.pages), self.model.image_pixels, passwords, key=span)

    def take(self, event: Event) -> Iterator[Progress | Failure]:
        """Handles one event of a worker. A page that cannot be rendered is shown by its text, if at all."""
        span: Span = event.job.key
        match event:
            case PageRendered():
                self._shown.setdefault(span, {})[event.page] = Image.fromarray(event.image)
            case PageFailed(failure=failure) if failure.page:
                self._shown.setdefault(span, {})[failure.page] = None
            case Failed():
                self._shown.pop(span, None)
                yield event.failure
            case Done():
                yield from self._make(span, self._shown.pop(span, {}))

    def without_pictures(self) -> Iterator[Progress | Failure]:
        """Shows the model texts alone."""
        for span in self.spans:
            yield from self._make(span, {})

    def progress(self, path: Path | None = None) -> Progress:
        """How far it is, files being those of token vectors; `path` is the document that was read last."""
        return Progress(TIER, self.pages_done, self.total, self.files_done, len(self.spans), path)

    def _make(self, span: Span, images: Mapping[int, Image.Image | None]) -> Iterator[Progress | Failure]:
        """Writes a file; tells which pages had to be made smaller to fit into memory."""
        waited, path = pages_waiting(span, self.waiting), self.paths[span.document.id]
        self.vectors.write(span, self._encoded(span, images), waited)
        shrunk = self.model.shrunk() if isinstance(self.model, Shrinking) else {}
        for place, size in shrunk.items():
            note = Failure.scaled_down(path, span.pages[place], size)
            self.index.files.put_failure(note)
            yield note
        self.pages_done += len(span.pages)
        self.files_done += 1
        yield self.progress(path)

    def _encoded(self, span: Span, images: Mapping[int, Image.Image | None]) -> list[Vectors]:
        pages = [PageId(span.document.id, page) for page in span.pages]
        texts = self.index.pages.texts(pages) if self.reads_text else {}
        return self.model.encode_pages(
            [ModelInput(texts.get(page, ("",))[0], images.get(page.page)) for page in pages]
        )
