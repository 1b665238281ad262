"""Where recognised lines stand on a page: turning, straightening, and the order to read them in.

Pure geometry. Knows no engine and no picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from docsearch.records import Box, OcrPage, Word

Points = NDArray[np.float32]
"""Corners as (x, y) in pixels, shape (..., 2); a quad is top left, top right, bottom right, bottom left
in the direction of reading."""


@dataclass(frozen=True, slots=True)
class Line:
    """A recognised line: its quad on the upright page, its words with their extent along it, 0 to 1."""

    quad: Points
    words: tuple[tuple[str, float, float], ...]
    confidence: float

    @property
    def text(self) -> str:
        """Its words with spaces between them."""
        return " ".join(word for word, _, _ in self.words)


def sides(quads: Points) -> Points:
    """Width and height of quads (..., 4, 2), stacked: shape (2, ...)."""
    across = np.linalg.norm(quads[..., 1, :] - quads[..., 0, :], axis=-1)
    down = np.linalg.norm(quads[..., 3, :] - quads[..., 0, :], axis=-1)
    return np.asarray(np.maximum(np.stack([across, down]), 1), np.float32)


def mostly_vertical(quads: Points) -> bool:
    """Whether the lines run up or down the page: it was scanned lying on its side."""
    width, height = sides(quads)
    return bool(height[height > 2 * width].sum() > width[width > 2 * height].sum())


def turned(quads: Points, turns: int, size: tuple[int, ...]) -> Points:
    """Quads after the image of `size` (height, width) was turned anticlockwise by so many right angles."""
    height, width = size
    for _ in range(turns % 4):
        quads = np.stack([quads[..., 1], width - quads[..., 0]], axis=-1)
        height, width = width, height
    return np.roll(quads, -(turns % 4), axis=-2)


def mean_confidence(lines: Sequence[Line]) -> float:
    """Mean confidence of the lines, longer ones counting more; 1 where there is nothing."""
    lengths = [len(line.text) + 1 for line in lines]
    return float(np.average([line.confidence for line in lines], weights=lengths)) if lines else 1.0


def compose_page(lines: Sequence[Line], size: tuple[int, ...], turns: int) -> OcrPage:
    """The page in reading order, boxes as fractions of the image as it was given."""
    height, width = size if turns % 2 == 0 else size[::-1]
    rows = _rows(lines)
    ordered = [line for row in rows for line in row]
    words = []
    for line in ordered:
        for text, start, end in line.words:
            corners = turned(_part(line.quad, start, end), -turns, (height, width))
            words.append(Word(text, _box(corners, size)))
    return OcrPage("\n".join(" ".join(line.text for line in row) for row in rows), tuple(words))


def _part(quad: Points, start: float, end: float) -> Points:
    """The piece of a quad between two fractions of its length."""
    top, bottom = quad[1] - quad[0], quad[2] - quad[3]
    corners = [quad[0] + start * top, quad[0] + end * top, quad[3] + end * bottom, quad[3] + start * bottom]
    return np.array(corners, np.float32)


def _box(corners: Points, size: tuple[int, ...]) -> Box:
    """The upright rectangle around corners on an image of `size` (height, width), as fractions of it."""
    fractions = np.clip(corners / np.array(size[::-1]), 0, 1)
    x0, y0 = fractions.min(axis=0).tolist()
    x1, y1 = fractions.max(axis=0).tolist()
    return Box(x0, y0, x1, y1)


@dataclass(frozen=True, slots=True)
class _Placed:
    """Where a line stands once the page is straightened, and how many characters it holds."""

    x0: float
    x1: float
    y: float
    height: float
    characters: int
    line: Line


def _rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines in reading order: rows of what stands side by side, columns of prose one after the other."""
    slope = _slope(lines)
    return [[item.line for item in row] for row in _columns([_place(line, slope) for line in lines])]


def _slope(lines: Sequence[Line]) -> float:
    """Rise of the lines over their run: how far the page is askew. The median over wide lines."""
    tops = [line.quad[1] - line.quad[0] for line in lines if sides(line.quad)[0] > 4 * sides(line.quad)[1]]
    slopes = [float(top[1] / top[0]) for top in tops if top[0] > 0]
    return float(np.median(slopes)) if slopes else 0.0


def _place(line: Line, slope: float) -> _Placed:
    x0, x1 = float(line.quad[:, 0].min()), float(line.quad[:, 0].max())
    x, y = line.quad.mean(axis=0).tolist()
    return _Placed(x0, x1, y - slope * x, float(sides(line.quad)[1]), len(line.text), line)


def _columns(items: Sequence[_Placed]) -> list[list[_Placed]]:
    """Rows, first those left of a gutter and then those right of it, between lines that cross it."""
    gutter = _gutter(items)
    if gutter is None:
        return _side_by_side(items)
    rows: list[list[_Placed]] = []
    crossing = sorted((i for i in items if i.x0 < gutter < i.x1), key=lambda item: item.y)
    limits = [-math.inf, *(item.y for item in crossing), math.inf]
    for (upper, lower), divider in zip(pairwise(limits), [*([c] for c in crossing), []], strict=True):
        band = [item for item in items if upper <= item.y < lower]
        rows += _columns([item for item in band if item.x1 <= gutter])
        rows += _columns([item for item in band if item.x0 >= gutter])
        rows += [divider] if divider else []
    return rows


def _gutter(items: Sequence[_Placed]) -> float | None:
    """The x between two columns of prose that the fewest lines cross, or None."""
    best, least = None, max(2, len(items) // 4)
    for edge in sorted({item.x1 for item in items}):
        left = [item for item in items if item.x1 <= edge]
        right = [item for item in items if item.x0 >= edge]
        crossing = len(items) - len(left) - len(right)
        if crossing < least and _is_prose(left) and _is_prose(right):
            best, least = edge, crossing
    return best


def _is_prose(items: Sequence[_Placed]) -> bool:
    """Four lines or more, half of them with the length of running text."""
    return len(items) >= 4 and float(np.median([item.characters for item in items])) >= 20


def _side_by_side(items: Sequence[_Placed]) -> list[list[_Placed]]:
    """Rows from top to bottom, each from left to right."""
    rows: list[list[_Placed]] = []
    for item in sorted(items, key=lambda item: item.y):
        if rows and item.y - rows[-1][0].y < 0.5 * min(item.height, rows[-1][0].height):
            rows[-1].append(item)
        else:
            rows.append([item])
    return [sorted(row, key=lambda item: item.x0) for row in rows]
