"""The starter as a torch module, so that it can be trained and run with Sentence Transformers.

Built from the same weights the light path reads, and gives the same vectors; what is trained here and
saved is a folder that both can open. Inputs of
`encode_query` become query vectors, inputs of `encode_document` page vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from docsearch.models.vision import mend_torchvision

mend_torchvision()
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import InputModule

from docsearch.models.starter.embedder import SHIPPED
from docsearch.models.starter.layout import ONE_SIDE, image_columns, text_columns
from docsearch.models.starter.picture import describe
from docsearch.models.starter.weights import StarterWeights, quantise, write_weights
from docsearch.models.starter.words import Bag, WordPieces

_TINY = 1e-12
"""The slope of a square root at zero is infinite, and would make all weights not a number."""

Input = str | Image.Image | Mapping[str, Any]


def starter_model(folder: Path = SHIPPED, *, dimensions: int = 0) -> SentenceTransformer:
    """The starter as a SentenceTransformer on the CPU; no file outside `folder` is read."""
    module = StarterModule(StarterWeights.read(folder), dimensions=dimensions)
    return SentenceTransformer(modules=[module], device="cpu")


class StarterModule(InputModule):  # type: ignore[misc]  # untyped library
    """Token sums and picture projection, side by side in one vector; all weights can be trained."""

    def __init__(self, weights: StarterWeights, *, dimensions: int = 0) -> None:
        super().__init__()
        self.weights = weights
        self.tokenizer = weights.tokenizer
        self._words = WordPieces(weights.tokenizer)
        self.dimensions = dimensions or weights.dimensions
        self.tokens = nn.EmbeddingBag.from_pretrained(
            torch.from_numpy(weights.dense_tokens()), freeze=False, mode="sum"
        )
        self.projection = nn.Parameter(torch.from_numpy(weights.projection.copy()))
        self.register_buffer("mean", torch.from_numpy(weights.mean.copy()))

    @property
    def modalities(self) -> list[Any]:
        """What Sentence Transformers may pass in; "message" lets it pass batches of mixed kinds."""
        return ["text", "image", ("text", "image"), ("image", "text"), "message"]

    def get_embedding_dimension(self) -> int:
        """Length of the vectors."""
        return self.dimensions

    def preprocess(
        self, inputs: Sequence[Input], prompt: str | None = None, task: str | None = None, **_: Any
    ) -> dict[str, Tensor]:
        """Token numbers with their weights, picture descriptions, and whether these are pages."""
        texts, images = zip(*map(_text_and_image, inputs), strict=True)
        bags = self._words.bags([(prompt or "") + text if text else "" for text in texts])
        return {
            **self._token_features(bags),
            **self._image_features(images),
            "is_page": torch.tensor(task == "document"),
        }

    def text_features(self, bags: Sequence[Bag]) -> dict[str, Tensor]:
        """What `preprocess` returns for queries that are texts, from words that are already split."""
        images = self._image_features([None] * len(bags))
        return {**self._token_features(bags), **images, "is_page": torch.tensor(False)}

    def forward(self, features: dict[str, Tensor], **_: Any) -> dict[str, Tensor]:
        """Adds `sentence_embedding`, unit vectors of shape (n, dimensions)."""
        text = self.tokens(
            features["input_ids"], features["offsets"], per_sample_weights=features["token_weights"]
        )
        image = (features["descriptions"] - self.mean) @ self.projection * features["has_image"][:, None]
        vectors = text.new_zeros((len(text), self.dimensions))
        for side, columns in ((text, text_columns), (image, image_columns)):
            places = torch.from_numpy(columns(self.dimensions))
            vectors = vectors.index_copy(1, places, _unit(side[:, : len(places)]))
        features["sentence_embedding"] = _as_pages(vectors) if features["is_page"] else _unit(vectors)
        return features

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Writes the weights folder that the light path reads; tokens keep 8 bits, as they ship."""
        tokens, scales = quantise(self.tokens.weight.detach().cpu().numpy())
        mean, projection = self.mean.cpu().numpy(), self.projection.detach().cpu().numpy()
        write_weights(Path(output_path), self.tokenizer, tokens, scales, mean, projection)

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **_: Any) -> Self:
        """Reads what `save` wrote, from a local folder only."""
        return cls(StarterWeights.read(Path(model_name_or_path, subfolder)))

    def _token_features(self, bags: Sequence[Bag]) -> dict[str, Tensor]:
        lengths = [len(ids) for ids, _ in bags]
        return {
            "input_ids": torch.from_numpy(np.concatenate([ids for ids, _ in bags])),
            "token_weights": torch.from_numpy(np.concatenate([weights for _, weights in bags])),
            "offsets": torch.from_numpy(np.cumsum([0, *lengths[:-1]])),
        }

    def _image_features(self, images: Sequence[Image.Image | None]) -> dict[str, Tensor]:
        described = [describe(image) if image is not None else None for image in images]
        blank = np.zeros(len(self.weights.mean), np.float32)
        rows = np.stack([blank if d is None else d for d in described])
        has_image = torch.tensor([float(d is not None) for d in described])
        return {"descriptions": torch.from_numpy(rows), "has_image": has_image}


def _text_and_image(given: Input) -> tuple[str, Image.Image | None]:
    if isinstance(given, str):
        return given, None
    if isinstance(given, Image.Image):
        return "", given
    return given.get("text", ""), given.get("image")


def _unit(vectors: Tensor) -> Tensor:
    return nn.functional.normalize(vectors, dim=1, eps=1e-9)


def _as_pages(vectors: Tensor) -> Tensor:
    """Half of the squared length to each side; a missing side's half goes to the free coordinate."""
    halved = vectors * 0.5**0.5
    squared = (halved**2).sum(dim=1)
    one_side = (squared > 0) & (squared < ONE_SIDE)
    free = torch.where(one_side, (1 - squared).clamp(_TINY, 1).sqrt(), torch.zeros_like(squared))
    places = torch.zeros(1, dtype=torch.long)
    return halved.index_copy(1, places, free[:, None])
