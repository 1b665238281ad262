"""A training job as a folder: what to train and how, examples to learn from, queries to measure with.

The folder is the whole of what the training process is told. Text and names in it come from documents
and are only ever data: JSON, read against the types below. Knows no model and no torch.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from docsearch.config import whole_file
from docsearch.errors import SettingsError
from docsearch.models.device import AUTO
from docsearch.models.registry import ModelRow, Role, Runtime

JOB, PAIRS, HELD_OUT = "job.json", "pairs.jsonl", "heldout.jsonl"
_STARTER_DRAWS = 3000
"""The starter needs so many examples, repeated where there are fewer, and gains nothing from more rounds."""
SMALL = 100_000_000
"""Up to so many parameters all are trained; beyond, LoRA needs a fraction of the memory."""

Value = TypeVar("Value")


class Method(StrEnum):
    """Which weights are trained."""

    FULL = "full"
    """All of them."""
    LORA = "lora"
    """Small matrices beside the large ones (Hu et al., 2022); the result is a few megabytes."""


class Sides(StrEnum):
    """Which side of an embedder is trained."""

    QUERY = "query"
    """How queries are read; every page keeps its vector."""
    BOTH = "both"
    """Queries and pages; every page has to be embedded again."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is trained, and how.

    Attributes:
        role: embedder or reranker.
        base: the model that training begins from.
        dimensions: lengths at which vectors are to be good (Matryoshka); empty for the whole one alone.
        batch_size: queries a step; each of them has the pages of all others as wrong answers.
        mini_batch_size: inputs that are in memory at once, where gradients are cached.
        negatives: wrong pages given with every query.
        margin: a page is taken for a wrong one only when its similarity is this much below the right one's.
        epochs: how often every example is seen, on average.
        keep: the share of the base's weights in the result, from 0 to 1 (WiSE-FT, Wortsman et al., 2022).
        rank: of the matrices of LoRA.
        max_seconds: training ends after so long with what was learned until then; 0 for no limit.
        save_seconds: a checkpoint is written about so often.
        image_pixels: longest side of page pictures; 0 for the base's own.
        device: auto, cpu, cuda, mps or xpu.
        clicks, made: for the model card: examples that come from clicks, and from made queries.
    """

    role: Role
    base: ModelRow
    method: Method = Method.FULL
    sides: Sides = Sides.QUERY
    dimensions: tuple[int, ...] = ()
    batch_size: int = 64
    mini_batch_size: int = 8
    negatives: int = 4
    margin: float = 0.05
    epochs: int = 3
    learning_rate: float = 2e-5
    keep: float = 0.0
    rank: int = 16
    max_seconds: float = 0.0
    save_seconds: float = 60.0
    seed: int = 1
    image_pixels: int = 0
    device: str = AUTO
    clicks: int = 0
    made: int = 0


@dataclass(frozen=True, slots=True)
class TrainingPage:
    """A page: where its file lies, its number from 1, and its text."""

    path: Path
    page: int
    text: str


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """A query, the page it was after, pages that were seen and passed over, and how much it counts."""

    query: str
    positive: TrainingPage
    negatives: tuple[TrainingPage, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class JudgedPage:
    """A page of a held-out query's short list; relevance 0 is a wrong one."""

    path: Path
    page: int
    text: str
    relevance: float = 0.0


@dataclass(frozen=True, slots=True)
class HeldOutQuery:
    """A query that is not learned from, with a short list of pages to put in order."""

    query: str
    candidates: tuple[JudgedPage, ...]


def suited_job(row: ModelRow, examples: int, *, sides: Sides = Sides.QUERY, device: str = AUTO) -> Job:
    """A job with settings that suit the model, its size, and how many examples there are."""
    job = Job(row.role, row, sides=sides, dimensions=row.matryoshka, device=device)
    if row.runtime is Runtime.STARTER:
        epochs = min(max(_STARTER_DRAWS // max(examples, 1), 3), 20)
        return dataclasses.replace(job, learning_rate=0.02, epochs=epochs, negatives=8)
    if row.parameters > SMALL:
        return dataclasses.replace(job, method=Method.LORA, learning_rate=1e-4, mini_batch_size=4)
    return job


def write_job(
    folder: Path, job: Job, examples: Iterable[TrainingExample], held_out: Iterable[HeldOutQuery]
) -> None:
    """Makes the folder, for its owner alone; there is a job in it from the moment that all is written."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_lines(folder / PAIRS, examples)
    _write_lines(folder / HELD_OUT, held_out)
    _write_lines(folder / JOB, [job])


def read_job(folder: Path) -> Job:
    """The job of a folder; raises SettingsError when there is none, or what there is makes no sense."""
    jobs = list(_read_lines(folder / JOB, Job))
    if len(jobs) != 1:
        raise SettingsError(f"{folder / JOB} holds no job")
    return _checked(jobs[0], folder / JOB)


def read_examples(folder: Path) -> tuple[TrainingExample, ...]:
    """The examples; raises SettingsError naming the line that cannot be used, or when there is none."""
    examples = tuple(_read_lines(folder / PAIRS, TrainingExample))
    if not any(example.weight > 0 for example in examples):
        raise SettingsError(f"{folder / PAIRS} holds no examples")
    return examples


def read_held_out(folder: Path) -> tuple[HeldOutQuery, ...]:
    """The held-out queries, possibly none; raises SettingsError naming the line that cannot be used."""
    return tuple(_read_lines(folder / HELD_OUT, HeldOutQuery))


def _write_lines(file: Path, values: Iterable[Any]) -> None:
    """One JSON object a line; the file is there when all of it is."""
    with whole_file(file) as stream:
        for value in values:
            stream.write(json.dumps(dataclasses.asdict(value), default=str).encode() + b"\n")


def _read_lines(file: Path, kind: type[Value]) -> Iterator[Value]:
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                yield decoded(kind, json.loads(line), f"{file}: line {number}")
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError(f"{file} cannot be read: {reason}") from error


def decoded(kind: Any, value: Any, where: str) -> Any:
    """JSON as a value of that type, strictly; raises SettingsError saying what is wrong where."""
    if dataclasses.is_dataclass(kind):
        return _decoded_record(kind, value, where)
    if get_origin(kind) is tuple:
        if isinstance(value, list):
            return tuple(decoded(get_args(kind)[0], element, where) for element in value)
    elif kind is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    elif kind is Path and isinstance(value, str) and "\0" not in value:
        return Path(value)
    elif type(kind) is type(StrEnum) and value in list(kind):
        return kind(value)
    elif kind is str and isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    elif kind in (int, bool) and type(value) is kind:
        return value
    raise SettingsError(f"{where}: {ascii(value)[:40]} is not what belongs there")


def _decoded_record(kind: Any, value: Any, where: str) -> Any:
    kinds = get_type_hints(kind)
    if not isinstance(value, dict) or not value.keys() <= kinds.keys():
        raise SettingsError(f"{where}: there is no {kind.__name__} in it")
    try:
        return kind(**{key: decoded(kinds[key], given, f"{where}: {key}") for key, given in value.items()})
    except TypeError as error:
        raise SettingsError(f"{where}: {kind.__name__} is not complete") from error


def _checked(job: Job, file: Path) -> Job:
    """The job when it can be done; raises SettingsError naming the value that makes no sense."""
    wrong = [name for name, holds in _conditions(job) if not holds]
    if wrong:
        raise SettingsError(f"{file}: {wrong[0]} is {getattr(job, wrong[0])!a}, which makes no sense")
    return job


def _conditions(job: Job) -> Sequence[tuple[str, bool]]:
    starter = job.base.runtime is Runtime.STARTER
    return (
        ("role", job.role in (Role.EMBEDDER, Role.RERANKER) and job.role is job.base.role),
        ("method", not (starter and job.method is Method.LORA)),
        ("dimensions", all(0 < length <= job.base.dimensions for length in job.dimensions)),
        ("batch_size", job.batch_size > 0),
        ("mini_batch_size", job.mini_batch_size > 0),
        ("negatives", job.negatives >= 0),
        ("epochs", job.epochs > 0),
        ("learning_rate", job.learning_rate > 0),
        ("keep", 0 <= job.keep < 1),
        ("rank", job.rank > 0),
        ("max_seconds", job.max_seconds >= 0),
        ("save_seconds", job.save_seconds >= 0),
        ("image_pixels", job.image_pixels >= 0),
    )
