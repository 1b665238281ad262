from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from benchmarks.distort import DISTORTIONS


@pytest.fixture
def page() -> Image.Image:
    image = Image.new("RGB", (300, 400), "white")
    ImageDraw.Draw(image).rectangle((60, 80, 240, 320), fill="black")
    return image


@pytest.mark.parametrize("name", DISTORTIONS)
def test_a_seed_makes_one_picture_and_another_seed_another(page: Image.Image, name: str) -> None:
    first, again, other = (DISTORTIONS[name](page, random.Random(seed)) for seed in (1, 1, 2))
    assert np.array_equal(np.asarray(first), np.asarray(again))
    assert first.size != other.size or not np.array_equal(np.asarray(first), np.asarray(other))
    assert first.mode == "RGB"
    assert 0 < np.asarray(first).mean() < 255


@pytest.mark.parametrize("seed", range(5))
def test_strengths_stay_within_what_is_said(page: Image.Image, seed: int) -> None:
    width, height = DISTORTIONS["cropped"](page, random.Random(seed)).size
    assert 150 <= width <= 300
    assert 200 <= height <= 400
    assert 180 <= DISTORTIONS["resolution"](page, random.Random(seed)).width <= 360
    assert DISTORTIONS["perspective"](page, random.Random(seed)).size == page.size
