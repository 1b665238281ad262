"""Late-interaction models (ColBERT, ColPali, ColQwen …) through Sentence Transformers: a vector a token.

Which tokens count is the model's own affair: it masks padding and what its makers left out. Token pooling
merges the tokens of a page that say nearly the same (Clavié, Chaffin, Adams: Reducing the Footprint of
Multi-Vector Retrieval with Minimal Performance Impact via Token Pooling, 2024).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.models.device import Device
from docsearch.models.inputs import Inputs, Shown
from docsearch.models.local import local_files
from docsearch.models.pretrained import architectures, checked, opening, options
from docsearch.models.protocols import IMAGE, TEXT, LateInteraction, ModelInput, Vectors
from docsearch.models.registry import ModelRow
from docsearch.models.versions import fingerprint_of, model_folder, weights_digest


def fingerprint(row: ModelRow) -> str:
    """Of a page's token vectors, see `fingerprint_of`. Loads nothing.

    Raises ModelUnavailable when its files are not here.
    """
    digest = weights_digest(model_folder(row))
    return fingerprint_of(row, digest, row.dimensions, row.token_pooling)


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
        return self._tokens(self._show(queries, frozenset({TEXT}), encode), len(queries))

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
        shown = self._show(pages, self.modalities, encode)
        self._shrunk = shown.shrunk
        return self._tokens(shown, len(pages))

    def shrunk(self) -> dict[int, tuple[int, int]]:
        """See `Shrinking`; of the pages that were encoded last."""
        return self._shrunk

    def _show(self, inputs: Sequence[ModelInput], takes: frozenset[str], encode: Callable[..., Any]) -> Shown:
        def run(values: list[Any]) -> Any:
            return encode(values, batch_size=len(values), convert_to_numpy=True, show_progress_bar=False)

        return self._inputs.show(inputs, takes, run, prefer=IMAGE)

    def _tokens(self, shown: Shown, number: int) -> list[Vectors]:
        none = np.zeros((0, self.dimensions), np.float32)
        return [np.asarray(shown.rows.get(place, none), np.float32) for place in range(number)]

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
