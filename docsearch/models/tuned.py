"""Opens finetuned models: folders of Sentence Transformers with a note that says what they belong to.

Where only the reading of queries was trained, pages keep their vectors: the base embeds them, and its
fingerprint counts. How models are trained is not known here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from docsearch.errors import ModelUnavailable
from docsearch.models.device import AUTO, choose_device
from docsearch.models.protocols import Embedder, ModelInput, Reranker, Vectors
from docsearch.models.registry import ModelRow, Role
from docsearch.models.starter.embedder import StarterEmbedder

NOTE = "docsearch.json"


@dataclass(frozen=True, slots=True)
class TunedNote:
    """What a finetuned model belongs to.

    Attributes:
        role: what it is for.
        base: the name of the row it was made from.
        base_digest: of the base's weights; empty where it does not matter.
        queries_only: whether pages are embedded with the base.
    """

    role: Role
    base: str
    base_digest: str = ""
    queries_only: bool = False

    def write(self, folder: Path) -> None:
        """Leaves the note in the model's folder."""
        (folder / NOTE).write_text(json.dumps(dataclasses.asdict(self)), "utf-8")

    @classmethod
    def read(cls, folder: Path) -> TunedNote:
        """The note of a folder; raises ModelUnavailable when it has none that makes sense."""
        try:
            values = json.loads((folder / NOTE).read_text("utf-8"))
            note = cls(Role(values.pop("role")), **values)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ModelUnavailable(f"there is no finetuned model in {folder}") from error
        if (type(note.base), type(note.base_digest), type(note.queries_only)) != (str, str, bool):
            raise ModelUnavailable(f"there is no finetuned model in {folder}")
        return note


class TunedQueries:
    """An embedder that reads the words of queries with a finetuned model, and is its base in all else.

    Pictures that are searched with were never trained on: they too are the base's.
    """

    def __init__(self, base: Embedder, tuned: Embedder) -> None:
        """Both must have vectors of the same length."""
        self._base = base
        self._tuned = tuned

    @property
    def name(self) -> str:
        """The base's row of models.toml."""
        return self._base.name

    @property
    def fingerprint(self) -> str:
        """The base's: every page has the vector it had."""
        return self._base.fingerprint

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        return self._base.dimensions

    @property
    def modalities(self) -> frozenset[str]:
        """What it can embed."""
        return self._base.modalities

    @property
    def image_pixels(self) -> int:
        """Longest side, in pixels, at which a page should be rendered for it."""
        return self._base.image_pixels

    def embed_queries(self, queries: Sequence[ModelInput]) -> Vectors:
        """Unit vectors of shape (len(queries), dimensions)."""
        vectors = np.zeros((len(queries), self.dimensions), np.float32)
        for embedder, with_picture in ((self._base, True), (self._tuned, False)):
            places = [i for i, query in enumerate(queries) if (query.image is not None) is with_picture]
            if places:
                vectors[places] = embedder.embed_queries([queries[i] for i in places])
        return vectors

    def embed_pages(self, pages: Sequence[ModelInput]) -> Vectors:
        """Unit vectors of shape (len(pages), dimensions), those of the base."""
        return self._base.embed_pages(pages)


def load_tuned_embedder(base: Embedder, folder: Path) -> Embedder:
    """A finetuned embedder over its base, which must be open. The starter's opens without torch.

    Raises ModelUnavailable when there is none in the folder, it does not load, or it was made from other
    weights than the base has.
    """
    note = TunedNote.read(folder)
    if note.role is not Role.EMBEDDER or note.base_digest != weights_of(base):
        raise ModelUnavailable(
            f"the finetuned model in {folder} does not belong to '{base.name}'", hint="train it anew"
        )
    tuned = _open(base, folder)
    return TunedQueries(base, tuned) if note.queries_only else tuned


def load_tuned_reranker(row: ModelRow, folder: Path, device: str = AUTO) -> Reranker:
    """A finetuned reranker in the place of its base's row.

    Raises ModelUnavailable when there is none in the folder, it does not load, or it was made from another.
    """
    note = TunedNote.read(folder)
    if note.role is not Role.RERANKER or note.base != row.name:
        raise ModelUnavailable(
            f"the finetuned model in {folder} does not belong to '{row.name}'", hint="train it anew"
        )
    from docsearch.models.sentence import CrossEncoderReranker

    return CrossEncoderReranker(_row_in(row, folder), choose_device(device, row.dtype))


def weights_of(embedder: Embedder) -> str:
    """Hex digest of an embedder's weights; empty when it has none."""
    if isinstance(embedder, StarterEmbedder):
        return embedder.weights.digest
    return str(getattr(embedder, "digest", ""))


def _open(base: Embedder, folder: Path) -> Embedder:
    if isinstance(base, StarterEmbedder):
        return StarterEmbedder(folder, name=base.name, dimensions=base.dimensions)
    from docsearch.models.sentence import SentenceTransformersEmbedder

    assert isinstance(base, SentenceTransformersEmbedder)
    return SentenceTransformersEmbedder(_row_in(base.row, folder), base.device, base.dimensions)


def _row_in(row: ModelRow, folder: Path) -> ModelRow:
    changed: dict[str, Any] = {"source": str(folder.absolute()), "revision": "", "pooling": ""}
    return dataclasses.replace(row, **changed)
