"""`docsearch learn`: learn from what was opened, see what came of it, and go back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from docsearch.cli.output import Json, moment, print_json, shown_path, talk, visible
from docsearch.config import typed_path
from docsearch.errors import UsageError
from docsearch.records import (
    Figures,
    LearningEvent,
    LearningOutcome,
    LearningStatus,
    LearningStep,
    TrainingStatus,
)

if TYPE_CHECKING:
    from docsearch.library import Library

_REFUSED = 1
_POLL_SECONDS = 0.3
_ROLES = ("embedder", "reranker")
_IN_USE = "In use from the next search on. docsearch learn rollback goes back."


def register(app: typer.Typer) -> None:
    """Adds the commands of this family."""
    family = typer.Typer(help="Learn from what you opened; see what came of it, and go back.")
    family.callback(invoke_without_command=True)(learn)
    for command in (finetune, status, history, accept, reject, rollback, export):
        family.command(command.__name__)(command)
    app.add_typer(family, name="learn")


def learn(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure what could be learned, and keep nothing.")
    ] = False,
    ask: Annotated[
        bool, typer.Option("--ask", help="Leave it to learn accept or learn reject whether it is used.")
    ] = False,
    if_due: Annotated[
        bool, typer.Option("--if-due", help="Only when enough was opened since the last time.")
    ] = False,
    json: Json = False,
) -> None:
    """Learn from what was opened in past searches, and use it if it is surely better.

    It is, when searches that were held out are answered better with 95 % confidence, known pages are
    found as before, and a query takes no longer. Otherwise nothing changes, and the reasons are kept.
    """
    if context.invoked_subcommand is not None:
        return
    from docsearch.library import Library

    with Library(context.obj) as library:
        went_back = () if dry_run else _went_back(library, library.learning.watch())
        if went_back:
            talk(f"What had been learned was taken back: {'; '.join(went_back)}")
        if if_due and not library.learning.due():
            talk("not enough was opened since the last time")
            if json:
                print_json({"event": "not due", "went_back": went_back})
            return
        outcome = _followed(library.learning.learn(promote=not ask, keep=not dry_run), as_json=json)
    if json:
        print_json({"event": "done", **_outcome_as_dict(outcome), "went_back": went_back})
    else:
        _print_outcome(outcome, dry_run=dry_run)
    if outcome.reasons and not dry_run:
        raise typer.Exit(_REFUSED)


def finetune(
    context: typer.Context,
    role: Annotated[str, typer.Argument(help="embedder or reranker.")] = "embedder",
    ask: Annotated[
        bool, typer.Option("--ask", help="Leave it to learn accept or learn reject whether it is used.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a model on what was opened and on queries made from your own pages.

    It is used if it is surely better. Ctrl-C pauses: the next call goes on. Pages keep their vectors.
    """
    from docsearch.library import Library

    if role not in _ROLES:
        raise UsageError(f"there is no {visible(role)} to train", hint="embedder or reranker")
    with Library(context.obj) as library:
        pairs = library.learning.start_finetuning(role)
        talk(f"training on {pairs} pairs; Ctrl-C pauses" if pairs else "training goes on; Ctrl-C pauses")
        try:
            _follow_training(library, as_json=json)
        except KeyboardInterrupt:
            library.learning.pause_finetuning(role)
            talk("Pausing. docsearch learn finetune goes on.")
            raise
        talk("judging …")
        outcome = library.learning.finish_finetuning(role, promote=not ask)
    if json:
        print_json({"event": "done", **_outcome_as_dict(outcome)})
    else:
        _print_outcome(outcome, dry_run=False)
    if outcome.reasons:
        raise typer.Exit(_REFUSED)


def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where to copy it to.")],
) -> None:
    """Copy the finetuned model in use: a folder that Sentence Transformers opens, with a model card.

    It holds no document text. To share it: hf upload NAME FOLDER.
    """
    from docsearch.library import Library

    with Library(context.obj) as library:
        copy = library.learning.export_model(typed_path(folder))
    talk(f"finetuned model in {shown_path(copy)}")


def status(context: typer.Context, json: Json = False) -> None:
    """What was learned so far, and from how much."""
    from docsearch.library import Library

    with Library(context.obj) as library:
        found = library.learning.status()
    if json:
        print_json(_status_as_dict(found))
    else:
        _print_status(found)


def history(context: typer.Context, json: Json = False) -> None:
    """Everything that was learned, refused, taken into use and taken back, with the reasons."""
    from docsearch.library import Library

    with Library(context.obj) as library:
        events = library.learning.states.history()
    if json:
        print_json([asdict(event) for event in events])
        return
    for event in events:
        _print_event(event)


def accept(context: typer.Context) -> None:
    """Use what was learned with --ask."""
    from docsearch.library import Library

    with Library(context.obj) as library:
        library.learning.accept(_waiting(library))
    talk(_IN_USE)


def reject(context: typer.Context) -> None:
    """Throw away what was learned with --ask."""
    from docsearch.library import Library

    with Library(context.obj) as library:
        library.learning.reject(_waiting(library))
    talk("Thrown away; search stays as it is.")


def rollback(context: typer.Context) -> None:
    """Go back to what was in use before; searches that run follow at once."""
    from docsearch.library import Library

    with Library(context.obj) as library:
        if not library.learning.states.live():
            raise UsageError("nothing learned is in use")
        number = library.learning.go_back()
    talk(f"State {number} is in use again." if number else "Search is as it came: nothing learned is in use.")


def _follow_training(library: Library, *, as_json: bool) -> None:
    """Says how training goes until it has ended; raises when it failed."""
    said = -1
    while True:
        training = library.learning.training()
        if training.step != said and training.of:
            said = training.step
            _say_training(training, as_json=as_json)
        if training.state == "done":
            return
        if training.state in ("failed", "paused"):
            why = training.reason or "another process paused it"
            raise UsageError(
                f"training stopped: {why}", hint="docsearch learn finetune goes on or begins anew"
            )
        if training.state == "waiting" and training.reason:
            raise UsageError("training was cut off", hint="docsearch learn finetune goes on")
        time.sleep(_POLL_SECONDS)


def _say_training(training: TrainingStatus, *, as_json: bool) -> None:
    loss = training.losses[-1][1] if training.losses else None
    ndcg10 = training.ndcg10[-1][1] if training.ndcg10 else None
    if as_json:
        print_json(
            {"event": "progress", "step": training.step, "of": training.of, "loss": loss, "ndcg10": ndcg10}
        )
        return
    shown = [f"step {training.step} of {training.of}"]
    shown += [f"loss {loss:.3f}"] if loss is not None else []
    shown += [f"nDCG@10 of held-out queries {ndcg10:.3f}"] if ndcg10 is not None else []
    talk(", ".join(shown))


def _waiting(library: Library) -> int:
    waiting = library.learning.status().waiting
    if not waiting:
        raise UsageError("nothing waits for that", hint="docsearch learn --ask learns and waits")
    return waiting


def _followed(events: Iterable[LearningStep | LearningOutcome], *, as_json: bool) -> LearningOutcome:
    said = ""
    for event in events:
        if isinstance(event, LearningOutcome):
            return event
        if as_json:
            print_json({"event": "progress", "what": event.what, "done": round(event.done, 3)})
        elif event.what != said:
            said = event.what
            talk(f"{said} …")
    raise AssertionError("a round ends with its outcome")


def _went_back(library: Library, compared: Figures | None) -> tuple[str, ...]:
    events = library.learning.states.history()
    last = next((event for event in reversed(events) if event.what == "went back"), None)
    return last.reasons if compared and compared.surely > 0 and last else ()


def _print_outcome(outcome: LearningOutcome, *, dry_run: bool) -> None:
    if outcome.verdict:
        figures = outcome.verdict.figures
        talk(f"learned from {outcome.queries} queries: {'; '.join(outcome.parts) or 'nothing to change'}")
        gain = f"gain surely more than {figures.surely:+.3f}"
        _print_change("your queries", figures.queries, figures.before, figures.after, gain)
        _print_change("known pages", figures.guards, figures.guard_before, figures.guard_after)
        print(f"{'time a query':14} x {figures.latency:.2f}")
    for reason in outcome.reasons:
        talk(f"not used: {reason}")
    if outcome.live:
        talk(_IN_USE)
    elif outcome.state:
        talk("It waits for docsearch learn accept, or docsearch learn reject.")
    elif not outcome.reasons and dry_run:
        talk("It would be used; nothing was kept of this dry run.")


def _print_change(what: str, queries: int, before: float, after: float, more: str = "") -> None:
    print(f"{what:14} nDCG@10 {before:.3f} -> {after:.3f}  ({queries} queries{', ' + more if more else ''})")


def _print_status(found: LearningStatus) -> None:
    off = "" if found.logging else "  (nothing more is kept: [learn] log = false)"
    print(f"kept       {found.searches} searches, {found.chosen} pages chosen in them{off}")
    due = "; enough is new for a round" if found.due else ""
    print(f"queries    {found.queries} with a chosen page, {found.needed} are needed to learn{due}")
    print(f"memory     {'what you opened stands first when you ask again' if found.memory else 'off'}")
    if found.live:
        learned = f"learned {moment(found.live_at)} from {found.live_queries} queries"
        print(f"in use     state {found.live}, {learned}")
        for part in found.live_parts:
            print(f"           {visible(part)}")
    else:
        print("in use     nothing learned")
    if found.waiting:
        print(f"waiting    state {found.waiting}  (docsearch learn accept, or reject)")
    if found.figures:
        print(f"measured   {_measured(found.figures)}")


def _print_event(event: LearningEvent) -> None:
    state = f" state {event.state}" if event.state else ""
    print(f"{moment(event.at)}  {visible(event.what)}{state}")
    if event.figures:
        print(f"    {_measured(event.figures)}")
    for reason in event.reasons:
        print(f"    {visible(reason)}")


def _measured(figures: Mapping[str, float]) -> str:
    def change(name: str, before: str, after: str) -> str:
        return f"{name} {figures.get(before, 0.0):.3f} -> {figures.get(after, 0.0):.3f}"

    return (
        f"nDCG@10 of {change('your queries', 'before', 'after')}, "
        f"{change('known pages', 'guard_before', 'guard_after')}"
    )


def _outcome_as_dict(outcome: LearningOutcome) -> dict[str, object]:
    return {
        "state": outcome.state,
        "live": outcome.live,
        "queries": outcome.queries,
        "parts": list(outcome.parts),
        "reasons": list(outcome.reasons),
        "figures": _figures_as_dict(outcome.verdict.figures) if outcome.verdict else {},
    }


def _figures_as_dict(figures: Figures) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in asdict(figures).items()}


def _status_as_dict(found: LearningStatus) -> dict[str, object]:
    return {name: value for name, value in asdict(found).items() if name != "training"}
