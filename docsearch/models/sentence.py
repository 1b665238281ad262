"""Embedders and rerankers that Sentence Transformers runs, from files on this machine only.

Inputs go to the library as pictures in memory or as text that is marked as text: given a bare
string that names an image file or address, it would open the file or fetch the address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.models.device import Device
from docsearch.models.protocols import ModelInput, Vectors
from docsearch.models.registry import ModelRow
from docsearch.models.versions import model_folder, weights_digest
from docsearch.models.vision import mend_torchvision

TEXT, IMAGE, BOTH = "text", "image", "text+image"


class SentenceTransformersEmbedder:
    """An embedder that Sentence Transformers can load from a folder or the local hub cache."""

    def __init__(self, row: ModelRow, device: Device, dimensions: int = 0) -> None:
        """Loads the model; raises ModelUnavailable when its files are not here or do not load."""
        self.row = row
        self.device = device
        self.dimensions = dimensions or row.dimensions
        folder = model_folder(row)
        self.digest = weights_digest(folder)
        with _as_unavailable(row):
            self._model = _load_embedder(row, folder, device)
            _limit_tokens(self._model, row)
        _check_modalities(self._model, row)
        self._check_dimensions()

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
        """Short hex digest of the weights and of everything in the row that shapes a page vector."""
        row = self.row
        parts = (self.digest, row.page_prompt, row.query_prompt, row.pooling, row.image_pixels)
        shape = (row.max_tokens, self.dimensions, self.device.dtype, sorted(row.modalities))
        return hashlib.sha256(repr((*parts, *shape)).encode()).hexdigest()[:16]

    def embed_queries(self, queries: Sequence[ModelInput]) -> Vectors:
        """Unit vectors, shape (len(queries), dimensions); zeros for a query it has no input for."""
        return self._embed(queries, self._model.encode_query, self.row.query_prompt)

    def embed_pages(self, pages: Sequence[ModelInput]) -> Vectors:
        """Unit vectors, shape (len(pages), dimensions); zeros for a page it has no input for.

        A model that takes text or a picture, but not both at once, is shown the picture: its
        vectors of texts and of pictures do not compare well with each other.
        """
        return self._embed(pages, self._model.encode_document, self.row.page_prompt)

    def _embed(self, inputs: Sequence[ModelInput], encode: Callable[..., Any], prompt: str) -> Vectors:
        vectors = np.zeros((len(inputs), self.dimensions), np.float32)
        kinds = [input_kind(given, self.modalities, prefer=IMAGE) for given in inputs]
        for kind in sorted({k for k in kinds if k}):  # some models refuse a batch of mixed kinds
            places = [i for i, k in enumerate(kinds) if k == kind]
            values = [library_value(inputs[i], kind, self.row, self._model) for i in places]
            vectors[places] = self._encode(values, encode, prompt)
        return vectors

    def _encode(self, values: list[Any], encode: Callable[..., Any], prompt: str) -> Vectors:
        with _as_unavailable(self.row):
            encoded = encode(
                values,
                prompt=prompt or None,
                batch_size=self.row.batch_size,
                truncate_dim=self.dimensions,
                normalize_embeddings=True,
                convert_to_tensor=True,
                show_progress_bar=False,
            )
            full: Vectors = encoded.float().cpu().numpy()
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
        folder = model_folder(row)
        with _as_unavailable(row):
            self._model = _load_reranker(row, folder, device)
        _check_modalities(self._model, row)

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
        pairs = [(left, library_value(pages[i], kinds[i], self._row, self._model)) for i in places]
        found = self._predict(pairs)
        scores[:] = found.min()
        scores[places] = found
        return scores

    def _predict(self, pairs: list[tuple[Any, Any]]) -> NDArray[np.float32]:
        from torch.nn import Identity

        with _as_unavailable(self._row):
            scores = self._model.predict(
                pairs,
                activation_fn=Identity(),  # a sigmoid would make equals of all good pages
                prompt=self._row.query_prompt or None,
                batch_size=self._row.batch_size,
                show_progress_bar=False,
                convert_to_tensor=True,
            )
        found: NDArray[np.float32] = scores.float().cpu().numpy()
        return found.reshape(len(pairs), -1)[:, -1]


def input_kind(given: ModelInput, modalities: frozenset[str], *, prefer: str) -> str:
    """As what the model is shown an input: text, image, both, or an empty string for not at all."""
    there = {TEXT: bool(given.text.strip()), IMAGE: given.image is not None}
    if all(there.values()) and BOTH in modalities:
        return BOTH
    order = (TEXT, IMAGE) if prefer == TEXT else (IMAGE, TEXT)
    return next((kind for kind in order if there[kind] and kind in modalities), "")


def library_value(given: ModelInput, kind: str, row: ModelRow, model: Any) -> Any:
    """What the library is given. A model that knows text alone never takes a string for a path."""
    if kind == TEXT:
        return given.text if set(model.modalities) == {TEXT} else {TEXT: given.text}
    assert given.image is not None
    picture = _at_most(given.image, row.image_pixels)
    return {TEXT: given.text, IMAGE: picture} if kind == BOTH else {IMAGE: picture}


def _at_most(image: Image.Image, pixels: int) -> Image.Image:
    """The picture in RGB, made smaller when its longest side is longer than `pixels`."""
    picture = image.convert("RGB")
    if pixels and max(picture.size) > pixels:
        picture.thumbnail((pixels, pixels), Image.Resampling.LANCZOS)
    return picture


def _load_embedder(row: ModelRow, folder: Path, device: Device) -> Any:
    mend_torchvision()
    from sentence_transformers import SentenceTransformer

    if row.pooling and not (folder / "modules.json").is_file():
        return SentenceTransformer(modules=_modules(row, folder, device), device=device.name)
    return SentenceTransformer(str(folder), **_options(row, device))


def _modules(row: ModelRow, folder: Path, device: Device) -> list[Any]:
    """The parts of an embedder for a folder that holds a bare transformer."""
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    options = _options(row, device)
    remote = {"trust_remote_code": row.trust_remote_code, "local_files_only": True}
    transformer = Transformer(
        str(folder),
        model_kwargs={**options["model_kwargs"], **remote},
        processor_kwargs=dict(remote),
        config_kwargs=dict(remote),
    )
    return [transformer, Pooling(transformer.get_embedding_dimension(), row.pooling), Normalize()]


def _load_reranker(row: ModelRow, folder: Path, device: Device) -> Any:
    mend_torchvision()
    from sentence_transformers import CrossEncoder

    return CrossEncoder(str(folder), max_length=row.max_tokens or None, **_options(row, device))


def _options(row: ModelRow, device: Device) -> dict[str, Any]:
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()  # talk and progress bars would land on the user's screen
    logging.disable_progress_bar()
    return {
        "device": device.name,
        "trust_remote_code": row.trust_remote_code,
        "local_files_only": True,
        "model_kwargs": {"dtype": getattr(torch, device.dtype)},
    }


def _limit_tokens(model: Any, row: ModelRow) -> None:
    if row.max_tokens:
        model.max_seq_length = row.max_tokens


def _check_modalities(model: Any, row: ModelRow) -> None:
    for modality in row.modalities:
        if not model.supports((TEXT, IMAGE) if modality == BOTH else modality):
            raise SettingsError(f"model '{row.name}': key 'modalities': the model does not take {modality}")


@contextmanager
def _as_unavailable(row: ModelRow) -> Iterator[None]:
    """What the libraries raise becomes ModelUnavailable."""
    try:
        yield
    except ImportError as error:
        if not (package := _missing_package(error)):
            raise ModelUnavailable(f"model '{row.name}' does not run: {_first_line(error)}") from error
        brings = "'docsearch[vision]'" if package == "torchvision" else package
        raise ModelUnavailable(
            f"model '{row.name}' needs the package {package}", hint=f"pip install {brings}"
        ) from error
    except (OSError, ValueError, RuntimeError, KeyError, AttributeError, TypeError) as error:
        raise ModelUnavailable(
            f"model '{row.name}' does not run: {_first_line(error)}", hint=_hint(error)
        ) from error


def _missing_package(error: ImportError) -> str:
    """The package that is not installed; transformers names torchvision in a text of its own."""
    name = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and name and find_spec(name) is None:
        return name
    return "torchvision" if "torchvision" in str(error).lower() and find_spec("torchvision") is None else ""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _hint(error: Exception) -> str:
    if "out of memory" in str(error).lower():
        return "set a smaller batch_size or image_pixels in its row, or device = cpu"
    return "check the files of the model and its row in models.toml"
