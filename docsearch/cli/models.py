"""`docsearch models`: which models there are, which is in use, and fetching, trying and removing them."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from docsearch.cli.distill import distill
from docsearch.cli.output import BOLD, DIM, PLAIN, Json, print_json, shown_path, styled, talk, visible
from docsearch.errors import UsageError

if TYPE_CHECKING:
    from docsearch.config import Folders
    from docsearch.library.model_files import Offer
    from docsearch.models.hub import Told
    from docsearch.records import ModelCheck, ModelState

_LINE_SECONDS = 5.0
_MARK = {True: "*", False: " "}
_HEADINGS = {"late-interaction": "late-interaction models, in the place of a reranker"}
_NAME, _INDENT = 28, "    "
Name = Annotated[str, typer.Argument(help="A name that docsearch models lists.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this family."""
    family = typer.Typer(help="List the models; pull, use, check or remove one.")
    family.callback(invoke_without_command=True)(models)
    family.command("use")(use)
    family.command("check")(check)
    family.command("pull")(pull)
    family.command("remove")(remove)
    family.command("distill")(distill)
    app.add_typer(family, name="models")


def models(
    context: typer.Context,
    json: Json = False,
    long: Annotated[
        bool, typer.Option("--long", "-l", help="Also every length of vectors, and what was tried.")
    ] = False,
) -> None:
    """List the models: what each is for, whether it is here and fits this machine, and which are in use.

    Nothing is loaded and nothing is fetched. Rows of your own go into models.toml, beside settings.toml.
    """
    if context.invoked_subcommand is not None:
        return
    from docsearch.library import Library

    with Library(context.obj) as library:
        found = library.models()
    if json:
        print_json([_state_as_dict(state) for state in found])
        return
    for role in dict.fromkeys(state.role for state in found):
        print(_bold(_HEADINGS.get(role, f"{role}s")))
        for state in found:
            if state.role == role:
                _print_state(state, long=long)


def use(context: typer.Context, name: Name) -> None:
    """Take a model into use for what it does. A GGUF file may be named by its path.

    Vectors of a new embedder are made by the next docsearch index, or by the watcher when it is idle.
    Until they are complete, searches go by those of the one before, which are kept.
    """
    from docsearch.library import Library

    with Library(context.obj) as library:
        library.use_model(name)
        [state] = [state for state in library.models() if state.in_use and _is_named(state, name)]
    what = "in use for late interaction" if state.role == "late-interaction" else f"the {state.role}"
    talk(f"{state.name} is {what} now.")
    left = state.pages_total - state.pages_embedded
    if state.role == "embedder" and left > 0:
        talk(f"{left} of {state.pages_total} pages have no vectors of it yet: docsearch index makes them.")
        if state.pages_embedded == 0:
            talk("Until then searches go by the vectors of the one before.")
    if state.role == "late-interaction" and left > 0:
        talk(f"{left} of {state.pages_total} pages have no token vectors yet: docsearch index makes them.")
        talk("Until then these pages keep the places that the built-in reranker gives them.")
    for reason in filter(None, (state.reason, *state.warnings)):
        talk(f"Mind: it {reason}.")


def check(context: typer.Context, name: Name, json: Json = False) -> None:
    """Load a model and try it out: what it takes, how fast it is here, how much memory it needs."""
    from docsearch.config import folders, load_settings
    from docsearch.library.model_check import check_model
    from docsearch.library.model_list import model_row, registry_of

    places = folders(context.obj)
    settings, registry = load_settings(places.settings), registry_of(places)
    row = model_row(settings, registry, name)
    if row.name not in {known.name for known in registry.rows} and not row.file:
        raise UsageError(f"'{name}' came with docsearch and needs no model to be loaded")
    found = check_model(row, registry, settings)
    if json:
        print_json({**asdict(found), "page_seconds": dict(found.page_seconds)})
    else:
        _print_check(found)


def pull(
    context: typer.Context,
    name: Name,
    revision: Annotated[str, typer.Option(help="Another commit, tag or branch than that of its row.")] = "",
    trust: Annotated[
        bool,
        typer.Option("--trust-remote-code", help="Fetch code that comes with this model, and let it run."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Fetch a model from the Hugging Face hub. The only command that uses the network.

    What was cut off is gone on with the next time. Every file is checked, and the revision is pinned in
    your models.toml.
    """
    from docsearch.config import folders, load_settings
    from docsearch.library.model_files import find_model
    from docsearch.library.model_list import model_row, registry_of

    places = folders(context.obj)
    settings = load_settings(places.settings)
    needs = model_row(settings, registry_of(places), name)
    if needs.needs_remote_code and not (trust or needs.trust_remote_code):
        raise UsageError(
            f"'{name}' runs only with code that comes with it",
            hint=f"read it in {needs.source} on the hub; --trust-remote-code fetches it and lets it run",
        )
    offer = find_model(settings, places, name, revision=revision, trust=trust)
    row, remote = offer.row, offer.remote
    talk(f"{row.source} at {remote.commit[:12]}: {len(remote.files)} files, {_size(remote.size)}.")
    if row.licence:
        talk(f"Licence: {row.licence}")
    _ask(f"Fetch {name}?", yes)
    folder = _fetched(places, offer)
    talk(f"{name} is here, and every file is what the hub says: {shown_path(folder)}")
    if remote.code and not offer.trust:
        talk(
            f"It brings code of its own, which was left out: {', '.join(map(visible, remote.code[:3]))}. "
            "If it does not run without, read that code, and pull it again with --trust-remote-code."
        )
    talk(f"Take it into use with: docsearch models use {name}")


def remove(
    context: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a model's files from the cache of the Hugging Face hub. Folders of your own are left alone.

    Vectors that were made with it are kept.
    """
    from docsearch.config import folders, load_settings
    from docsearch.library.model_files import removable_row, remove_model
    from docsearch.library.model_list import registry_of
    from docsearch.models.local import local_files

    places = folders(context.obj)
    settings = load_settings(places.settings)
    files = local_files(removable_row(settings, registry_of(places), name))
    where = f" in {shown_path(files.folder)}" if files.folder else ""
    _ask(f"Remove {_size(files.size)}{where}?", yes)
    talk(f"{name} is removed; {_size(remove_model(settings, places, name))} are free again.")


def _fetched(places: Folders, offer: Offer) -> Path:
    """Fetches a model, telling how far it is; its folder."""
    from docsearch.library.model_files import fetch_model

    try:
        with _progress() as tell:
            return fetch_model(places, offer, tell)
    except KeyboardInterrupt:
        talk("Stopped. What is here is kept; docsearch models pull goes on with it.")
        raise


def _ask(question: str, yes: bool) -> None:
    """Goes on when the person agrees; where nobody can be asked, only with --yes."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("nobody is there to be asked", hint="say --yes")
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[Told]:
    """How far a download is: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        last = time.monotonic()

        def line(path: str, done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last >= _LINE_SECONDS:
                last = time.monotonic()
                talk(f"{done / 1e6:.0f} of {total / 1e6:.0f} MB, {path}")

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.progress import TransferSpeedColumn as Speed

    columns: list[Any] = [BarColumn(bar_width=None), DownloadColumn(), Speed(), TimeRemainingColumn()]
    name, console = TextColumn("{task.description}", markup=False), Console(stderr=True)
    with Progress(name, *columns, console=console) as bar:
        task = bar.add_task("", total=None)

        def show(path: str, done: int, total: int) -> None:
            bar.update(task, description=visible(path)[-30:], completed=done, total=total)

        yield show


def _is_named(state: ModelState, name: str) -> bool:
    """Whether this is the model that was named; one by its file may have been named shortly."""
    return state.name == name or Path(state.name).name == Path(name).name


def _print_state(state: ModelState, *, long: bool) -> None:
    told = [_here(state)]
    if state.pages_embedded:
        told.append(f"vectors of {state.pages_embedded} of {state.pages_total} pages")
    if state.queries:
        told.append(state.queries)
    if not state.fits:
        told.append("does not fit")
    print(f"{_MARK[state.in_use]} {_bold(f'{visible(state.name):<{_NAME}}')} {'; '.join(told)}")
    facts = [
        f"{_count(state.parameters)} parameters" if state.parameters else "",
        f"{_size(state.memory_bytes)} of memory" if state.memory_bytes else "",
        " | ".join(state.modalities),
        _dimensions(state, every=long),
        state.licence,
    ]
    _print_below(", ".join(filter(None, facts)))
    _print_below(state.note)
    for reason in filter(None, (state.reason, *state.warnings)):
        _print_below(f"Mind: it {reason}.")
    if long and state.tested:
        _print_below(f"Tried: {state.tested}")


def _dimensions(state: ModelState, *, every: bool) -> str:
    """How long its vectors are, and to what they may be cut."""
    shorter = [length for length in state.matryoshka if length < state.dimensions]
    if not shorter or not every:
        cut = f", down to {shorter[-1]}" if shorter else ""
        return f"{state.dimensions} dimensions{cut}" if state.dimensions else ""
    return f"{', '.join(map(str, [state.dimensions, *shorter[:-1]]))} or {shorter[-1]} dimensions"


def _count(number: int) -> str:
    return f"{number / 1e9:.1f} B" if number >= 1e9 else f"{number / 1e6:.0f} M"


def _print_below(text: str) -> None:
    """A line or more below a name, no wider than the terminal."""
    dim, plain = (DIM, PLAIN) if styled() else ("", "")
    width = max(40, min(120, shutil.get_terminal_size().columns)) - len(_INDENT)
    for line in textwrap.wrap(visible(text), width, break_on_hyphens=False):
        print(f"{_INDENT}{dim}{line}{plain}")


def _here(state: ModelState) -> str:
    """Whether its files are on this machine, and how large they are."""
    if not state.disk_bytes:
        return "ships with docsearch" if state.installed else "not here"
    return f"{_size(state.disk_bytes)} here" + ("" if state.installed else ", unfinished")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _bold(text: str) -> str:
    return f"{BOLD}{text}{PLAIN}" if styled() else text


def _state_as_dict(state: ModelState) -> dict[str, object]:
    folder = None if state.folder is None else str(state.folder)
    return {**asdict(state), "modalities": list(state.modalities), "folder": folder}


def _print_check(found: ModelCheck) -> None:
    print(f"model       {found.name} ({found.role}), on {found.device}")
    if found.attention:
        print(f"attention   {found.attention}")
    print(f"takes       {', '.join(found.modalities)}")
    if found.dimensions:
        print(f"dimensions  {found.dimensions}")
    if found.page_tokens:
        size = 2 * found.page_tokens * found.dimensions
        print(f"tokens      {found.page_tokens} a page: {size / 1000:,.0f} kB of the index for each page")
    if found.visual_tokens:
        print(f"picture     {found.visual_tokens} tokens a page")
    print(f"loading     {found.load_seconds:.1f} s")
    for kind, seconds in found.page_seconds.items():
        what = "a short prompt" if found.role == "generator" else f"a page as {kind}"
        print(f"speed       {what} in {_milliseconds(seconds)}")
    if found.query_seconds:
        what = "a token" if found.role == "generator" else "a query"
        print(f"speed       {what} in {_milliseconds(found.query_seconds)}")
    print(f"memory      {_size(found.memory_bytes)}")
    if found.right is not None:
        finds = "finds" if found.right else "does not find"
        print(f"sense       {finds} the page that answers a plain question")
    for warning in found.warnings:
        talk(f"Mind: it {warning}.")


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.1f} ms"
