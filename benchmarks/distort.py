"""Makes of a page picture what a person may hold in its place: a screenshot, a bad scan, a photo, a crop.

Every distortion draws its strength from a random number generator that the caller seeds.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image

Picture = Image.Image
Distortion = Callable[[Picture, random.Random], Picture]

_WHITE = (255, 255, 255)


def coarser(picture: Picture, rng: random.Random) -> Picture:
    """60 to 120 % of the picture's resolution: 60 to 120 dpi for one at 100 dpi."""
    share = rng.uniform(0.6, 1.2)
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    return picture.resize(size, Image.Resampling.LANCZOS)


def jpeg(picture: Picture, rng: random.Random) -> Picture:
    """Compressed with a JPEG quality of 30 to 60."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=rng.randint(30, 60))
    return Image.open(file).convert("RGB")


def rotated(picture: Picture, rng: random.Random) -> Picture:
    """Turned by up to 5 degrees either way, on white."""
    return picture.rotate(rng.uniform(-5, 5), Image.Resampling.BICUBIC, expand=True, fillcolor=_WHITE)


def cropped(picture: Picture, rng: random.Random) -> Picture:
    """50 to 100 % of the width and of the height, from anywhere."""
    width, height = (max(1, round(side * rng.uniform(0.5, 1))) for side in picture.size)
    left, top = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
    return picture.crop((left, top, left + width, top + height))


def perspective(picture: Picture, rng: random.Random) -> Picture:
    """Seen from the side: every corner moved inwards by up to 8 % of the picture's size."""
    width, height = picture.size
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    inwards = [(1, 1), (-1, 1), (-1, -1), (1, -1)]
    seen = [
        (x + sx * rng.uniform(0, 0.08) * width, y + sy * rng.uniform(0, 0.08) * height)
        for (x, y), (sx, sy) in zip(corners, inwards, strict=True)
    ]
    return picture.transform(
        picture.size,
        Image.Transform.PERSPECTIVE,
        _projection(seen, corners),
        Image.Resampling.BICUBIC,
        fillcolor=_WHITE,
    )


def noisy(picture: Picture, rng: random.Random) -> Picture:
    """Grain with a standard deviation of 8 to 20 grey values, and light that falls off to one side."""
    grain = np.random.default_rng(rng.getrandbits(32))
    pixels = np.asarray(picture, np.float32)
    light = np.linspace(1, rng.uniform(0.7, 1), picture.width, dtype=np.float32)[None, :, None]
    dirty = pixels * light + grain.normal(0, rng.uniform(8, 20), pixels.shape)
    return Image.fromarray(dirty.clip(0, 255).astype(np.uint8))


def everything(picture: Picture, rng: random.Random) -> Picture:
    """All of them, one after the other."""
    for distortion in (cropped, perspective, rotated, coarser, noisy, jpeg):
        picture = distortion(picture, rng)
    return picture


DISTORTIONS: Mapping[str, Distortion] = MappingProxyType(
    {
        "resolution": coarser,
        "jpeg": jpeg,
        "rotated": rotated,
        "cropped": cropped,
        "perspective": perspective,
        "noise": noisy,
        "all": everything,
    }
)


def _projection(seen: list[tuple[float, float]], corners: list[tuple[int, int]]) -> list[float]:
    """The eight coefficients with which Pillow maps the corners as seen to where they come from."""
    rows, values = [], []
    for (x, y), (u, v) in zip(seen, corners, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(value) for value in np.linalg.solve(np.array(rows, float), np.array(values, float))]
