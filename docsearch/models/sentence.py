"""Embedders and rerankers that Sentence Transformers runs, from files on this machine only.

Inputs go to the library as pictures in memory or as text that is marked as text: given a bare
string that names an image file or address, it would open the file or fetch the address.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.models import device as devices
from docsearch.models.batches import Batches, Eye, Ran, eye_of, smaller_input, text_tokens, tokens_that_fit
from docsearch.models.device import Device
from docsearch.models.pretrained import BOTH, IMAGE, TEXT, as_unavailable, open_embedder, open_reranker
from docsearch.models.protocols import ModelInput, Vectors
from docsearch.models.registry import ModelRow
from docsearch.models.versions import model_folder, weights_digest

MOST_RATIO = 100
"""Sides of a picture that differ by more than this are made to: Qwen's processors refuse 200."""


TEMPLATE_TOKENS = 64
"""Left free for what a model's chat template puts around an input."""
MOST_TOKENS = 1 << 20
"""Larger limits mean that a model has none."""


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
        """Short hex digest of the weights and of everything in the row that shapes a page vector.

        The device and its number format are no part of it: what a GPU made serves a machine without one.
        """
        row = self.row
        parts = (self.digest, row.page_prompt, row.query_prompt, row.pooling, row.image_pixels)
        limits = (row.min_pixels, row.max_pixels, row.max_tokens)
        shape = (*limits, self.dimensions, row.dtype, sorted(row.modalities))
        return hashlib.sha256(repr((*parts, *shape)).encode()).hexdigest()[:16]

    def embed_queries(self, queries: Sequence[ModelInput]) -> Vectors:
        """Unit vectors, shape (len(queries), dimensions); zeros for a query it has no input for."""
        return self._embed(queries, self._model.encode_query, self.row.query_prompt)[0]

    def embed_pages(self, pages: Sequence[ModelInput]) -> Vectors:
        """Unit vectors, shape (len(pages), dimensions); zeros for a page it has no input for.

        A model that takes text or a picture, but not both at once, is shown the picture: its
        vectors of texts and of pictures do not compare well with each other.
        """
        vectors, self._shrunk = self._embed(pages, self._model.encode_document, self.row.page_prompt)
        return vectors

    def visual_tokens(self, page: ModelInput) -> int:
        """About how many tokens the model makes of the page's picture; 0 for one without."""
        return self._inputs.tokens(page, IMAGE) if page.image is not None else 0

    def shrunk(self) -> dict[int, tuple[int, int]]:
        """Places in the last call of `embed_pages`, and the sizes at which their pictures fitted."""
        return self._shrunk

    def _embed(
        self, inputs: Sequence[ModelInput], encode: Callable[..., Any], prompt: str
    ) -> tuple[Vectors, dict[int, tuple[int, int]]]:
        vectors = np.zeros((len(inputs), self.dimensions), np.float32)
        shrunk: dict[int, tuple[int, int]] = {}
        kinds = [input_kind(given, self.modalities, prefer=IMAGE) for given in inputs]
        for kind in sorted({k for k in kinds if k}):  # some models refuse a batch of mixed kinds
            places = [i for i, k in enumerate(kinds) if k == kind]
            with as_unavailable(self.row):
                ran = self._inputs.run(
                    [inputs[i] for i in places], kind, partial(self._encode, encode=encode, prompt=prompt)
                )
            vectors[places] = np.stack(ran.rows)
            shrunk.update({places[i]: made.image.size for i, made in ran.smaller.items() if made.image})
        return vectors, shrunk

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
        kinds = [input_kind(page, self.modalities, prefer=TEXT) for page in pages]
        places = [i for i, kind in enumerate(kinds) if kind]
        asked = input_kind(query, self.modalities, prefer=TEXT)
        scores = np.zeros(len(pages), np.float32)
        if not asked or not places:
            return scores
        left = library_value(query, asked, self._row, self._model)
        beside = self._inputs.tokens(query, asked)
        for kind in sorted({kinds[i] for i in places}):
            of_kind = [i for i in places if kinds[i] == kind]
            with as_unavailable(self._row):
                ran = self._inputs.run(
                    [pages[i] for i in of_kind], kind, partial(self._predict, left), beside=beside
                )
            scores[of_kind] = np.stack(ran.rows)
        scores[[i for i, kind in enumerate(kinds) if not kind]] = scores[places].min()
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


class Inputs:
    """Shows inputs to a model of Sentence Transformers in batches that fit into its device's memory."""

    def __init__(self, model: Any, row: ModelRow, device: Device) -> None:
        self._model = model
        self._row = row
        config = getattr(model.transformers_model, "config", None)
        self._eye: Eye = eye_of(getattr(model[0], "processor", None), config)
        size = 4 if device.dtype == "float32" else 2
        budget = row.batch_tokens or tokens_that_fit(config, size, devices.free_bytes(device))
        self.batches = Batches(budget, row.batch_size, partial(devices.give_back, device))

    def run(
        self,
        inputs: Sequence[ModelInput],
        kind: str,
        work: Callable[[list[Any]], NDArray[np.float32]],
        *,
        beside: int = 0,
    ) -> Ran[ModelInput]:
        """What `work` gives for the library's values of the inputs, which are all of one kind.

        Each of them is shown with `beside` other tokens. A picture that does not fit alone is made smaller.
        """
        most = self._row.image_pixels
        shown = [replace(given, image=_picture(given, kind, most)) for given in inputs]
        if kind == BOTH:
            shown = [replace(given, text=self._beside_picture(given, beside)) for given in shown]
        return self.batches.run(
            shown,
            lambda given: beside + self.tokens(given, kind),
            lambda batch: work([library_value(given, kind, self._row, self._model) for given in batch]),
            lambda given: smaller_input(given, self._eye),
        )

    def _beside_picture(self, given: ModelInput, beside: int) -> str:
        """As much of the text as the model reads beside the picture and `beside` other tokens.

        Left to itself the library cuts into the tokens of the picture, and then refuses it.
        """
        limit, tokenizer = self._model.max_seq_length, self._model.tokenizer
        if not limit or limit > MOST_TOKENS or given.image is None:
            return given.text
        prompts = text_tokens(self._row.page_prompt + self._row.query_prompt)
        room = limit - self._eye.tokens(given.image.size) - beside - prompts - TEMPLATE_TOKENS
        if room < 1:
            return ""
        cut = tokenizer(
            given.text,
            add_special_tokens=False,
            truncation=True,
            max_length=room,
            return_offsets_mapping=True,
        )
        return given.text[: max((end for _, end in cut["offset_mapping"]), default=0)]

    def tokens(self, given: ModelInput, kind: str) -> int:
        """About how many tokens the model makes of an input."""
        most = self._row.max_tokens or self._model.max_seq_length or 0
        text = 0 if kind == IMAGE else text_tokens(given.text, most)
        return text + (self._eye.tokens(given.image.size) if given.image and kind != TEXT else 0)


def finite(numbers: NDArray[np.float32], row: ModelRow, device: Device) -> NDArray[np.float32]:
    """What a model gave; raises ModelUnavailable when some of it is no number, as after an overflow."""
    if not np.isfinite(numbers).all():
        raise ModelUnavailable(
            f"model '{row.name}' gives what is no number in {device.dtype}",
            hint='set dtype = "float32" in its row of models.toml; if it stays so, its files are broken',
        )
    return numbers


def input_kind(given: ModelInput, modalities: frozenset[str], *, prefer: str) -> str:
    """As what the model is shown an input: text, image, both, or an empty string for not at all."""
    there = {TEXT: bool(given.text.strip()), IMAGE: given.image is not None}
    if all(there.values()) and BOTH in modalities:
        return BOTH
    order = (TEXT, IMAGE) if prefer == TEXT else (IMAGE, TEXT)
    return next((kind for kind in order if there[kind] and kind in modalities), "")


def library_value(given: ModelInput, kind: str, row: ModelRow, model: Any) -> Any:
    """What the library is given.

    A model that takes text alone never takes a string for a path, and a language model among them would not
    find the text in a mapping.
    """
    if kind == TEXT:
        return given.text if set(model.modalities) <= {TEXT, "message"} else {TEXT: given.text}
    assert given.image is not None
    picture = _at_most(given.image, row.image_pixels).convert("RGB")
    return {TEXT: given.text, IMAGE: picture} if kind == BOTH else {IMAGE: picture}


def _picture(given: ModelInput, kind: str, pixels: int) -> Image.Image | None:
    """What is shown of the input's picture: nothing, or no more than so many pixels a side."""
    return None if given.image is None or kind == TEXT else _widened(_at_most(given.image, pixels))


def _widened(image: Image.Image) -> Image.Image:
    """The picture on white, where it is so long and thin that processors refuse it."""
    width, height = image.size
    least = math.ceil(max(image.size) / MOST_RATIO)
    if min(image.size) >= least:
        return image
    canvas = Image.new("RGB", (max(width, least), max(height, least)), "white")
    canvas.paste(image.convert("RGB"))
    return canvas


def _at_most(image: Image.Image, pixels: int) -> Image.Image:
    """The picture, made smaller when its longest side is longer than `pixels`; 0 for no limit."""
    if not pixels or max(image.size) <= pixels:
        return image
    picture = image.convert("RGB")
    picture.thumbnail((pixels, pixels), Image.Resampling.LANCZOS)
    return picture
