"""Finetuning of rerankers: of a short list with one right page, that page should get the highest score.

The loss is listwise, over the right page and its hard negatives, with gradients cached so that only a few
pairs are in memory at once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sentence_transformers.cross_encoder import CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.data_collator import CrossEncoderDataCollator
from sentence_transformers.cross_encoder.losses import CachedMultipleNegativesRankingLoss
from torch.nn import Identity

from docsearch.learn.finetune import models
from docsearch.learn.finetune.data import Material, ndcg, planned_batches, rows
from docsearch.learn.finetune.pages import ShownPages
from docsearch.learn.finetune.trainer import RerankerTrainer, arguments, as_dataset
from docsearch.learn.job import Job
from docsearch.models.inputs import library_value
from docsearch.models.protocols import TEXT, ModelInput


class RerankerTraining:
    """A reranker with what it learns from. See `train` in `run` for how it is used."""

    def __init__(self, job: Job, given: Material, folder: Path, check: Callable[[], None]) -> None:
        """Opens the base; `check` is called now and then."""
        self.job = job
        self.given = given
        self.folder = folder
        self.base, self.model = models.open_reranker(job)
        self.row = models.base_row(job)
        self.pages = ShownPages(given.pages, self.base.modalities, self.row.image_pixels, job.role)
        check()
        models.choose_weights(self.model, job)
        self.trained = self.model
        self.rows = rows(given, job)
        self.plan = planned_batches(given, self.rows, job)

    def measure(self) -> float | None:
        """nDCG@10 over the short lists of the held-out queries; None when there are none."""
        values = [
            ndcg(self.base.score(ModelInput(query), [self.pages.given(n) for n in shown]), relevance)
            for query, shown, relevance in self.given.held_out
        ]
        return float(np.mean(values)) if values else None

    def trainer(self) -> RerankerTrainer:
        """The library's trainer over the planned batches."""
        device = models.training_device(self.job)
        loss = CachedMultipleNegativesRankingLoss(
            self.model,
            num_negatives=1,
            scale=1.0,
            activation_fn=Identity(),
            mini_batch_size=self.job.mini_batch_size,
        )
        collate = _Collator(
            preprocess_fn=self.model.preprocess, prompts=models.prompts(self.model, self.row)[0] or None
        )
        collate.fill = self._filled
        return RerankerTrainer(
            model=self.model,
            args=CrossEncoderTrainingArguments(
                **arguments(self.job, self.folder, self.plan, device.name, device.dtype)
            ),
            train_dataset=as_dataset(self.rows),
            loss=loss,
            data_collator=collate,
        )

    def _filled(self, features: dict[str, Any]) -> dict[str, Any]:
        """A row of the dataset with what the numbers stand for."""
        [query] = models.query_inputs(self.model, self.row, [features["query"]])
        pages = {name: self._shown(number) for name, number in features.items() if name != "query"}
        return {"query": query, **pages}

    def _shown(self, number: int) -> Any:
        given = self.pages.given(number)
        kind = given.kind(self.base.modalities, prefer=TEXT)
        return library_value(given, kind or TEXT, self.row, self.model)


class _Collator(CrossEncoderDataCollator):  # type: ignore[misc]  # untyped library
    """Puts inputs in the place of numbers when a batch is made."""

    fill: Callable[[dict[str, Any]], dict[str, Any]]

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = super().__call__([self.fill(row) for row in features])
        return made
