"""Distilling how a large model reads queries, for one library, and which encoders are kept. Wiring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from docsearch.errors import ModelUnavailable, UsageError
from docsearch.models.distilled import notes, student_file
from docsearch.models.registry import ModelRow, Registry, Role, Runtime
from docsearch.records import DistilledModel, DistillStep, ModelState
from docsearch.store.lock import alone

if TYPE_CHECKING:
    from docsearch.library import Library

_LOCK = "distilling.lock"


def teacher_row(registry: Registry, name: str) -> ModelRow:
    """The row of a model that can be distilled.

    Raises ModelUnavailable when there is none of that name, UsageError when it makes no sense for it.
    """
    row = registry.row(name)
    if row.role is not Role.EMBEDDER:
        raise UsageError(
            f"'{name}' is a {row.role} model; only embedders are distilled",
            hint="docsearch models lists them",
        )
    if row.runtime is Runtime.STARTER:
        raise UsageError(f"'{name}' reads queries in milliseconds as it is")
    if not {"text", "text+image"} & set(row.modalities):
        raise UsageError(f"'{name}' reads no text")
    return row


def distil(
    library: Library, name: str, *, queries: int, seconds: float, anyway: bool = False
) -> Iterator[DistillStep | DistilledModel]:
    """Distils a model on this index; see `Distilling.run`. One run at a time.

    Raises:
        IndexBusy: another one runs.
        UsageError, ModelUnavailable, StorageFull: as `teacher_row` and `Distilling.run` do.
    """
    from docsearch.learn.distill import Distilling

    with _alone(library):
        yield DistillStep(f"loading {name}", 0, 0, "")
        teacher = library.chosen_models.named(name)
        folder = library.folders.distilled
        yield from Distilling(library.clicks, teacher, folder).run(
            queries=queries, seconds=seconds, anyway=anyway
        )


def distilled_models(library: Library, name: str = "") -> list[DistilledModel]:
    """The encoders that are kept, of one model or of all, the newest first."""
    found = [note for note in notes(library.folders.distilled) if not name or note.model == name]
    return sorted(found, key=lambda note: -note.made_at)


def with_encoders(
    states: Sequence[ModelState], kept: Sequence[DistilledModel], reading: DistilledModel | None
) -> tuple[ModelState, ...]:
    """The models, with what is to be said of encoders distilled from them; `kept` has the newest first."""
    newest = {note.model: note for note in reversed(kept)}
    if reading is not None:
        newest[reading.model] = reading
    return tuple(
        replace(state, queries=_in_words(newest[state.name], reading)) if state.name in newest else state
        for state in states
    )


def _in_words(note: DistilledModel, reading: DistilledModel | None) -> str:
    keeps = f"keeps {note.figures.kept:.0%}"
    if note == reading:
        return f"its distilled encoder reads queries ({keeps})"
    if note.in_use:
        return f"a distilled encoder for when there is no GPU ({keeps})"
    return f"its distilled encoder is not used ({keeps})"


def remove_distilled(library: Library, name: str) -> int:
    """Deletes the encoders of a model and what was read for them; how many encoders that were.

    Raises ModelUnavailable when there is none, IndexBusy when one is being made.
    """
    from docsearch.learn.teacher import forget_all

    with _alone(library):
        found = distilled_models(library, name)
        begun = forget_all(library.folders.distilled, name)
        for note in found:
            student_file(library.folders.distilled, note.fingerprint).unlink(missing_ok=True)
    if not found and not begun:
        raise ModelUnavailable(
            f"'{name}' was not distilled here", hint=f"docsearch models distill {name} does it"
        )
    return len(found)


def _alone(library: Library) -> AbstractContextManager[None]:
    return alone(library.folders.distilled / _LOCK, "another docsearch models distill runs")
