"""The process that trains: started, paused and looked at from outside. Knows no torch.

A process that runs holds a lock of the operating system's, so that one that was killed is never taken
for one that runs; the result appears whole or not at all.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from docsearch.config import owner_only, whole_file
from docsearch.errors import MissingExtra, SettingsError, UsageError
from docsearch.learn.job import JOB, decoded
from docsearch.program import environment
from docsearch.store.lock import is_held, take

RESULT = "result"
PROGRESS, PAUSE, STATE, LOG = "progress.jsonl", "pause", "state.json", "log.txt"
_LOCK = "running.lock"
_PACKAGES = ("accelerate", "datasets", "peft")
_PATIENCE_SECONDS = 5.0
"""Whoever asks for the state holds the lock for a moment."""


class State(StrEnum):
    """How a training stands."""

    WAITING = "waiting"
    """Not begun, or cut off; started, it goes on from where it last saved."""
    RUNNING = "running"
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Step:
    """How far training has come.

    Attributes:
        step, of: optimiser steps done, and how many there are.
        seconds: of training until here, over all processes that worked on it.
        loss: of this step; None before the first one.
        ndcg10: of the held-out queries; None where it was not measured.
    """

    step: int
    of: int
    seconds: float
    loss: float | None = None
    ndcg10: float | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """How a training stands; `reason` says why it failed, `process` who works on it, `starts` how often
    a process was begun for it."""

    state: State
    reason: str = ""
    process: int | None = None
    starts: int = 0
    last: Step | None = None


def start(folder: Path) -> int:
    """Starts or resumes a job in a process of its own, which outlives this one; returns its number.

    Raises UsageError when the folder holds no job, and MissingExtra when packages for training are missing.
    """
    require_packages()
    if not (folder / JOB).is_file():
        raise UsageError(f"there is no training job in {folder}")
    (folder / PAUSE).unlink(missing_ok=True)
    command = (sys.executable, "-P", "-m", "docsearch.learn.finetune", str(folder))
    with open(folder / LOG, "a", encoding="utf-8", opener=owner_only) as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=environment(),
        )
    return process.pid


def pause(folder: Path) -> None:
    """Asks for a pause: what was learned is saved, and the process ends. `start` goes on."""
    with open(folder / PAUSE, "w", opener=owner_only):
        pass


def training(folder: Path) -> Training:
    """How the training of a job stands."""
    said, last = _said(folder), (progress(folder) or (None,))[-1]
    starts = said.get("starts", 0)
    state, reason, process = _state(folder, said)
    return Training(state, reason, process, starts if type(starts) is int else 0, last)


def progress(folder: Path) -> tuple[Step, ...]:
    """The steps so far; of a step that was done again after a process was cut off, the last word counts."""
    steps: list[Step] = []
    with suppress(OSError), (folder / PROGRESS).open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            with suppress(ValueError, SettingsError, TypeError, AttributeError):
                step = _step(json.loads(line))
                while steps and steps[-1].step >= step.step:
                    steps.pop()
                steps.append(step)
    return tuple(steps)


def require_packages() -> None:
    """Raises MissingExtra when what training needs beside the models is not installed."""
    if not all(map(_is_installed, _PACKAGES)):
        raise MissingExtra("finetuning", "train")


@contextmanager
def running(folder: Path) -> Iterator[bool]:
    """Holds the job for this process; gives False when another process has it."""
    with take(folder / _LOCK, _PATIENCE_SECONDS) or nullcontext() as taken:
        yield taken is not None


def say(folder: Path, state: State, reason: str = "") -> None:
    """Leaves word how this process stands; counts a start when it runs."""
    starts = _said(folder).get("starts", 0) + (state is State.RUNNING)
    word = {"state": state, "reason": reason, "process": os.getpid(), "starts": starts}
    with whole_file(folder / STATE, durable=False) as file:
        file.write(json.dumps(word).encode())


def _state(folder: Path, said: dict[str, Any]) -> tuple[State, str, int | None]:
    if (folder / RESULT).is_dir():
        return State.DONE, "", None
    process = said.get("process")
    if is_held(folder / _LOCK):
        return State.RUNNING, "", process if type(process) is int else None
    if said.get("state") == State.FAILED:
        return State.FAILED, str(said.get("reason", "")), None
    if said.get("state") == State.PAUSED or (folder / PAUSE).exists():
        return State.PAUSED, "", None
    return State.WAITING, "was cut off" if said else "", None


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _said(folder: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        said = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if isinstance(said, dict):
            return said
    return {}


def _step(values: dict[str, Any]) -> Step:
    numbers = {"step": int, "of": int, "seconds": float, "loss": float, "ndcg10": float}
    given = {name: values[name] for name in numbers if values.get(name) is not None}
    return Step(**{name: decoded(numbers[name], value, PROGRESS) for name, value in given.items()})
