"""From a job to a finished model folder, through as many processes as it takes."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from docsearch.models.vision import mend_torchvision

mend_torchvision()
from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.learn.finetune.card import model_card
from docsearch.learn.finetune.data import Material
from docsearch.learn.finetune.embedder import EmbedderTraining
from docsearch.learn.finetune.models import save_model
from docsearch.learn.finetune.reranker import RerankerTraining
from docsearch.learn.finetune.trainer import (
    CHECKPOINTS,
    Watch,
    keep_share,
    last_checkpoint,
    trained_weights,
)
from docsearch.learn.job import Job
from docsearch.learn.process import RESULT, progress
from docsearch.models.registry import Role
from docsearch.models.tuned import TunedNote, weights_of

Training = EmbedderTraining | RerankerTraining


class Paused(Exception):
    """Someone asked for a pause before training began."""


def train(job: Job, given: Material, folder: Path, asked_to_pause: Callable[[], bool]) -> bool:
    """Trains until the result is in the folder, or until a pause is asked for; returns whether it is there.

    Raises ModelUnavailable when the base cannot be opened or training leads nowhere, and SettingsError when
    the examples teach nothing.
    """
    torch.manual_seed(job.seed)

    def check() -> None:
        if asked_to_pause():
            raise Paused

    try:
        training = _opened(job, given, folder, check)
    except Paused:
        return False
    try:
        return _trained(training, folder, asked_to_pause)
    finally:
        training.pages.close()


def _opened(job: Job, given: Material, folder: Path, check: Callable[[], None]) -> Training:
    kind = EmbedderTraining if job.role is Role.EMBEDDER else RerankerTraining
    return kind(job, given, folder, check)


def _trained(training: Training, folder: Path, asked_to_pause: Callable[[], bool]) -> bool:
    job, trained = training.job, training.trained
    if not training.plan:
        raise SettingsError("there is nothing to learn from examples that all name the same page")
    start = trained_weights(trained) if job.keep else {}
    watch = Watch(job, folder, training.measure, asked_to_pause)
    trainer = training.trainer()
    _hush(trainer)
    trainer.add_callback(watch)
    checkpoint = last_checkpoint(folder)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if watch.paused:
        return False
    if not all(bool(weight.isfinite().all()) for weight in trained_weights(trained).values()):
        raise ModelUnavailable("training went astray", hint="set a smaller learning rate")
    if job.keep:
        keep_share(trained, start, job.keep)
    state = trainer.state
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    watch.report(state.global_step, state.max_steps, losses[-1] if losses else None, training.measure())
    _finish(training, folder)
    return True


def _finish(training: Training, folder: Path) -> None:
    """Writes the result aside and gives it its name: it is there as a whole or not at all."""
    partial, given = folder / f"{RESULT}.partial", training.given
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    training.model.eval()
    save_model(training.model, training.row, partial)
    card = model_card(
        training.job, progress(folder), len(given.queries), len(given.pages), len(given.held_out)
    )
    (partial / "README.md").write_text(card, "utf-8")
    _note(training).write(partial)
    partial.rename(folder / RESULT)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def _note(training: Training) -> TunedNote:
    job = training.job
    if isinstance(training, RerankerTraining):
        return TunedNote(job.role, job.base.name)
    return TunedNote(job.role, job.base.name, weights_of(training.base), training.frozen)


def _hush(trainer: object) -> None:
    """Progress is in the progress file; the library need not print it too."""
    from transformers import PrinterCallback, ProgressCallback

    for kind in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(kind)  # type: ignore[attr-defined]
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
