"""`docsearch models distill`: a small encoder that reads queries as a large model does, without a GPU."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from docsearch.cli.output import Json, print_json, talk, visible
from docsearch.errors import UsageError
from docsearch.records import DistilledModel, DistillStep

if TYPE_CHECKING:
    from docsearch.library import Library

_REFUSED = 1
_LINE_SECONDS = 5.0
_QUERIES = 20_000
_MINUTES = 30.0


def distill(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="An embedder that docsearch models lists.")],
    queries: Annotated[
        int, typer.Option(min=1000, max=200_000, help="How many queries to learn from, at most.")
    ] = _QUERIES,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="How long the large model may read queries for it.")
    ] = _MINUTES,
    use_anyway: Annotated[
        bool, typer.Option("--use-anyway", help="Use it, however much of the large model it keeps.")
    ] = False,
    remove: Annotated[
        bool,
        typer.Option("--remove", help="Delete what was distilled: the model itself reads queries again."),
    ] = False,
    json: Json = False,
) -> None:
    """Make a small encoder that reads queries as this model does, in a millisecond and without a GPU.

    It learns from queries made of your own pages, and from those you asked; page vectors stay as they are.
    It is used where there is no GPU, if it finds what the model finds. Stopped, it goes on next time.
    """
    from docsearch.library import Library
    from docsearch.library.distilling import distil, remove_distilled, teacher_row
    from docsearch.library.model_list import registry_of

    with Library(context.obj) as library:
        teacher_row(registry_of(library.folders), name)
        if remove:
            if use_anyway:
                raise UsageError("--remove and --use-anyway do not go together")
            remove_distilled(library, name)
            talk(f"What was distilled from {name} is deleted: it reads queries itself again.")
            return
        steps = distil(library, name, queries=queries, seconds=60 * minutes, anyway=use_anyway)
        try:
            made = _followed(steps, as_json=json)
        except KeyboardInterrupt:
            talk("Stopped. What the model has read is kept; docsearch models distill goes on with it.")
            raise
        if json:
            print_json({"event": "done", **_as_dict(made)})
        else:
            _print(made, library)
    if not made.in_use:
        raise typer.Exit(_REFUSED)


def _followed(steps: Iterable[DistillStep | DistilledModel], *, as_json: bool) -> DistilledModel:
    """What came of it; how far it is goes to stderr, or as JSON to stdout."""
    shown, last = "", 0.0
    for step in steps:
        if isinstance(step, DistilledModel):
            return step
        if step.what != shown or time.monotonic() - last >= _LINE_SECONDS:
            shown, last = step.what, time.monotonic()
            if as_json:
                print_json({"event": "step", **asdict(step)})
            else:
                talk(_line(step))
    raise AssertionError("distilling ended without an outcome")


def _line(step: DistillStep) -> str:
    of = f": {step.done:,} of {step.total:,} {step.unit}" if step.total else ""
    return f"{visible(step.what)}{of}"


def _print(made: DistilledModel, library: Library) -> None:
    figures, model = made.figures, visible(made.model)
    print(f"learned from  {made.learned_from:,} queries; measured on {figures.queries} that it never saw")
    print(f"cosine        {figures.cosine:.3f} to the vectors of {model}")
    print(f"nearest       {figures.overlap10:.0%} of the ten pages nearest by {model} are among its ten,")
    print(f"              and the nearest one for {figures.first10:.0%} of the queries")
    if figures.finds_pages:
        print(f"right page    among the first ten for {figures.student_found10:.0%} of the queries,")
        print(f"              with {model} for {figures.teacher_found10:.0%}")
    print(f"a query       {_ms(figures.student_seconds)}; {_ms(figures.teacher_seconds)} with {model}")
    print(f"keeps         {figures.kept:.0%} of what {model} finds")
    talk(_verdict(made, library))


def _verdict(made: DistilledModel, library: Library) -> str:
    from docsearch.learn.distill import KEEP
    from docsearch.library.distilling import distilled_models

    if not made.in_use:
        kept = distilled_models(library, made.model)
        before = any(note.in_use and note.fingerprint == made.fingerprint for note in kept)
        return (
            f"It is not used: it keeps less than {KEEP:.0%}. "
            + ("The one before is still used. " if before else "")
            + "More queries or pages may help (--queries, --minutes; what was read is kept), "
            "or use it as it is with --use-anyway."
        )
    if library.chosen_models.reads_queries(library.store) == made:
        return "It reads queries from now on. docsearch models distill --remove goes back."
    if library.settings.models.embedder != made.model:
        return f"It reads queries where there is no GPU, once {visible(made.model)} is in use."
    return "It reads queries whenever there is no GPU; there is one now, so the model itself does."


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:,.1f} ms"


def _as_dict(made: DistilledModel) -> dict[str, object]:
    figures = {**asdict(made.figures), "kept": made.figures.kept}
    return {**asdict(made), "figures": figures}
