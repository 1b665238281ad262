"""Trains the small encoder that reads queries as a large model does.

A linear map from the token vectors that ship with docsearch is fitted first, in closed form: it knows
something of every word. On top of it each token and each word learns what the map misses, as long as that
helps with queries of other documents.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from docsearch.models.distilled import WORDS, Student, Table, start_vectors, token_bags, word_ids
from docsearch.models.protocols import Vectors
from docsearch.models.starter.embedder import SHIPPED
from docsearch.models.starter.weights import StarterWeights
from docsearch.models.starter.words import Bag, WordPieces
from docsearch.records import DistillStep

if TYPE_CHECKING:
    from torch import Tensor

WIDTH = 256
"""Numbers that a token or a word learns: as many dimensions hold most of what queries differ in."""
EPOCHS = 12
PATIENCE = 2
"""Rounds without a gain after which it ends."""
BATCH = 256
RATE, TABLE_RATE = 5e-4, 3e-3
_RIDGE = 1.0
_CHECKED_SHARE = 0.1

Training = Generator[DistillStep, None, Student]


def train_student(texts: Sequence[str], vectors: Vectors, groups: Sequence[str], seed: int = 1) -> Training:
    """Tells how far it is and returns the student.

    Args:
        texts: queries, two at least.
        vectors: the large model's, unit length, shape (len(texts), dimensions).
        groups: what each query was made from; a tenth of the groups tell when to stop.
        seed: the same one gives the same student on the same machine.
    """
    weights = StarterWeights.read(SHIPPED)
    bags = token_bags(WordPieces(weights.tokenizer), texts)
    start = start_vectors(Table(weights.tokens, weights.scales), bags)
    checked = _checked(groups, seed)
    linear, bias = _ridge(start[~checked], vectors[~checked])
    words = [word_ids(text) for text in texts]
    module = _Module(weights.tokens.shape[0], linear, bias, seed)
    batch = module.batches(start, bags, words, vectors)
    yield from module.learn(batch, np.flatnonzero(~checked), np.flatnonzero(checked), seed)
    tokens, spelled, outer, linear, bias = module.result()
    return Student(
        weights.tokenizer.to_str().encode(),
        Table(weights.tokens, weights.scales),
        Table.of(tokens),
        Table.of(spelled),
        linear,
        bias,
        outer,
    )


def _checked(groups: Sequence[str], seed: int) -> NDArray[np.bool_]:
    """Which queries tell when to stop; with few groups some of every group."""
    several = len(set(groups)) >= 1 / _CHECKED_SHARE
    keys = groups if several else [f"{number} {group}" for number, group in enumerate(groups)]
    shares = np.array([zlib.crc32(f"{seed} {key}".encode()) / 2**32 for key in keys])
    chosen = shares < _CHECKED_SHARE
    return chosen if chosen.any() and not chosen.all() else np.arange(len(groups)) % 10 == 0


def _ridge(inputs: Vectors, targets: Vectors) -> tuple[Vectors, Vectors]:
    """The linear map and bias with the least squared error, shapes (inputs, dimensions) and (dimensions,)."""
    known = np.hstack([inputs, np.ones((len(inputs), 1), np.float32)]).astype(np.float64)
    solved = np.linalg.solve(known.T @ known + _RIDGE * np.eye(known.shape[1]), known.T @ targets)
    solved = solved.astype(np.float32)
    return solved[:-1], solved[-1]


Take = Callable[[NDArray[np.intp]], tuple[Any, ...]]


class _Module:
    """What is trained, in torch; tables get gradients for the rows of a batch alone."""

    def __init__(self, vocabulary: int, linear: Vectors, bias: Vectors, seed: int) -> None:
        import torch
        from torch import nn

        self.torch = torch
        draw = torch.Generator().manual_seed(seed)
        outer = torch.empty(WIDTH, len(bias))
        nn.init.orthogonal_(outer, generator=draw)
        self.linear, self.bias = nn.Parameter(torch.from_numpy(linear)), nn.Parameter(torch.from_numpy(bias))
        self.outer = nn.Parameter(outer)
        self.tables = [
            nn.EmbeddingBag.from_pretrained(torch.zeros(rows, WIDTH), freeze=False, mode="sum", sparse=True)
            for rows in (vocabulary, WORDS)
        ]
        self.dense = torch.optim.Adam([self.linear, self.bias, self.outer], lr=RATE)
        self.sparse = torch.optim.SparseAdam([table.weight for table in self.tables], lr=TABLE_RATE)

    def batches(self, start: Vectors, bags: Sequence[Bag], words: Sequence[Bag], vectors: Vectors) -> Take:
        """Gives the inputs and targets of some queries as tensors."""

        def take(places: NDArray[np.intp]) -> tuple[Any, ...]:
            both = (self._bags([kind[i] for i in places]) for kind in (bags, words))
            return (self.torch.from_numpy(start[places]), *both, self.torch.from_numpy(vectors[places]))

        return take

    def learn(
        self, take: Take, learned: NDArray[np.intp], checked: NDArray[np.intp], seed: int
    ) -> Generator[DistillStep, None, None]:
        """Learns until it no longer helps with the checked queries, and goes back to where it helped most."""
        chance, best, since = np.random.default_rng(seed), self._agreement(take, checked), 0
        kept = [parameter.detach().clone() for parameter in self._parameters()]
        for epoch in range(EPOCHS):
            yield DistillStep("the small encoder learns", epoch, EPOCHS, "rounds")
            order = chance.permutation(learned)
            for start in range(0, len(order), BATCH):
                self._step(take(order[start : start + BATCH]), 1 - (epoch + start / len(order)) / EPOCHS)
            reached = self._agreement(take, checked)
            since = 0 if reached > best else since + 1
            if reached > best:
                best, kept = reached, [parameter.detach().clone() for parameter in self._parameters()]
            if since >= PATIENCE:
                break
        with self.torch.no_grad():
            for parameter, value in zip(self._parameters(), kept, strict=True):
                parameter.copy_(value)

    def result(self) -> tuple[Vectors, ...]:
        """Token table, word table, their map, the linear map and its bias."""
        parameters = (*(table.weight for table in self.tables), self.outer, self.linear, self.bias)
        return tuple(parameter.detach().numpy() for parameter in parameters)

    def _parameters(self) -> list[Any]:
        return [self.linear, self.bias, self.outer, *(table.weight for table in self.tables)]

    def _step(self, batch: tuple[Any, ...], rest: float) -> None:
        for optimiser, rate in ((self.dense, RATE), (self.sparse, TABLE_RATE)):
            optimiser.param_groups[0]["lr"] = rate * max(rest, 0.02)
            optimiser.zero_grad()
        (1 - self._cosines(batch)).mean().backward()
        self.dense.step()
        self.sparse.step()

    def _cosines(self, batch: tuple[Any, ...]) -> Tensor:
        start, tokens, words, targets = batch
        sums = self.tables[0](*tokens[:2], per_sample_weights=tokens[2])
        sums = sums + self.tables[1](*words[:2], per_sample_weights=words[2])
        given = start @ self.linear + self.bias + sums @ self.outer
        found: Tensor = (self.torch.nn.functional.normalize(given, dim=1) * targets).sum(dim=1)
        return found

    def _agreement(self, take: Take, places: NDArray[np.intp]) -> float:
        """The mean cosine to the large model's vectors."""
        with self.torch.no_grad():
            parts = [self._cosines(take(places[i : i + BATCH])) for i in range(0, len(places), BATCH)]
            return float(self.torch.cat(parts).mean())

    def _bags(self, bags: Sequence[Bag]) -> tuple[Any, Any, Any]:
        """Rows, where each bag begins, and weights, as `EmbeddingBag` takes them."""
        starts = np.cumsum([0, *(len(rows) for rows, _ in bags[:-1])])
        joined = (np.concatenate([bag[side] for bag in bags]) for side in (0, 1))
        rows, weights = (self.torch.from_numpy(array) for array in joined)
        return rows, self.torch.from_numpy(starts), weights
