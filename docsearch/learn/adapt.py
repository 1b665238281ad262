"""The query adapter: a low-rank map that moves a query's vector towards pages chosen for such queries.

    moved = vector + vector · left · right

Pages keep their vectors, so an adapter counts at once and is gone at once. It is fitted listwise (see
`ranking`), on top of the scores there are, held to the identity by the squares of its entries. The loss is
convex; the map is cut to its largest singular values at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from docsearch.learn.examples import Array, Asked, Vectors
from docsearch.learn.ranking import Example, fit_scale

RANK = 16
DIRECTIONS = 128
"""Queries and pages are looked at along so many of their main directions, whatever the model."""
_STEPS = 60

Block = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Adapter:
    """A fitted map for the vectors of one embedder.

    Attributes:
        fingerprint: of the embedder.
        left: shape (dimensions, rank).
        right: shape (rank, dimensions).
        mean: the mean page vector, shape (dimensions,): pages count by how they differ from it.
    """

    fingerprint: str
    left: Vectors
    right: Vectors
    mean: Vectors

    def shift(self, vector: Vectors) -> Vectors:
        """What is added to a query vector, shape (dimensions,)."""
        return np.asarray((vector @ self.left) @ self.right, np.float32)

    def gains(self, asked: Asked) -> Array:
        """What each candidate of a query gains, shape (candidates,)."""
        return np.asarray(asked.weight * (asked.vectors @ self.shift(asked.vector)), np.float64)


def fit_adapter(
    asked: Sequence[Asked], base: Sequence[Array], strength: float, fingerprint: str, mean: Vectors
) -> Adapter | None:
    """An adapter on top of the candidates' scores `base`; None when there is nothing to learn from.

    `strength` is what it costs to change a score by one, in the unit of the loss (nats a query), for a
    query and a page of mean length.
    """
    chosen = [(a, b) for a, b in zip(asked, base, strict=True) if a.teaches and len(a.vector)]
    if not chosen:
        return None
    queries = np.stack([a.weight * a.vector for a, _ in chosen]).astype(np.float32)
    into, out = _main_directions(queries), _main_directions(np.concatenate([a.vectors for a, _ in chosen]))
    lists = _Lists.of(chosen, queries @ into, out)
    if not lists.length:
        return None
    found = _minimised(lists, strength)
    left, values, right = np.linalg.svd(found, full_matrices=False)
    rank = min(RANK, len(values))
    scale = lists.temperature * lists.length
    return Adapter(
        fingerprint,
        np.asarray(into @ (left[:, :rank] * values[:rank]) / scale, np.float32),
        np.asarray(right[:rank] @ out.T, np.float32),
        mean,
    )


@dataclass(frozen=True, slots=True)
class _Lists:
    """All lists side by side, short ones filled up.

    Attributes:
        base: temperature times the scores there are, shape (queries, candidates); very low where there is
            no candidate.
        shares: how relevance is shared, shape (queries, candidates).
        counts: how much each query counts, shape (queries,); the mean is 1.
        queries: shape (queries, directions).
        pages: shape (queries, candidates, directions).
        temperature: what a unit of score counts in nats.
        length: mean length of the products of a query and a page, by which both were divided.
    """

    base: Block
    shares: Block
    counts: Block
    queries: Block
    pages: Block
    temperature: float
    length: float

    @classmethod
    def of(cls, chosen: Sequence[tuple[Asked, Array]], queries: Block, out: Block) -> _Lists:
        examples = [Example(b[:, None], a.relevance, a.counts) for a, b in chosen]
        temperature = fit_scale(examples)
        longest = max(len(b) for _, b in chosen)
        base = np.full((len(chosen), longest), -1e9, np.float32)
        shares = np.zeros((len(chosen), longest), np.float32)
        pages = np.zeros((len(chosen), longest, out.shape[1]), np.float32)
        for row, (a, b) in enumerate(chosen):
            base[row, : len(b)] = temperature * (b - b.max())
            shares[row, : len(b)] = a.relevance / a.relevance.sum()
            pages[row, : len(b)] = a.vectors @ out
        counts = np.array([a.counts for a, _ in chosen], np.float32)
        spread = [float((a.vectors**2).sum(1).mean()) for a, _ in chosen]
        length = float(np.sqrt(((queries**2).sum(1) * spread).mean()))
        queries = queries / max(length, 1e-9)
        return cls(base, shares, counts / counts.mean(), queries, pages, temperature, length)

    def loss(self, flat: Array, strength: float) -> tuple[float, Array]:
        """Mean cross-entropy plus the cost of the map, and its gradient."""
        shape = self.queries.shape[1], self.pages.shape[2]
        matrix = flat.reshape(shape).astype(np.float32)
        scores = self.base + np.einsum("ncp,np->nc", self.pages, self.queries @ matrix, optimize=True)
        scores -= scores.max(1, keepdims=True)
        powers = np.exp(scores)
        sums = powers.sum(1, keepdims=True)
        losses = np.log(sums[:, 0]) - (self.shares * scores).sum(1)
        errors = (powers / sums - self.shares) * (self.counts / len(self.counts))[:, None]
        gradient = self.queries.T @ np.einsum("nc,ncp->np", errors, self.pages, optimize=True)
        cost = strength * float((flat**2).sum())
        value = float(self.counts @ losses) / len(self.counts) + cost
        return value, gradient.astype(np.float64).ravel() + 2 * strength * flat


def _minimised(lists: _Lists, strength: float) -> Array:
    from scipy.optimize import minimize

    shape = lists.queries.shape[1], lists.pages.shape[2]
    found = minimize(
        lists.loss,
        np.zeros(shape[0] * shape[1]),
        args=(strength,),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _STEPS},
    )
    matrix: Array = found.x.reshape(shape)
    return matrix


def _main_directions(rows: Block) -> Block:
    """Orthonormal columns, shape (dimensions, at most DIRECTIONS): where the rows are longest."""
    values, vectors = np.linalg.eigh((rows.T @ rows).astype(np.float64))
    kept = np.flatnonzero(values > max(values[-1], 0) * 1e-9)[-DIRECTIONS:]
    return np.asarray(vectors[:, kept], np.float32)
