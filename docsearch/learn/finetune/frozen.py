"""Pages whose vectors are known and stay as they are, as the document side of a Sentence Transformers model.

A dataset names pages by number; of their vectors nothing is trained, so none is computed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import InputModule, Router
from torch import Tensor

from docsearch.models.protocols import Vectors


class FrozenPages(InputModule):  # type: ignore[misc]  # untyped library
    """Gives pages, by their numbers, the vectors they have."""

    def __init__(self, vectors: Vectors) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.from_numpy(vectors), persistent=False)

    @property
    def tokenizer(self) -> None:
        """There is none: numbers are no text."""

    @property
    def modalities(self) -> list[str]:
        """What the library takes the numbers for."""
        return ["text"]

    def get_embedding_dimension(self) -> int:
        """Length of the vectors."""
        return int(self.vectors.shape[1])

    def preprocess(self, inputs: Sequence[int], prompt: str | None = None, **_: Any) -> dict[str, Tensor]:  # noqa: ARG002
        """The vectors of these pages."""
        return {"sentence_embedding": self.vectors[torch.tensor(inputs, device=self.vectors.device)]}

    def forward(self, features: dict[str, Tensor], **_: Any) -> dict[str, Tensor]:
        """Nothing is left to do."""
        return features

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Nothing is kept: the pages have their vectors."""

    @classmethod
    def load(cls, model_name_or_path: str, **_: Any) -> FrozenPages:
        """Cannot be loaded; raises NotImplementedError."""
        raise NotImplementedError(model_name_or_path)


def with_frozen_pages(model: SentenceTransformer, vectors: Vectors) -> SentenceTransformer:
    """Reads queries with the modules of `model` (the same, not copies) and knows pages by number."""
    router = Router.for_query_document(
        query_modules=list(model.children()), document_modules=[FrozenPages(vectors)]
    )
    return SentenceTransformer(modules=[router], device=str(model.device))
