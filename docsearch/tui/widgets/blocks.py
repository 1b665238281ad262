"""Draws pictures with quadrant block characters: four pixels and two colours a cell, in any terminal.

Imports numpy and Pillow, so it is imported with the first picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

QUADRANTS = " ▗▖▄▝▐▞▟▘▚▌▙▀▜▛█"
"""The character for each set of light pixels: bits from high to low are those of the top left, top
right, bottom left and bottom right pixel."""
LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of red, green and blue (ITU-R BT.601)."""


def draw(picture: Image.Image, size: Size) -> list[Strip]:
    """The picture as one strip a row of cells, `size` in cells."""
    small = picture.convert("RGB").resize((size.width * 2, size.height * 2), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float32).reshape(size.height, 2, size.width, 2, 3)
    cells = pixels.transpose(0, 2, 1, 3, 4).reshape(size.height, size.width, 4, 3)
    light = cells @ LUMINANCE
    middle = (light.max(axis=2, keepdims=True) + light.min(axis=2, keepdims=True)) / 2
    mask = light > middle
    glyphs = mask @ np.array([8, 4, 2, 1])
    front, back = _mean(cells, mask), _mean(cells, ~mask)
    return [_strip(*row) for row in zip(glyphs, front, back, strict=True)]


def _mean(cells: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The mean colour of the chosen pixels of each cell; black where none is chosen."""
    total = (cells * mask[..., None]).sum(axis=2)
    counts = np.maximum(mask.sum(axis=2, keepdims=True), 1)
    return np.asarray(total / counts, dtype=np.uint8)


def _strip(glyphs: NDArray[np.int64], front: NDArray[np.uint8], back: NDArray[np.uint8]) -> Strip:
    segments = [
        Segment(QUADRANTS[glyph], Style(color=Color.from_rgb(*light), bgcolor=Color.from_rgb(*dark)))
        for glyph, light, dark in zip(glyphs, front.tolist(), back.tolist(), strict=True)
    ]
    return Strip(segments, len(segments)).simplify()
