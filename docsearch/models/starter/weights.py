"""The starter's weights on disk: a tokenizer and one NumPy archive. Knows no torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from docsearch.errors import ModelUnavailable

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_FILE = "tokenizer.json"
WEIGHTS_FILE = "weights.npz"


@dataclass(frozen=True)
class StarterWeights:
    """What the starter has learned. Token vectors are whole numbers times one scale a token."""

    folder: Path
    tokens: NDArray[np.int8]
    """Shape (vocabulary, text dimensions)."""
    scales: NDArray[np.float32]
    """Shape (vocabulary,)."""
    mean: NDArray[np.float32]
    """The mean picture description, shape (description,)."""
    projection: NDArray[np.float32]
    """From a centred picture description to the picture side, shape (description, image dimensions)."""
    tokenizer: Tokenizer = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> StarterWeights:
        """Reads a weights folder; raises ModelUnavailable when a file is missing or damaged."""
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
            with np.load(folder / WEIGHTS_FILE, allow_pickle=False) as arrays:
                return cls(
                    folder=folder,
                    tokens=arrays["tokens"],
                    scales=arrays["scales"].astype(np.float32),
                    mean=arrays["mean"].astype(np.float32),
                    projection=arrays["projection"].astype(np.float32),
                    tokenizer=tokenizer,
                )
        except Exception as error:  # tokenizers raises bare Exception
            raise ModelUnavailable(
                f"the starter model in {folder} cannot be read", hint="install docsearch again"
            ) from error

    @cached_property
    def digest(self) -> str:
        """Hex digest of both files."""
        digest = hashlib.sha256()
        for name in (TOKENIZER_FILE, WEIGHTS_FILE):
            digest.update((self.folder / name).read_bytes())
        return digest.hexdigest()

    @property
    def dimensions(self) -> int:
        """Length of a whole vector: text side, picture side and the free coordinate."""
        return int(self.tokens.shape[1] + self.projection.shape[1] + 1)

    def dense_tokens(self) -> NDArray[np.float32]:
        """Token vectors as floating point numbers, shape (vocabulary, text dimensions)."""
        return self.tokens.astype(np.float32) * self.scales[:, None]


def write_weights(
    folder: Path,
    tokenizer: Tokenizer,
    tokens: NDArray[np.int8],
    scales: NDArray[np.float32],
    mean: NDArray[np.float32],
    projection: NDArray[np.float32],
) -> None:
    """Writes a weights folder; shapes as in `StarterWeights`. All but the tokens are rounded to 16 bits."""
    tokenizer.save(str(folder / TOKENIZER_FILE), pretty=False)
    np.savez(
        folder / WEIGHTS_FILE,
        tokens=tokens,
        scales=scales.astype(np.float16),
        mean=mean.astype(np.float16),
        projection=projection.astype(np.float16),
    )


def quantise(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Each row as whole numbers from -127 to 127 and its scale."""
    scales = np.maximum(np.abs(vectors).max(axis=1), 1e-12) / 127
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)
