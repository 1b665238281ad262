"""How the starter's vectors are laid out: one side for text, one for pictures, interleaved.

Every second coordinate belongs to the picture side, so cutting a vector short keeps both sides.
The first picture coordinate is kept free: a page that has only one side spends the other half
of its length there, where no query has anything, so that pages with one side and pages with
both are compared on the same scale.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

STRIDE = 2
"""One coordinate in so many is the picture side's."""
ONE_SIDE = 0.75
"""A page whose sides have less squared length than this has only one of them (0.5, not 1)."""


def text_columns(dimensions: int) -> NDArray[np.intp]:
    """Coordinates of the text side in a vector of that many dimensions."""
    return np.flatnonzero(np.arange(dimensions) % STRIDE)


def image_columns(dimensions: int) -> NDArray[np.intp]:
    """Coordinates of the picture side, the free first one left out."""
    return np.arange(STRIDE, dimensions, STRIDE)


def compose_queries(text: Vectors, image: Vectors, dimensions: int) -> Vectors:
    """Unit query vectors from the two sides, shape (n, dimensions); no side at all gives zeros."""
    vectors = _interleave(text, image, dimensions)
    return _unit(vectors)


def compose_pages(text: Vectors, image: Vectors, dimensions: int) -> Vectors:
    """Unit page vectors from the two sides, each side half of the squared length."""
    vectors = _interleave(text, image, dimensions) * np.float32(np.sqrt(0.5))
    squared = (vectors**2).sum(axis=1)
    one_side = (squared > 0) & (squared < ONE_SIDE)
    vectors[:, 0] = np.where(one_side, np.sqrt(np.clip(1 - squared, 0, 1)), 0)
    return vectors


def stack(sides: Sequence[Vectors | None], width: int) -> Vectors:
    """One row a side, zeros where an input has none; shape (len(sides), width)."""
    rows = np.zeros((len(sides), width), np.float32)
    for row, side in zip(rows, sides, strict=True):
        if side is not None:
            row[:] = side
    return rows


def _interleave(text: Vectors, image: Vectors, dimensions: int) -> Vectors:
    columns = text_columns(dimensions), image_columns(dimensions)
    vectors = np.zeros((len(text), dimensions), np.float32)
    vectors[:, columns[0]] = _unit(text[:, : len(columns[0])])
    vectors[:, columns[1]] = _unit(image[:, : len(columns[1])])
    return vectors


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 1e-9)
    return unit
