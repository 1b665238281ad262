"""The models that the settings name, loaded when they are first needed, and what they look at."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from docsearch.config import Folders, Settings
from docsearch.errors import UnreadableDocument
from docsearch.models.load import device_for, load_embedder, load_reranker
from docsearch.models.protocols import Embedder
from docsearch.models.registry import Registry
from docsearch.records import PageId
from docsearch.search.picture import Picture
from docsearch.search.rerank import HeadReranker, ModelReranker, PassageReranker
from docsearch.store.index import Index

if TYPE_CHECKING:
    from PIL.Image import Image

    from docsearch.ingest.document import Document
    from docsearch.ingest.glance import Glance

BUILT_IN_RERANKER = "passages"
OFF = "off"


class ChosenModels:
    """Loads each model once. What the user adds to models.toml lies beside the settings."""

    def __init__(self, settings: Settings, folders: Folders) -> None:
        self.settings = settings
        self.folders = folders

    @property
    def embedder(self) -> Callable[[], Embedder] | None:
        """Loads the embedder when it is called; None when there is to be none."""
        return (lambda: self.embedder_now) if self.settings.models.embedder != OFF else None

    @cached_property
    def embedder_now(self) -> Embedder:
        """The embedder; raises ModelUnavailable when it cannot be loaded."""
        models = self.settings.models
        return load_embedder(models.embedder, self._registry, models.device, models.dimensions)

    def reranker(self, index: Index) -> HeadReranker | None:
        """The reranker for pages of this index; None when there is to be none."""
        models = self.settings.models
        if models.reranker == OFF:
            return None
        if models.reranker == BUILT_IN_RERANKER:
            return PassageReranker(index)
        model = load_reranker(models.reranker, self._registry, models.device)
        pixels = self._registry.row(models.reranker).image_pixels
        return ModelReranker(index, model, partial(self.page_image, index), pixels)

    def picture(self, path: Path) -> Picture:
        """A picture to search with, and what stands in it; of a document, its first page.

        Raises:
            UnreadableDocument: the file is gone or cannot be read.
        """
        with self._open(path) as document:
            image = _rendered(document, 1, self.embedder_now.image_pixels)
            return Picture(image, self._glance.read(document))

    def device(self) -> str:
        """Where the embedder runs, in words."""
        models = self.settings.models
        if models.embedder == OFF:
            return "cpu"
        return device_for(self._registry.row(models.embedder), models.device).describe()

    def page_image(self, index: Index, page: PageId, pixels: int) -> Image | None:
        """A page for a model to look at; None when its file cannot be read now."""
        for file in index.files.of_documents([page.doc]).get(page.doc, []):
            try:
                with self._open(file.path) as document:
                    return _rendered(document, page.page, pixels)
            except UnreadableDocument:
                continue
        return None

    def _open(self, path: Path) -> Document:
        from docsearch.ingest.document import open_document

        return open_document(path, self.settings.index.passwords)

    @cached_property
    def _glance(self) -> Glance:
        """Reads pictures to search with."""
        from docsearch.ingest.glance import Glance

        return Glance(self.settings.ocr)

    @cached_property
    def _registry(self) -> Registry:
        return Registry.read(self.folders.settings.with_name("models.toml"))


def _rendered(document: Document, page: int, pixels: int) -> Image:
    from PIL import Image

    return Image.fromarray(document.render(page, pixels))
