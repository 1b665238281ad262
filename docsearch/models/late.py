"""Late-interaction models (ColBERT, ColPali, ColQwen …) through Sentence Transformers: a vector a token.

Which tokens count is the model's own affair: it masks padding and what its makers left out. Token pooling
merges the tokens of a page that say nearly the same (Clavié, Chaffin, Adams: Reducing the Footprint of
Multi-Vector Retrieval with Minimal Performance Impact via Token Pooling, 2024).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.models.device import Device
from docsearch.models.local import local_files
from docsearch.models.pretrained import IMAGE, TEXT, architectures, as_unavailable, checked, opening, options
from docsearch.models.protocols import LateInteraction, ModelInput, Vectors
from docsearch.models.registry import ModelRow
from docsearch.models.sentence import Inputs, input_kind
from docsearch.models.versions import model_folder, weights_digest


def fingerprint(row: ModelRow) -> str:
    """Short hex digest of the weights and of everything in the row that shapes a page's token vectors.

    The device and its number format are no part of it: what a GPU made serves a laptop. Loads nothing. Raises
    ModelUnavailable when its files are not here.
    """
    pixels = (row.image_pixels, row.min_pixels, row.max_pixels)
    shape = (row.page_prompt, pixels, row.max_tokens, row.token_pooling, sorted(row.modalities))
    parts = (weights_digest(model_folder(row)), row.dimensions, *shape)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class LateModel:
    """A late-interaction model that is loaded only when there is something for it to do.

    Attributes:
        name: the row of models.toml it comes from.
        fingerprint: of its token vectors.
        dimensions: length of every token's vector.
        modalities: what a page may be given as.
        load: gives the model, loaded now or before; may raise ModelUnavailable.
    """

    name: str
    fingerprint: str
    dimensions: int
    modalities: frozenset[str]
    load: Callable[[], LateInteraction]

    @classmethod
    def of(cls, row: ModelRow, load: Callable[[], LateInteraction]) -> LateModel:
        """The model of a row; raises ModelUnavailable when its files are not here, or not all of them."""
        folder = model_folder(row)
        if not local_files(row).whole:
            raise ModelUnavailable(f"model '{row.name}' is not whole: files are missing in {folder}")
        return cls(row.name, fingerprint(row), row.dimensions, frozenset(row.modalities), load)


class LateInteractionEncoder:
    """A late-interaction model from a folder or the local hub cache."""

    def __init__(self, row: ModelRow, device: Device) -> None:
        """Loads the model; raises ModelUnavailable when its files are not here or do not load."""
        self.row = row
        self.device = device
        self.fingerprint = fingerprint(row)
        self._model = _open(row, model_folder(row), device)
        self._check_dimensions()
        self._inputs = Inputs(self._model, row, device)
        self._shrunk: dict[int, tuple[int, int]] = {}

    @property
    def name(self) -> str:
        """The row of models.toml this model comes from."""
        return self.row.name

    @property
    def dimensions(self) -> int:
        """Length of every token's vector."""
        return self.row.dimensions

    @property
    def modalities(self) -> frozenset[str]:
        """What a page may be given as; queries are text."""
        return frozenset(self.row.modalities)

    @property
    def image_pixels(self) -> int:
        """Longest side, in pixels, at which a page should be rendered for this model."""
        return self.row.image_pixels

    def encode_queries(self, queries: Sequence[ModelInput]) -> list[Vectors]:
        """Unit vectors of each query's tokens, shape (tokens, dimensions); none for an empty query."""
        encode = partial(self._model.encode_query, prompt=self.row.query_prompt or None)
        tokens, _ = self._encode(queries, frozenset({TEXT}), encode)
        return tokens

    def encode_pages(self, pages: Sequence[ModelInput]) -> list[Vectors]:
        """Unit vectors of each page's tokens, pooled as the row says, shape (tokens, dimensions).

        A model that takes text or a picture, but not both at once, is shown the picture. A page it has no
        input for has no tokens.
        """
        encode = partial(
            self._model.encode_document,
            prompt=self.row.page_prompt or None,
            token_pooling=_pooling(self.row.token_pooling),
        )
        tokens, self._shrunk = self._encode(pages, self.modalities, encode)
        return tokens

    def shrunk(self) -> dict[int, tuple[int, int]]:
        """See `Shrinking`; of the pages that were encoded last."""
        return self._shrunk

    def _encode(
        self, inputs: Sequence[ModelInput], takes: frozenset[str], encode: Callable[..., Any]
    ) -> tuple[list[Vectors], dict[int, tuple[int, int]]]:
        """The tokens of each input, and the sizes of pictures that had to be made smaller."""

        def run(values: list[Any]) -> Any:
            return encode(values, batch_size=len(values), convert_to_numpy=True, show_progress_bar=False)

        found: list[Vectors] = [np.zeros((0, self.dimensions), np.float32) for _ in inputs]
        shrunk: dict[int, tuple[int, int]] = {}
        kinds = [input_kind(given, takes, prefer=IMAGE) for given in inputs]
        for kind in sorted({k for k in kinds if k}):  # some models refuse a batch of mixed kinds
            places = [i for i, k in enumerate(kinds) if k == kind]
            with as_unavailable(self.row):
                ran = self._inputs.run([inputs[i] for i in places], kind, run)
            for place, tokens in zip(places, ran.rows, strict=True):
                found[place] = np.asarray(tokens, np.float32)
            shrunk |= {places[i]: made.image.size for i, made in ran.smaller.items() if made.image}
        return found, shrunk

    def _check_dimensions(self) -> None:
        real = self._model.get_embedding_dimension()
        if real is not None and real != self.row.dimensions:
            raise SettingsError(
                f"model '{self.name}': key 'dimensions' says {self.row.dimensions}, its tokens have {real}"
            )


def _open(row: ModelRow, folder: Path, device: Device) -> Any:
    _check_trained(row, folder)
    with opening(row):
        from sentence_transformers import MultiVectorEncoder

        model = MultiVectorEncoder(str(folder), **options(row, device))
        for part in model:
            _mend_processor(part)
        return checked(model, row)


def _pooling(factor: int) -> Any:
    from sentence_transformers.multi_vector_encoder.modules import HierarchicalTokenPooling

    return HierarchicalTokenPooling(float(factor)) if factor > 1 else None


def _check_trained(row: ModelRow, folder: Path) -> None:
    """Refuses a bare transformer: the library would give it a projection of random numbers."""
    if (folder / "modules.json").is_file():
        return
    made_for = architectures(folder)
    if not any(name.endswith("ForRetrieval") or name == "HF_ColBERT" for name in made_for):
        raise ModelUnavailable(
            f"model '{row.name}' is no late-interaction model: {', '.join(made_for) or 'no config.json'}",
            hint="it must be saved by Sentence Transformers, a ColBERT, or a …ForRetrieval of transformers",
        )


def _mend_processor(part: Any) -> None:
    """Has a ColModernVBERT processor do what it is called for.

    Sentence Transformers calls the processor itself. Those of ColPali and ColQwen2 then put the words around
    a picture and the tokens after a query; this one only does in `process_images` and `process_queries`
    (transformers 5.23), so that pictures fail and queries are read without their tokens.
    """
    processor = getattr(part, "processor", None)
    made = type(processor)
    if made.__name__ != "ColModernVBertProcessor":
        return

    class Mended(made):  # type: ignore[misc, valid-type]
        def __call__(self, images: Any = None, text: Any = None, **kwargs: Any) -> Any:
            if images is None:
                ending = self.query_augmentation_token * 10
                text = [f"{self.query_prefix}{query}{ending}" for query in text]
            elif text is None:
                text = [self.visual_prompt_prefix] * len(images)
                images = [[image.convert("RGB")] for image in images]
            return super().__call__(images=images, text=text, **kwargs)

    Mended.__name__ = made.__name__  # it is saved by its name
    processor.__class__ = Mended
