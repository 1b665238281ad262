"""The models that the settings name, loaded when they are first needed, and what they look at."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from docsearch.config import Folders, Settings
from docsearch.errors import ModelUnavailable, SettingsError, UnreadableDocument
from docsearch.models.load import device_for, load_embedder, load_reranker
from docsearch.models.protocols import Embedder, Reranker
from docsearch.models.registry import ModelRow, Registry, Runtime
from docsearch.records import PageId
from docsearch.search.picture import Picture
from docsearch.search.rerank import HeadReranker, ModelReranker, PassageReranker
from docsearch.store.index import Index
from docsearch.store.vector_models import VectorModel, stand_in

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
        self._loaded_stand_in: tuple[str, Embedder | None] | None = None

    @property
    def embedder(self) -> Callable[[], Embedder] | None:
        """Loads the embedder when it is called; None when there is to be none."""
        return (lambda: self.embedder_now) if self.settings.models.embedder != OFF else None

    @cached_property
    def embedder_now(self) -> Embedder:
        """The embedder; raises ModelUnavailable when it cannot be loaded."""
        return self._load(self.settings.models.embedder, self.settings.models.dimensions)

    def serving(self, index: Index) -> Embedder:
        """The embedder by whose vectors to search now.

        After a switch that is the one before, as long as its vectors cover more pages than those of the
        new one, which is not loaded until then. Raises ModelUnavailable when it cannot be loaded.
        """
        other = self._stand_in(index)
        if other is None:
            self._loaded_stand_in = None
            return self.embedder_now
        if self._loaded_stand_in is None or self._loaded_stand_in[0] != other.fingerprint:
            self._loaded_stand_in = (other.fingerprint, self._load_stand_in(other))
        return self._loaded_stand_in[1] or self.embedder_now

    @property
    def slow_to_load(self) -> bool:
        """Whether the embedder of the settings is one that takes seconds to load."""
        return self.registry.row(self.settings.models.embedder).runtime is not Runtime.STARTER

    def pages_with_vectors(self, index: Index) -> int:
        """How many pages have vectors of the embedder of the settings, as far as that was noted."""
        wanted = (self.settings.models.embedder, self._dimensions)
        made = (made for made in index.vector_models.all() if (made.model, made.dimensions) == wanted)
        return max((model.pages for model in made), default=0)

    @property
    def _dimensions(self) -> int:
        """Length of the vectors of the embedder of the settings."""
        models = self.settings.models
        return models.dimensions or self.registry.row(models.embedder).dimensions

    def _stand_in(self, index: Index) -> VectorModel | None:
        return stand_in(index.vector_models.all(), self.settings.models.embedder, self._dimensions)

    def _load_stand_in(self, made: VectorModel) -> Embedder | None:
        """The model of vectors that were made before; None when it is gone or not what it was."""
        with suppress(ModelUnavailable, SettingsError):
            whole = self.registry.row(made.model).dimensions
            embedder = self._load(made.model, made.dimensions if made.dimensions != whole else 0)
            return embedder if embedder.fingerprint == made.fingerprint else None
        return None

    def _load(self, name: str, dimensions: int) -> Embedder:
        return load_embedder(name, self.registry, self.settings.models.device, dimensions)

    def reranker(
        self, index: Index, in_use: Callable[[Reranker, ModelRow], Reranker] = lambda model, _: model
    ) -> HeadReranker | None:
        """The reranker for pages of this index; None when there is to be none.

        `in_use` gives what stands in for a model, such as one that was finetuned.
        """
        models = self.settings.models
        if models.reranker == OFF:
            return None
        if models.reranker == BUILT_IN_RERANKER:
            return PassageReranker(index)
        row = self.registry.row(models.reranker)
        model = in_use(load_reranker(models.reranker, self.registry, models.device), row)
        return ModelReranker(index, model, partial(self.page_image, index), row.image_pixels)

    def row(self, name: str) -> ModelRow | None:
        """The row of a model; None for what is built in or off."""
        return None if name in (OFF, BUILT_IN_RERANKER) else self.registry.row(name)

    def picture(self, index: Index, path: Path) -> Picture:
        """A picture to search with, and what stands in it; of a document, its first page.

        Raises:
            UnreadableDocument: the file is gone or cannot be read.
        """
        with self._open(path) as document:
            image = _rendered(document, 1, self.serving(index).image_pixels)
            return Picture(image, self._glance.read(document))

    def device(self) -> str:
        """Where the embedder runs, in words."""
        models = self.settings.models
        if models.embedder == OFF:
            return "cpu"
        return device_for(self.registry.row(models.embedder), models.device).describe()

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
    def registry(self) -> Registry:
        """The rows of models.toml, the shipped and the user's."""
        return Registry.read(self.folders.settings.with_name("models.toml"))


def _rendered(document: Document, page: int, pixels: int) -> Image:
    from PIL import Image

    return Image.fromarray(document.render(page, pixels))
