"""Embedders and rerankers that Sentence Transformers runs, from files on this machine only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docsearch.errors import SettingsError
from docsearch.models.device import Device
from docsearch.models.inputs import Inputs, Shown, finite, library_value
from docsearch.models.pretrained import open_embedder, open_reranker
from docsearch.models.protocols import IMAGE, TEXT, ModelInput, Vectors
from docsearch.models.registry import ModelRow
from docsearch.models.versions import fingerprint_of, model_folder, weights_digest


class SentenceTransformersEmbedder:
    """An embedder that Sentence Transformers can load from a folder or the local hub cache."""

    def __init__(self, row: ModelRow, device: Device, dimensions: int = 0) -> None:
        """Loads the model; raises ModelUnavailable when its files are not here or do not load."""
        self.row = row
        self.device = device
        self.dimensions = dimensions or row.dimensions
        folder = model_folder(row)
        self.digest = weights_digest(folder)
        self._model = open_embedder(row, folder, device)
        self._check_dimensions()
        self._inputs = Inputs(self._model, row, device)
        self._shrunk: dict[int, tuple[int, int]] = {}

    @property
    def name(self) -> str:
        """The row of models.toml this model comes from."""
        return self.row.name

    @property
    def model(self) -> Any:
        """The library's own model, for whoever trains it."""
        return self._model

    @property
    def modalities(self) -> frozenset[str]:
        """What it can embed."""
        return frozenset(self.row.modalities)

    @property
    def image_pixels(self) -> int:
        """Longest side, in pixels, at which a page should be rendered for this model."""
        return self.row.image_pixels

    @property
    def fingerprint(self) -> str:
        """Short hex digest of the weights and of everything in the row that shapes a vector.

        That of a query is among them: what is learned from queries belongs to a fingerprint too.
        """
        row = self.row
        return fingerprint_of(row, self.digest, self.dimensions, row.pooling, row.query_prompt, row.dtype)

    def embed_queries(self, queries: Sequence[ModelInput]) -> Vectors:
        """Unit vectors, shape (len(queries), dimensions); zeros for a query it has no input for."""
        shown = self._show(queries, self._model.encode_query, self.row.query_prompt)
        return self._vectors(shown, len(queries))

    def embed_pages(self, pages: Sequence[ModelInput]) -> Vectors:
        """Unit vectors, shape (len(pages), dimensions); zeros for a page it has no input for.

        A model that takes text or a picture, but not both at once, is shown the picture: its
        vectors of texts and of pictures do not compare well with each other.
        """
        shown = self._show(pages, self._model.encode_document, self.row.page_prompt)
        self._shrunk = shown.shrunk
        return self._vectors(shown, len(pages))

    def visual_tokens(self, page: ModelInput) -> int:
        """About how many tokens the model makes of the page's picture; 0 for one without."""
        return self._inputs.tokens(page, IMAGE) if page.image is not None else 0

    def shrunk(self) -> dict[int, tuple[int, int]]:
        """Places in the last call of `embed_pages`, and the sizes at which their pictures fitted."""
        return self._shrunk

    def _show(self, inputs: Sequence[ModelInput], encode: Callable[..., Any], prompt: str) -> Shown:
        work = partial(self._encode, encode=encode, prompt=prompt)
        return self._inputs.show(inputs, self.modalities, work, prefer=IMAGE)

    def _vectors(self, shown: Shown, number: int) -> Vectors:
        vectors = np.zeros((number, self.dimensions), np.float32)
        for place, vector in shown.rows.items():
            vectors[place] = vector
        return vectors

    def _encode(self, values: list[Any], encode: Callable[..., Any], prompt: str) -> Vectors:
        encoded = encode(
            values,
            prompt=prompt or None,
            batch_size=len(values),
            truncate_dim=self.dimensions,
            normalize_embeddings=True,
            convert_to_tensor=True,
            show_progress_bar=False,
        )
        full: Vectors = finite(encoded.float().cpu().numpy(), self.row, self.device)
        unit: Vectors = full / np.maximum(np.linalg.norm(full, axis=1, keepdims=True), 1e-12)
        return unit

    def _check_dimensions(self) -> None:
        real = self._model.get_embedding_dimension()
        if real is not None and real != self.row.dimensions:
            raise SettingsError(
                f"model '{self.name}': key 'dimensions' says {self.row.dimensions}, the model has {real}"
            )


class CrossEncoderReranker:
    """A reranker that Sentence Transformers can load from a folder or the local hub cache."""

    def __init__(self, row: ModelRow, device: Device) -> None:
        """Loads the model; raises ModelUnavailable when its files are not here or do not load."""
        self._row = row
        self._device = device
        folder = model_folder(row)
        self._model = open_reranker(row, folder, device)
        self._inputs = Inputs(self._model, row, device)

    @property
    def name(self) -> str:
        """The row of models.toml this model comes from."""
        return self._row.name

    @property
    def model(self) -> Any:
        """The library's own model, for whoever trains it."""
        return self._model

    @property
    def modalities(self) -> frozenset[str]:
        """What a page may be given as."""
        return frozenset(self._row.modalities)

    def visual_tokens(self, page: ModelInput) -> int:
        """About how many tokens the model makes of the page's picture; 0 for one without."""
        return self._inputs.tokens(page, IMAGE) if page.image is not None else 0

    def score(self, query: ModelInput, pages: Sequence[ModelInput]) -> NDArray[np.float32]:
        """One score a page, shape (len(pages),), higher is more relevant.

        A page is read as text and picture where the model takes both, else as text where it has
        text, else as a picture. One it can read in no way gets the lowest score of the others.
        """
        asked = query.kind(self.modalities, prefer=TEXT)
        scores = np.zeros(len(pages), np.float32)
        if not asked:
            return scores
        work = partial(self._predict, library_value(query, asked, self._row, self._model))
        beside = self._inputs.tokens(query, asked)
        rows = self._inputs.show(pages, self.modalities, work, prefer=TEXT, beside=beside).rows
        if rows:
            scores[:] = min(rows.values())
            scores[list(rows)] = list(rows.values())
        return scores

    def _predict(self, query: Any, pages: list[Any]) -> NDArray[np.float32]:
        from torch.nn import Identity

        scores = self._model.predict(
            [(query, page) for page in pages],
            activation_fn=Identity(),  # a sigmoid would make equals of all good pages
            prompt=self._row.query_prompt or None,
            batch_size=len(pages),
            show_progress_bar=False,
            convert_to_tensor=True,
        )
        found = finite(scores.float().cpu().numpy(), self._row, self._device)
        return found.reshape(len(pages), -1)[:, -1]
