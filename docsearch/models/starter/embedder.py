"""The embedder that ships with the package, run with NumPy alone.

Text is a sum of learned token vectors, a picture a learned projection of its description; both
stand side by side in one vector. Knows nothing of torch: `module` runs the same weights there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from docsearch.errors import SettingsError
from docsearch.models.protocols import ModelInput, Vectors
from docsearch.models.starter.layout import STRIDE, compose_pages, compose_queries, stack
from docsearch.models.starter.picture import describe
from docsearch.models.starter.weights import StarterWeights
from docsearch.models.starter.words import Bag, WordPieces

IMAGE_PIXELS = 448
LAYOUT_VERSION = "2"
"""Changed whenever the same weights would give other vectors."""

SHIPPED = Path(__file__).parent


class StarterEmbedder:
    """Embeds text, pictures, or both, without torch. Loads in a tenth of a second."""

    modalities = frozenset({"text", "image", "text+image"})
    image_pixels = IMAGE_PIXELS

    def __init__(self, folder: Path = SHIPPED, *, name: str = "starter", dimensions: int = 0) -> None:
        """Opens the weights in `folder`; fewer `dimensions` (a multiple of 3) cut the vectors short."""
        self.name = name
        self.weights = StarterWeights.read(folder)
        self._words = WordPieces(self.weights.tokenizer)
        self.dimensions = dimensions or self.weights.dimensions
        if self.dimensions % STRIDE or not STRIDE < self.dimensions <= self.weights.dimensions:
            raise SettingsError(
                f"{name}: dimensions must be a multiple of {STRIDE} up to {self.weights.dimensions}, "
                f"not {dimensions}"
            )

    @property
    def fingerprint(self) -> str:
        """Short hex digest of the weights, the layout and the number of dimensions."""
        parts = (self.weights.digest, LAYOUT_VERSION, str(self.dimensions), str(self.image_pixels))
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]

    def embed_queries(self, queries: Sequence[ModelInput]) -> Vectors:
        """Unit vectors, shape (len(queries), dimensions); zeros for a query without words or ink."""
        return compose_queries(*self._sides(queries), self.dimensions)

    def embed_pages(self, pages: Sequence[ModelInput]) -> Vectors:
        """Unit vectors, shape (len(pages), dimensions); zeros for an empty page."""
        return compose_pages(*self._sides(pages), self.dimensions)

    def _sides(self, inputs: Sequence[ModelInput]) -> tuple[Vectors, Vectors]:
        weights = self.weights
        texts = [self._text_side(bag) for bag in self._words.bags([i.text for i in inputs])]
        images = [self._image_side(i) for i in inputs]
        return stack(texts, weights.tokens.shape[1]), stack(images, weights.projection.shape[1])

    def _text_side(self, bag: Bag) -> NDArray[np.float32] | None:
        tokens, counts = bag
        if not len(tokens):
            return None
        scaled = counts * self.weights.scales[tokens]
        return np.asarray(scaled @ self.weights.tokens[tokens].astype(np.float32))

    def _image_side(self, given: ModelInput) -> NDArray[np.float32] | None:
        description = describe(given.image) if given.image is not None else None
        if description is None:
            return None
        return np.asarray((description - self.weights.mean) @ self.weights.projection)
