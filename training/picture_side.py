"""Learns which combinations of a picture description survive scanning, cropping and compression."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from docsearch.models.starter.picture import describe
from training.pages import draw_page, spoil

Array = NDArray[np.float32]

PAGES = 1_200
VIEWS = 4
"""Spoiled copies of every page."""
SHRINKAGE = 0.3
"""How far the noise within pages is taken for equal in all directions (1: as its mean)."""


def fit_projection(texts: Sequence[str], dimensions: int, seed: int) -> tuple[Array, Array]:
    """Mean description and the projection that tells pages apart, shapes (n,) and (n, dimensions).

    Linear discriminant analysis (Fisher) with a page and its spoiled copies as one class.
    """
    descriptions, pages = _described(texts, random.Random(seed))
    mean = descriptions.mean(axis=0)
    centred = (descriptions - mean).astype(np.float64)
    noise = centred - _class_means(centred, pages)
    whitening = _whitening(noise.T @ noise / len(noise))
    spread = whitening.T @ (centred.T @ centred / len(centred)) @ whitening
    _, vectors = np.linalg.eigh(spread)
    projection = whitening @ vectors[:, ::-1][:, :dimensions]
    return mean.astype(np.float32), (projection / np.abs(projection).max()).astype(np.float32)


def _described(texts: Sequence[str], rng: random.Random) -> tuple[Array, NDArray[np.intp]]:
    descriptions, pages = [], []
    for number in range(PAGES):
        page = draw_page(texts, rng)
        for picture in (page, *(spoil(page, rng) for _ in range(VIEWS))):
            description = describe(picture)
            if description is not None:
                descriptions.append(description)
                pages.append(number)
    return np.stack(descriptions), np.array(pages)


def _class_means(values: NDArray[np.float64], classes: NDArray[np.intp]) -> NDArray[np.float64]:
    """The mean of its class for every row."""
    sums = np.zeros((classes.max() + 1, values.shape[1]))
    np.add.at(sums, classes, values)
    counts = np.maximum(np.bincount(classes), 1)
    means: NDArray[np.float64] = (sums / counts[:, None])[classes]
    return means


def _whitening(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    size = len(covariance)
    covariance = covariance + SHRINKAGE * np.trace(covariance) / size * np.eye(size)
    values, vectors = np.linalg.eigh(covariance)
    whitening: NDArray[np.float64] = vectors / np.sqrt(values)
    return whitening
