"""`docsearch index`: add folders and bring the index up to date, with progress."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, Self

import typer

from docsearch.cli.output import json_text, print_json, shown_path, talk, visible
from docsearch.config import Settings, folders, is_there, load_settings, typed_path
from docsearch.errors import IndexBusy, UsageError
from docsearch.records import Failure, Progress

if TYPE_CHECKING:
    from rich.progress import TaskID

_LINE_SECONDS = 5.0


def register(app: typer.Typer) -> None:
    """Adds the commands of this family."""
    app.command("index")(index)


def index(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Folders or files to add; none: update all.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only these tiers: text, ocr, vectors, tokens. May be repeated.")
    ] = None,
    password: Annotated[
        list[str] | None, typer.Option(help="Tried on encrypted files. May be repeated.")
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Read files again that failed before.")] = False,
    model: Annotated[
        str | None,
        typer.Option(help="Make vectors of this model, beside those of the one in use, which stays."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print events as JSON lines.")] = False,
) -> None:
    """Add folders to the index and bring it up to date.

    Text is searchable first; scans are recognised and vectors made after that. Stop at any time with
    Ctrl-C: what is done is kept, and the next run goes on.
    """
    from docsearch.ingest.pipeline import Tier
    from docsearch.library import Library

    tiers = [_tier(name, [tier.value for tier in Tier]) for name in only or []]
    roots = [_existing(path) for path in paths or []]
    settings = settings_of(context, password)
    if model is not None:
        settings = _with_model(context, settings, model)
    with Library(context.obj, settings) as library:
        if not roots and not library.roots():
            raise UsageError("nothing to index yet", hint="name a folder: docsearch index ~/Documents")
        events = library.index(
            roots, tiers=[Tier(name) for name in tiers] or None, retry=retry or bool(password)
        )
        try:
            failures = follow(events, reporter(as_json=json))
        except KeyboardInterrupt:
            talk("Stopped. What is done is kept; run docsearch index again to go on.")
            raise
        except IndexBusy:
            if retry or password or model or not library.hand_over(roots):
                raise
            talk("The watcher is at work and does this too: docsearch watch --status tells how far it is.")
            if json:
                print_json({"event": "handed over"})
            return
        status = library.status()
    if json:
        print_json(
            {"event": "done", "documents": status.documents, "pages": status.pages, "failures": failures}
        )
        return
    waiting = f", {status.pages_waiting_for_ocr} pages wait for OCR" if status.pages_waiting_for_ocr else ""
    talk(f"{status.documents} documents, {status.pages} pages searchable{waiting}.")
    if status.outdated:
        talk("The index was made by another version, so words may be missed: docsearch rebuild")
    if failed := sum(not failure.is_note for failure in status.failures):
        talk(f"{failed} could not be read: docsearch status --failed")


def settings_of(context: typer.Context, passwords: Iterable[str] | None) -> Settings:
    """The settings of the chosen home, with more passwords to try first."""
    settings = load_settings(folders(context.obj).settings)
    every = (*(passwords or ()), *settings.index.passwords)
    return dataclasses.replace(settings, index=dataclasses.replace(settings.index, passwords=every))


def _with_model(context: typer.Context, settings: Settings, name: str) -> Settings:
    """The settings of a run that makes vectors of another model than theirs."""
    from docsearch.library.model_list import registry_of, usable_row
    from docsearch.models.registry import Role

    row = usable_row(settings, registry_of(folders(context.obj)), name)
    if row.role is Role.LATE_INTERACTION:
        return dataclasses.replace(settings, models=dataclasses.replace(settings.models, reranker=name))
    if row.role is not Role.EMBEDDER:
        raise UsageError(f"'{name}' is a {row.role} model, and makes no vectors of pages")
    length = settings.models.dimensions if settings.models.dimensions in row.matryoshka else 0
    return dataclasses.replace(
        settings, models=dataclasses.replace(settings.models, embedder=name, dimensions=length)
    )


class Reporter(Protocol):
    """Shows how far a run is."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *details: object) -> None: ...

    def progress(self, progress: Progress) -> None:
        """A step was made."""

    def failure(self, failure: Failure) -> None:
        """Something could not be read."""


class BarReporter:
    """A live bar with rate and time left, for terminals."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.description:>8}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("pages  {task.fields[rate]}/s  left", markup=False),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, tuple[TaskID, float]] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._bars.stop()

    def progress(self, progress: Progress) -> None:
        """See `Reporter`."""
        if progress.tier == "scan":
            return
        if progress.tier not in self._tasks:
            task = self._bars.add_task(progress.tier, total=None, rate="0")
            self._tasks[progress.tier] = (task, time.monotonic())
        task, started = self._tasks[progress.tier]
        rate = progress.pages_done / max(time.monotonic() - started, 0.1)
        self._bars.update(
            task,
            completed=progress.pages_done,
            total=max(progress.pages_total, progress.pages_done),
            rate=f"{rate:.0f}",
        )

    def failure(self, failure: Failure) -> None:
        """See `Reporter`."""
        from rich.text import Text

        self._bars.console.print(Text(_failure_line(failure)), soft_wrap=True)


class LineReporter:
    """A line now and then, for logs and pipes."""

    def __init__(self) -> None:
        self._last: tuple[str, float] = ("", 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        return None

    def progress(self, progress: Progress) -> None:
        """See `Reporter`."""
        tier, at = self._last
        if progress.tier == tier and time.monotonic() - at < _LINE_SECONDS:
            return
        self._last = (progress.tier, time.monotonic())
        done, total = progress.pages_done, progress.pages_total
        pages = f"{done} of about {total} pages, " if total else ""
        talk(f"{progress.tier}: {pages}{progress.files_done} of {progress.files_total} files")

    def failure(self, failure: Failure) -> None:
        """See `Reporter`."""
        talk(_failure_line(failure))


class JsonReporter:
    """Every event as a JSON line on stdout."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        return None

    def progress(self, progress: Progress) -> None:
        """See `Reporter`."""
        values = dataclasses.asdict(progress)
        values["current"] = json_text(str(progress.current)) if progress.current else None
        print_json({"event": "progress", **values})

    def failure(self, failure: Failure) -> None:
        """See `Reporter`."""
        path = json_text(str(failure.path))
        print_json(
            {"event": "failure", "path": path, "page": failure.page, "reason": json_text(failure.reason)}
        )


def reporter(*, as_json: bool) -> Reporter:
    """What fits where stdout and stderr go."""
    if as_json:
        return JsonReporter()
    return BarReporter() if sys.stderr.isatty() else LineReporter()


def follow(events: Iterable[Progress | Failure], reporter: Reporter) -> int:
    """Shows a run as it goes; returns how many failures there were."""
    failures = 0
    with reporter:
        for event in events:
            if isinstance(event, Failure):
                failures += not event.is_note
                reporter.failure(event)
            else:
                reporter.progress(event)
    return failures


def _failure_line(failure: Failure) -> str:
    page = f" page {failure.page}" if failure.page else ""
    what = "note" if failure.is_note else "not read"
    return f"{what}: {shown_path(failure.path)}{page}: {visible(failure.reason)}"


def _tier(name: str, known: list[str]) -> str:
    if name not in known:
        raise UsageError(f"unknown tier {name!r}", hint=f"tiers are {', '.join(known)}")
    return name


def _existing(path: Path) -> Path:
    """The path made absolute; a root must be there when it is added."""
    absolute = typed_path(path)
    if not is_there(absolute):
        raise UsageError(f"{shown_path(absolute)} is not there")
    return absolute.resolve()
