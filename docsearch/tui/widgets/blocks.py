"""Draws pictures with quadrant block characters: four pixels and two colours a cell, in any terminal.

Imports numpy and Pillow, so it is imported with the first picture.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

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


COLOUR_STEP = 8
"""Colours are rounded to multiples of this: the eye sees no difference, and few styles are made."""


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


def _mean(cells: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The mean colour of the chosen pixels of each cell as one number; black where none is chosen."""
    total = (cells * mask[..., None]).sum(axis=2)
    counts = np.maximum(mask.sum(axis=2, keepdims=True), 1)
    rounded = np.minimum(np.rint(total / counts / COLOUR_STEP) * COLOUR_STEP, 255)
    return np.asarray(rounded @ np.array([1 << 16, 1 << 8, 1]), dtype=np.int64)


def _strip(glyphs: NDArray[np.int64], front: NDArray[np.int64], back: NDArray[np.int64]) -> Strip:
    """A segment for each run of cells in the same two colours; those of one colour show no front."""
    colours = np.where(glyphs == 0, 0, front) << 24 | back
    starts = [0, *(np.flatnonzero(colours[1:] != colours[:-1]) + 1).tolist(), len(colours)]
    text = "".join(QUADRANTS[glyph] for glyph in glyphs.tolist())
    segments = [Segment(text[start:end], _style(int(colours[start]))) for start, end in pairwise(starts)]
    return Strip(segments, len(text))


@lru_cache(maxsize=2048)
def _style(colours: int) -> Style:
    """The style for two colours of 24 bits each in one number."""
    front, back = divmod(colours, 1 << 24)
    return Style(color=_colour(front), bgcolor=_colour(back))


def _colour(number: int) -> Color:
    return Color.from_rgb(number >> 16, number >> 8 & 255, number & 255)
