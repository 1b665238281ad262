"""The models that the settings name, loaded when they are first needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from docsearch.config import Folders, Settings
from docsearch.models.load import device_for, load_embedder, load_reranker
from docsearch.models.protocols import Embedder
from docsearch.models.registry import Registry
from docsearch.search.rerank import HeadReranker, ModelReranker, PassageReranker, RenderPage
from docsearch.store.index import Index

if TYPE_CHECKING:
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

    def reranker(self, index: Index, render: RenderPage) -> HeadReranker | None:
        """The reranker; None when there is to be none."""
        models = self.settings.models
        if models.reranker == OFF:
            return None
        if models.reranker == BUILT_IN_RERANKER:
            return PassageReranker(index)
        model = load_reranker(models.reranker, self._registry, models.device)
        return ModelReranker(index, model, render, self._registry.row(models.reranker).image_pixels)

    @cached_property
    def glance(self) -> Glance:
        """Reads pictures to search with."""
        from docsearch.ingest.glance import Glance

        return Glance(self.settings.ocr)

    def device(self) -> str:
        """Where the embedder runs, in words."""
        models = self.settings.models
        if models.embedder == OFF:
            return "cpu"
        return device_for(self._registry.row(models.embedder), models.device).describe()

    @cached_property
    def _registry(self) -> Registry:
        return Registry.read(self.folders.settings.with_name("models.toml"))
