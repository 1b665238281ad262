"""The models that the settings name, loaded when they are first needed, and what they look at."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from docsearch.config import Folders, Settings
from docsearch.errors import ModelUnavailable, SettingsError, UnreadableDocument
from docsearch.models.device import gpu_is_here, runs_in_half
from docsearch.models.distilled import DistilledQueries, read_note, read_student, student_file
from docsearch.models.late import LateModel
from docsearch.models.lazy import LazyReranker
from docsearch.models.load import device_for, load_embedder, load_late, load_reranker
from docsearch.models.loaded import LoadedModels
from docsearch.models.local import local_files
from docsearch.models.memory import torch_bytes
from docsearch.models.pretrained import warnings
from docsearch.models.protocols import Embedder, Reranker
from docsearch.models.registry import ModelRow, Registry, Role, Runtime
from docsearch.records import DistilledModel, PageId
from docsearch.search.late import LateReranker
from docsearch.search.picture import Picture
from docsearch.search.rerank import HeadReranker, ModelReranker, PassageReranker
from docsearch.store.index import Index
from docsearch.store.vector_models import VectorModel, stand_in

if TYPE_CHECKING:
    from PIL.Image import Image

    from docsearch.ingest.document import Document
    from docsearch.ingest.glance import Glance

Model = TypeVar("Model")

BUILT_IN_RERANKER = "passages"
OFF = "off"


class ChosenModels:
    """Opens what the settings name. What the user adds to models.toml lies beside the settings.

    Args:
        settings: name the models.
        folders: where models.toml and distilled encoders lie.
        loaded: holds on to models; several libraries of a process may share it.
    """

    def __init__(self, settings: Settings, folders: Folders, loaded: LoadedModels) -> None:
        self.settings = settings
        self.folders = folders
        self.loaded = loaded
        self._note: tuple[Path, int, DistilledModel | None] | None = None

    @property
    def embedder(self) -> Callable[[], Embedder] | None:
        """Loads the embedder when it is called; None when there is to be none."""
        return (lambda: self.embedder_now) if self.settings.models.embedder != OFF else None

    @property
    def embedder_now(self) -> Embedder:
        """The embedder; raises ModelUnavailable when it cannot be loaded."""
        return self._load(self.settings.models.embedder, self.settings.models.dimensions)

    def serving(self, index: Index) -> Embedder:
        """The embedder by whose vectors to search now.

        After a switch that is the one before, as long as its vectors cover more pages than those of the
        new one, which is not loaded until then. Where there is no GPU, an encoder that was distilled for
        these vectors reads the queries. Raises ModelUnavailable when it cannot be loaded.
        """
        distilled = self.reads_queries(index)
        if distilled is not None:
            return self._distilled_queries(distilled)
        return self._load_stand_in(self._stand_in(index)) or self.embedder_now

    def reads_queries(self, index: Index) -> DistilledModel | None:
        """The distilled encoder that reads queries here and now; None when the embedder does, or none."""
        if self.settings.models.embedder == OFF:
            return None
        made = self._stand_in(index) or self._made(index)
        if made is None or self._gpu_is_here:
            return None
        note = self._note_in(student_file(self.folders.distilled, made.fingerprint))
        return note if note is not None and note.in_use and self._has_row(note.model) else None

    def _note_in(self, file: Path) -> DistilledModel | None:
        """What a file says of its encoder; read again only when another one was written."""
        try:
            written = file.stat().st_mtime_ns
        except OSError:
            return None
        if self._note is None or self._note[:2] != (file, written):
            self._note = (file, written, read_note(file))
        return self._note[2]

    @cached_property
    def _gpu_is_here(self) -> bool:
        return gpu_is_here(self.settings.models.device)

    def _has_row(self, name: str) -> bool:
        return name in {row.name for row in self.registry.of(Role.EMBEDDER)}

    def _distilled_queries(self, note: DistilledModel) -> Embedder:
        """Reads queries with the distilled encoder; for pictures the large model is loaded."""
        row = self.registry.row(note.model)
        whole = note.dimensions == row.dimensions
        file = student_file(self.folders.distilled, note.fingerprint)

        def open_student() -> DistilledQueries:
            teacher = partial(self._load, note.model, 0 if whole else note.dimensions)
            return DistilledQueries(read_student(file), note, row, teacher)

        return self.loaded.get(("distilled", note), open_student)

    @property
    def slow_to_load(self) -> bool:
        """Whether the embedder of the settings is one that takes seconds to load."""
        return self.registry.row(self.settings.models.embedder).runtime is not Runtime.STARTER

    def pages_with_vectors(self, index: Index) -> int:
        """How many pages have vectors of the embedder of the settings, as far as that was noted."""
        made = self._made(index)
        return made.pages if made else 0

    def _made(self, index: Index) -> VectorModel | None:
        """The vectors of the embedder of the settings that cover most pages."""
        wanted = (self.settings.models.embedder, self._dimensions)
        made = (made for made in index.vector_models.all() if (made.model, made.dimensions) == wanted)
        return max(made, key=lambda model: model.pages, default=None)

    @property
    def _dimensions(self) -> int:
        """Length of the vectors of the embedder of the settings."""
        models = self.settings.models
        return models.dimensions or self.registry.row(models.embedder).dimensions

    def _stand_in(self, index: Index) -> VectorModel | None:
        return stand_in(index.vector_models.all(), self.settings.models.embedder, self._dimensions)

    def _load_stand_in(self, made: VectorModel | None) -> Embedder | None:
        """The model of vectors that were made before; None when it is gone or not what it was."""
        if made is None:
            return None
        with suppress(ModelUnavailable, SettingsError):
            whole = self.registry.row(made.model).dimensions
            embedder = self._load(made.model, made.dimensions if made.dimensions != whole else 0)
            return embedder if embedder.fingerprint == made.fingerprint else None
        return None

    def named(self, name: str) -> Embedder:
        """An embedder of models.toml; the one of the settings with vectors as long as they say."""
        models = self.settings.models
        return self._load(name, models.dimensions if name == models.embedder else 0)

    def _load(self, name: str, dimensions: int) -> Embedder:
        device, registry = self.settings.models.device, self.registry
        return self._held(
            registry.row(name), lambda: load_embedder(name, registry, device, dimensions), dimensions
        )

    def _held(self, row: ModelRow, load: Callable[[], Model], dimensions: int = 0) -> Model:
        """A model, loaded now or before; large ones make room for it where both do not fit."""
        device = self.settings.models.device
        half = self._gpu_is_here or runs_in_half(device)
        size = 0 if row.runtime is Runtime.STARTER else torch_bytes(row, half=half) or 1
        return self.loaded.get((row, device, dimensions), load, size)

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
        late = self.late()
        if late is not None:
            return LateReranker(index, late, PassageReranker(index))
        row = self.registry.row(models.reranker)
        load = partial(load_reranker, models.reranker, self.registry, models.device)
        model = in_use(LazyReranker(row, lambda: self._held(row, load)), row)
        return ModelReranker(index, model, partial(self.page_image, index), row.image_pixels)

    def late(self) -> LateModel | None:
        """The late-interaction model that is named as the reranker, not loaded; None when it is another one.

        Raises ModelUnavailable when its files are not here.
        """
        row = self.row(self.settings.models.reranker)
        if row is None or row.role is not Role.LATE_INTERACTION:
            return None
        load = partial(load_late, row.name, self.registry, self.settings.models.device)
        return LateModel.of(row, lambda: self._held(row, load))

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
        """Where the embedder runs, in which number format, and what is to be known of it there, in words."""
        models = self.settings.models
        if models.embedder == OFF:
            return "cpu"
        row = self.registry.row(models.embedder)
        device = device_for(row, models.device)
        on_gpu = device.name.startswith("cuda")
        told = (f"{row.name} {it}" for it in warnings(row, local_files(row).folder, gpu=on_gpu))
        return "; ".join([device.describe(), *told])

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
