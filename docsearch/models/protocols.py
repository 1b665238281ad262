"""What a model can do, whoever made it and whatever runs it.

Queries and pages are embedded separately because most retrieval models give them different
prompts. A model says which inputs it takes (`modalities`); callers leave out the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ModelInput:
    """Text, a picture, or both. Text is always text: it is never taken for a path or an address."""

    text: str = ""
    image: Image | None = None


class Embedder(Protocol):
    """Maps queries and pages into one space where the dot product is the similarity."""

    @property
    def name(self) -> str:
        """The row of models.toml this model comes from."""

    @property
    def fingerprint(self) -> str:
        """Short hex digest of all that shapes a page vector: weights, prompts, pooling, image size."""

    @property
    def dimensions(self) -> int:
        """Length of every vector this model returns."""

    @property
    def modalities(self) -> frozenset[str]:
        """What it can embed: 'text', 'image', 'text+image' (both in one input)."""

    @property
    def image_pixels(self) -> int:
        """Longest side, in pixels, at which a page should be rendered for this model."""

    def embed_queries(self, queries: Sequence[ModelInput]) -> Vectors:
        """Unit vectors of shape (len(queries), dimensions)."""

    def embed_pages(self, pages: Sequence[ModelInput]) -> Vectors:
        """Unit vectors of shape (len(pages), dimensions); an empty page gives a zero vector."""


class Reranker(Protocol):
    """Orders the head of the first-stage list by reading query and page together."""

    @property
    def name(self) -> str:
        """The row of models.toml this model comes from."""

    @property
    def modalities(self) -> frozenset[str]:
        """What a page may be given as: 'text', 'image', 'text+image'."""

    def score(self, query: ModelInput, pages: Sequence[ModelInput]) -> NDArray[np.float32]:
        """One score a page, shape (len(pages),); higher is more relevant. Any scale."""
