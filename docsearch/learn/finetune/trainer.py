"""The library's trainers, made to be paused, cut off and resumed, and to say how far they are.

What is trained, and on what, is not known here.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformerTrainer
from sentence_transformers.cross_encoder import CrossEncoderTrainer
from torch import Tensor, nn
from transformers import TrainerCallback

from docsearch.config import owner_only
from docsearch.learn.finetune.data import Row
from docsearch.learn.job import Job
from docsearch.learn.process import PAUSE, PROGRESS, progress

CHECKPOINTS = "checkpoints"
_WEIGHTS, _WHOLE = "trained.safetensors", "whole"
_MEASUREMENTS = 10
"""Held-out queries are measured at most so often, beside the first and the last time,"""
_MEASURING = 0.2
"""and only as long as that takes no more than this share of the time."""


class Resumable:
    """Checkpoints with the exact weights that are trained, and nothing that the base has."""

    model: nn.Module

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:  # noqa: ARG002
        assert output_dir is not None
        Path(output_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
        save_file(trained_weights(self.model), Path(output_dir) / _WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:  # noqa: ARG002
        set_weights(self.model, load_file(Path(resume_from_checkpoint) / _WEIGHTS))

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """None: the library's card would show examples, which are the user's documents."""


class EmbedderTrainer(Resumable, SentenceTransformerTrainer):  # type: ignore[misc]  # untyped library
    """Trains embedders."""


class RerankerTrainer(Resumable, CrossEncoderTrainer):  # type: ignore[misc]  # untyped library
    """Trains rerankers."""


def trained_weights(model: nn.Module) -> dict[str, Tensor]:
    """Copies of the weights that are trained, in main memory."""
    return {
        name: weight.detach().cpu().clone()
        for name, weight in model.named_parameters()
        if weight.requires_grad
    }


def set_weights(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Gives the model these weights, by name."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name in weights:
                weight.copy_(weights[name])


def keep_share(model: nn.Module, start: dict[str, Tensor], share: float) -> None:
    """Moves the weights back towards where they started, by that share of the way (WiSE-FT)."""
    end = trained_weights(model)
    set_weights(model, {name: torch.lerp(end[name], start[name], share) for name in end})


class PlannedBatches:
    """Batches that are planned beforehand, as a sampler."""

    def __init__(self, plan: Sequence[list[int]], batch_size: int) -> None:
        self.plan = plan
        self.batch_size = batch_size
        self.drop_last = False

    def __len__(self) -> int:
        return len(self.plan)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.plan)


def as_dataset(rows: Sequence[Row]) -> Dataset:
    """Columns query, positive, negative_1, negative_2 …; pages are numbers."""
    columns: dict[str, list[Any]] = {
        "query": [row.query for row in rows],
        "positive": [row.positive for row in rows],
    }
    for place in range(len(rows[0].negatives)):
        columns[f"negative_{place + 1}"] = [row.negatives[place] for row in rows]
    return Dataset.from_dict(columns)


def arguments(job: Job, folder: Path, plan: Sequence[list[int]], device: str, dtype: str) -> dict[str, Any]:
    """What both kinds of trainers are told."""
    return {
        "output_dir": str(folder / CHECKPOINTS),
        "num_train_epochs": 1,
        "per_device_train_batch_size": job.batch_size,
        "learning_rate": job.learning_rate,
        "warmup_steps": len(plan) // 10,
        "weight_decay": 0.0,
        "seed": job.seed,
        "batch_sampler": lambda *_, **__: PlannedBatches(plan, job.batch_size),
        "use_cpu": device == "cpu",
        "bf16": device == "cuda" and dtype == "bfloat16",
        "fp16": device == "cuda" and dtype == "float16",
        "dataloader_pin_memory": False,  # vectors of pages lie on the device already
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "eval_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


class Watch(TrainerCallback):  # type: ignore[misc]  # untyped library
    """Writes progress and checkpoints, ends training when it is asked to or its time is over."""

    def __init__(
        self, job: Job, folder: Path, measure: Callable[[], float | None], asked_to_pause: Callable[[], bool]
    ) -> None:
        self.paused = False
        self._job = job
        self._folder = folder
        self._measure = measure
        self._asked_to_pause = asked_to_pause
        self._measuring = 0.0
        self._spent = max((step.seconds for step in progress(folder)), default=0.0)
        self._started = self._saved = time.monotonic()

    @property
    def seconds(self) -> float:
        """Of training, over all processes that worked on it."""
        return self._spent + time.monotonic() - self._started

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Says where it starts from."""
        self._started = self._saved = time.monotonic()
        if state.global_step == 0:
            self.report(0, state.max_steps, None, self._measured())

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Looks whether to save, to pause, or to end."""
        self.paused = self._asked_to_pause() or (self._folder / PAUSE).exists()
        over = 0 < self._job.max_seconds <= self.seconds
        control.should_training_stop |= self.paused or over
        control.should_save |= self.paused or time.monotonic() - self._saved >= self._job.save_seconds

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Says how far it is."""
        if logs and "loss" in logs:
            every = max(state.max_steps // _MEASUREMENTS, 1)
            due = state.global_step % every == 0 and state.global_step < state.max_steps
            due &= self._measuring <= _MEASURING * self.seconds
            self.report(state.global_step, state.max_steps, logs["loss"], self._measured() if due else None)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Marks the checkpoint as whole; those before it are not needed any more."""
        self._saved = time.monotonic()
        newest = self._folder / CHECKPOINTS / f"checkpoint-{state.global_step}"
        (newest / _WHOLE).touch(mode=0o600)
        for other in _checkpoints(self._folder):
            if other != newest:
                _drop(other)

    def _measured(self) -> float | None:
        began = time.monotonic()
        found = self._measure()
        self._measuring += time.monotonic() - began
        return found

    def report(self, step: int, of: int, loss: float | None, ndcg10: float | None) -> None:
        """Appends a line to the progress."""
        line = {"step": step, "of": of, "seconds": round(self.seconds, 3), "loss": loss, "ndcg10": ndcg10}
        with open(self._folder / PROGRESS, "a+", encoding="utf-8", opener=owner_only) as file:
            file.write(("" if _ends_well(file) else "\n") + json.dumps(line, allow_nan=True) + "\n")


def _ends_well(file: TextIO) -> bool:
    """Whether the file ends with a whole line: a process may have been killed while it wrote one."""
    end = file.buffer.seek(0, 2) if hasattr(file, "buffer") else 0
    if end == 0:
        return True
    file.buffer.seek(end - 1)
    return file.buffer.read(1) == b"\n"


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is whole; all others are removed."""
    found = _checkpoints(folder)
    whole = [path for path in found if (path / _WHOLE).exists()]
    newest = max(whole, key=lambda path: int(path.name.partition("-")[2]), default=None)
    for path in found:
        if path != newest:
            _drop(path)
    return newest


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in (folder / CHECKPOINTS).glob("checkpoint-*") if path.name[11:].isdecimal()]


def _drop(checkpoint: Path) -> None:
    """The mark goes first: half a checkpoint must never be taken for a whole one."""
    (checkpoint / _WHOLE).unlink(missing_ok=True)
    shutil.rmtree(checkpoint, ignore_errors=True)
