"""Finetuning of embedders: the query side against the vectors that pages have, or both sides.

Every query should be nearer to its page than to the pages of the other queries and to its hard negatives
(multiple negatives ranking loss), at every length of vector (Matryoshka representation learning).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.data_collator import SentenceTransformerDataCollator
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MatryoshkaLoss,
    MultipleNegativesRankingLoss,
)

from docsearch.config import whole_file
from docsearch.learn.finetune import models
from docsearch.learn.finetune.data import Material, ndcg, planned_batches, rows
from docsearch.learn.finetune.frozen import with_frozen_pages
from docsearch.learn.finetune.pages import ShownPages
from docsearch.learn.finetune.trainer import EmbedderTrainer, arguments, as_dataset
from docsearch.learn.job import Job, Sides
from docsearch.models.inputs import library_value
from docsearch.models.protocols import BOTH, IMAGE, TEXT, Embedder, ModelInput, Vectors
from docsearch.models.registry import Runtime

_PAGES_AT_ONCE = 16
_VECTORS = "pages.npy"


class EmbedderTraining:
    """An embedder with what it learns from. See `train` in `run` for how it is used."""

    def __init__(self, job: Job, given: Material, folder: Path, check: Callable[[], None]) -> None:
        """Opens the base and embeds the pages with it; `check` is called between batches of pages.

        `model` is what is saved in the end, `trained` the form in which the same weights are trained.
        """
        self.job = job
        self.given = given
        self.folder = folder
        self.base, self.model = models.open_embedder(job)
        self.row = models.base_row(job)
        self.pages = ShownPages(given.pages, self._modalities(), self.row.image_pixels, job.role)
        self.vectors = self._page_vectors(check)
        models.choose_weights(self.model, job)
        self.trained = with_frozen_pages(self.model, self.vectors) if self.frozen else self.model
        queries = models.query_vectors(self.model, self.row, given.queries)
        self.rows = rows(given, job, lambda number: np.asarray(self.vectors @ queries[number]))
        self.plan = planned_batches(given, self.rows, job)

    def measure(self) -> float | None:
        """nDCG@10 over the short lists of the held-out queries; None when there are none."""
        asked = self.given.held_out
        if not asked:
            return None
        queries = models.query_vectors(self.model, self.row, [query for query, _, _ in asked])
        pages = self._held_out_vectors()
        values = [
            ndcg(pages[list(shown)] @ query, relevance)
            for query, (_, shown, relevance) in zip(queries, asked, strict=True)
        ]
        return float(np.mean(values))

    def trainer(self) -> EmbedderTrainer:
        """The library's trainer over the planned batches."""
        device = models.training_device(self.job)
        trained = self.trained
        columns = ["positive", *(f"negative_{n + 1}" for n in range(len(self.rows[0].negatives)))]
        query, page = models.prompts(self.model, self.row)
        tasks = {"query": "query", **dict.fromkeys(columns, "document")}
        said = {"query": query, **({} if self.frozen else dict.fromkeys(columns, page))}
        collate = _Collator(
            preprocess_fn=trained.preprocess,
            router_mapping=tasks,
            prompts={column: prompt for column, prompt in said.items() if prompt},
        )
        collate.fill = self._filled
        return EmbedderTrainer(
            model=trained,
            args=SentenceTransformerTrainingArguments(
                **arguments(self.job, self.folder, self.plan, device.name, device.dtype),
                router_mapping=tasks,
            ),
            train_dataset=as_dataset(self.rows),
            loss=self._loss(trained),
            data_collator=collate,
        )

    @property
    def frozen(self) -> bool:
        """Whether pages keep their vectors."""
        return self.job.sides is Sides.QUERY

    def _loss(self, model: SentenceTransformer) -> MatryoshkaLoss:
        if self.job.base.runtime is Runtime.STARTER:  # its sums of tokens cannot be cut into smaller batches
            inner = MultipleNegativesRankingLoss(model)
        else:
            inner = CachedMultipleNegativesRankingLoss(model, mini_batch_size=self.job.mini_batch_size)
        lengths = sorted({self.base.dimensions, *self.job.dimensions}, reverse=True)
        return MatryoshkaLoss(model, inner, matryoshka_dims=lengths)

    def _modalities(self) -> frozenset[str]:
        """As what pages are shown. Queries are words, and the starter compares words with words alone."""
        if self.job.base.runtime is Runtime.STARTER and self.frozen:
            return frozenset({"text"})
        return self.base.modalities

    def _filled(self, features: dict[str, Any]) -> dict[str, Any]:
        """A row of the dataset with what the numbers stand for."""
        [query] = models.query_inputs(self.model, self.row, [features["query"]])
        pages = {name: value for name, value in features.items() if name != "query"}
        if not self.frozen:
            pages = {name: self._shown(number) for name, number in pages.items()}
        return {"query": query, **pages}

    def _shown(self, number: int) -> Any:
        """A page as the library is given it. One that a model for pictures cannot be shown is blank."""
        given = self.pages.given(number)
        takes = self.base.modalities
        kind = given.kind(takes, prefer=IMAGE)
        if kind in ("", TEXT) and IMAGE in takes and BOTH not in takes:
            kind, given = IMAGE, ModelInput(image=Image.new("RGB", (64, 64), "white"))
        return library_value(given, kind or TEXT, self.row, self.model)

    def _page_vectors(self, check: Callable[[], None]) -> Vectors:
        """Of all pages, from the base; kept in the folder for the next time."""
        file = self.folder / _VECTORS
        if file.exists():
            vectors: Vectors = np.load(file, allow_pickle=False)
            if vectors.shape == (len(self.given.pages), self.base.dimensions):
                return vectors
        vectors = _embedded(self.base, self.pages, range(len(self.given.pages)), check)
        with whole_file(file, durable=False) as stream:
            np.save(stream, vectors)
        return vectors

    def _held_out_vectors(self) -> Vectors:
        """Of the pages of all short lists, shape (pages, dimensions); rows of other pages may be zeros."""
        if self.frozen:
            return self.vectors
        needed = sorted({number for _, shown, _ in self.given.held_out for number in shown})
        vectors = np.zeros_like(self.vectors)
        now = models.as_it_is_now(self.base, self.model, self.row)
        vectors[needed] = _embedded(now, self.pages, needed, lambda: None)
        return vectors


class _Collator(SentenceTransformerDataCollator):  # type: ignore[misc]  # untyped library
    """Puts inputs in the place of numbers when a batch is made."""

    fill: Callable[[dict[str, Any]], dict[str, Any]]

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = super().__call__([self.fill(row) for row in features])
        return made


def _embedded(
    embedder: Embedder, pages: ShownPages, numbers: Sequence[int], check: Callable[[], None]
) -> Vectors:
    vectors = np.zeros((len(numbers), embedder.dimensions), np.float32)
    for start in range(0, len(numbers), _PAGES_AT_ONCE):
        check()
        batch = numbers[start : start + _PAGES_AT_ONCE]
        vectors[start : start + len(batch)] = embedder.embed_pages([pages.given(n) for n in batch])
    return vectors
