"""What is shown to the model in which batch: pages by number, wrong pages, the draw by weight.

Deterministic for a seed, so that a training that was cut off goes on with the batches that are left.
Knows no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from docsearch.evaluate.metrics import ndcg10
from docsearch.learn.job import (
    HeldOutQuery,
    Job,
    TrainingExample,
    TrainingPage,
    read_examples,
    read_held_out,
)


class _Page(Protocol):
    @property
    def path(self) -> object: ...

    @property
    def page(self) -> int: ...

    @property
    def text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Row:
    """A query with the number of the right page and numbers of wrong ones, always equally many of them."""

    query: str
    positive: int
    negatives: tuple[int, ...]


class PageNumbers:
    """Numbers for pages, in the order in which they come up."""

    def __init__(self) -> None:
        self.pages: list[TrainingPage] = []
        self._numbers: dict[tuple[str, int], int] = {}

    def number(self, page: _Page) -> int:
        """The number of a page; the first text that is given for it counts."""
        key = (str(page.path), page.page)
        if key not in self._numbers:
            self._numbers[key] = len(self.pages)
            self.pages.append(TrainingPage(page.path, page.page, page.text))  # type: ignore[arg-type]
        return self._numbers[key]


@dataclass(frozen=True, slots=True)
class Material:
    """All that a job brings, pages by number.

    Attributes:
        queries, positives, weights: of each example.
        passed: the wrong pages that each example names.
        right: all right pages of each example's query.
        held_out: query, candidates and their relevance, of each held-out query.
    """

    pages: tuple[TrainingPage, ...]
    queries: tuple[str, ...]
    positives: tuple[int, ...]
    passed: tuple[tuple[int, ...], ...]
    weights: NDArray[np.float64]
    right: tuple[frozenset[int], ...]
    held_out: tuple[tuple[str, tuple[int, ...], tuple[float, ...]], ...]


def read_material(folder: Path) -> Material:
    """The examples and held-out queries of a job; raises SettingsError naming what cannot be used."""
    return material(read_examples(folder), read_held_out(folder))


def material(examples: Iterable[TrainingExample], held_out: Iterable[HeldOutQuery]) -> Material:
    """Numbers the pages of examples and held-out queries. Examples without weight or words are left out."""
    used = [example for example in examples if example.weight > 0 and example.query.strip()]
    numbers = PageNumbers()
    positives = tuple(numbers.number(example.positive) for example in used)
    right: dict[str, set[int]] = {}
    for example, page in zip(used, positives, strict=True):
        right.setdefault(_same(example.query), set()).add(page)
    passed = tuple(tuple(map(numbers.number, example.negatives)) for example in used)
    asked = [
        (
            query.query,
            tuple(map(numbers.number, query.candidates)),
            tuple(c.relevance for c in query.candidates),
        )
        for query in held_out
    ]
    return Material(
        tuple(numbers.pages),
        tuple(example.query for example in used),
        positives,
        passed,
        np.array([example.weight for example in used]),
        tuple(frozenset(right[_same(example.query)]) for example in used),
        tuple(asked),
    )


Similarities = Callable[[int], NDArray[np.float32]]
"""The similarity of every page to the query of an example, shape (pages,)."""


def rows(given: Material, job: Job, similarities: Similarities | None = None) -> list[Row]:
    """One row an example. Wrong pages are those it names, then the most similar ones that are below the right
    one by the margin (where similarities are known), then any.
    """
    rng = np.random.default_rng(job.seed)
    everything = np.array(sorted({*given.positives}.union(*given.passed)))
    wanted = min(job.negatives, max(len(everything) - max(map(len, given.right)), 0))
    made = []
    for number, (query, positive) in enumerate(zip(given.queries, given.positives, strict=True)):
        named = [page for page in given.passed[number] if page not in given.right[number]]
        chosen = list(dict.fromkeys(rng.permutation(named).tolist()))[:wanted]
        if similarities is not None and len(chosen) < wanted:
            chosen += _mined(
                similarities(number), positive, everything, job.margin, {*chosen, *given.right[number]}
            )
        others = [page for page in rng.permutation(everything).tolist() if page not in given.right[number]]
        made.append(Row(query, positive, tuple(dict.fromkeys([*chosen, *others]))[:wanted]))
    return made


def _mined(
    similar: NDArray[np.float32], positive: int, pages: NDArray[np.int64], margin: float, left_out: set[int]
) -> list[int]:
    """Hard negatives: the most similar pages first, those left out that may well be right themselves."""
    wrong = [page for page in pages.tolist() if similar[page] <= similar[positive] - margin]
    return sorted((page for page in wrong if page not in left_out), key=lambda page: -float(similar[page]))


def planned_batches(given: Material, made: Sequence[Row], job: Job) -> list[list[int]]:
    """Numbers of rows in batches, for all epochs.

    An example is drawn in proportion to its weight (systematic resampling: as often as expected, rounded
    up or down). No batch holds a page that is right for one query and stands as wrong for another, as far
    as is known.
    """
    rng = np.random.default_rng(job.seed + 1)
    batches: list[list[int]] = []
    for _ in range(job.epochs):
        drawn = rng.permutation(_resampled(given.weights, rng)).tolist()
        batches += _without_conflicts(given, made, drawn, job.batch_size)
    return [batch for batch in batches if len(batch) > 1 or made[batch[0]].negatives]


def _resampled(weights: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.intp]:
    places = (np.arange(len(weights)) + rng.random()) * (weights.sum() / len(weights))
    found: NDArray[np.intp] = np.searchsorted(weights.cumsum(), places, side="right").clip(
        max=len(weights) - 1
    )
    return found


def _without_conflicts(
    given: Material, made: Sequence[Row], drawn: Sequence[int], size: int
) -> Iterator[list[int]]:
    waiting = list(drawn)
    while waiting:
        batch: list[int] = []
        left: list[int] = []
        right: set[int] = set()
        shown: set[int] = set()
        for number in waiting:
            pages = {made[number].positive, *made[number].negatives}
            if len(batch) < size and not (given.right[number] & shown or pages & right):
                batch.append(number)
                right |= given.right[number]
                shown |= pages
            else:
                left.append(number)
        yield batch
        waiting = left


def _same(query: str) -> str:
    return " ".join(query.casefold().split())


def ndcg(scores: NDArray[np.float32], relevance: Sequence[float]) -> float:
    """nDCG@10 of a short list in the order of its scores, shape (pages,); 0 when nothing is relevant."""
    gains = np.array(relevance, np.float64)
    return ndcg10(gains[np.argsort(-scores, kind="stable")], gains)
