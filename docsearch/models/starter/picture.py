"""What the starter sees in a page picture: where the ink is, how its edges run, its colours.

A fixed description of about two thousand numbers, made with Pillow and NumPy only. What of it
survives scanning, cropping and other fonts is learned: see the projection in the weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float32]

LAYOUT = 32
"""Side of the grid of grey values."""
EDGES = 128
"""Side of the picture whose edges are counted."""
CELLS = 8
"""Side of the grid in which edges and colours are summed up."""
ANGLES = 8
BLANK = 2.0
"""Standard deviation of grey values (0 to 255) below which a picture shows nothing."""


def describe(image: Image.Image) -> Array | None:
    """The description of a picture, shape (LENGTH,), or None when the picture is blank."""
    rgb = np.asarray(_on_white(image).resize((EDGES, EDGES), Image.Resampling.BOX), np.float32)
    grey = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    if grey.std() < BLANK:
        return None
    return np.concatenate([_layout(grey), _edges(grey), _colours(rgb, grey)])


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _layout(grey: Array) -> Array:
    """Coarse grey values, free of brightness and contrast."""
    coarse = _block_mean(grey, LAYOUT)
    return np.asarray((coarse - coarse.mean()) / (coarse.std() + 1e-3) / LAYOUT, np.float32).ravel()


def _edges(grey: Array) -> Array:
    """Histogram of gradient directions in every cell, as square roots of shares."""
    dy, dx = np.gradient(grey)
    strength = np.hypot(dx, dy)
    angle = (np.arctan2(dy, dx) % np.pi) * (ANGLES / np.pi)
    lower = np.floor(angle).astype(np.intp) % ANGLES
    upper_share = angle - np.floor(angle)
    maps = np.zeros((ANGLES, *grey.shape), np.float32)
    rows, columns = np.ogrid[:EDGES, :EDGES]
    maps[lower, rows, columns] = strength * (1 - upper_share)
    maps[(lower + 1) % ANGLES, rows, columns] += strength * upper_share
    cells = np.stack([_block_mean(m, CELLS) for m in maps]).ravel()
    return np.asarray(np.sqrt(cells / (cells.sum() + 1e-6)), np.float32)


def _colours(rgb: Array, grey: Array) -> Array:
    """Mean distance of red and blue from grey in every cell, and a histogram of colour strength."""
    chroma = [_block_mean(rgb[..., c] - grey, CELLS).ravel() for c in (0, 2)]
    spread = np.histogram(rgb.max(axis=2) - rgb.min(axis=2), bins=8, range=(0, 256))[0] / grey.size
    return np.asarray(np.concatenate([*chroma, spread * 64]) / 255, np.float32)


def _block_mean(values: Array, side: int) -> Array:
    block = values.shape[0] // side
    mean: Array = values.reshape(side, block, side, block).mean(axis=(1, 3))
    return mean
