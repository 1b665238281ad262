"""The command line's entry, and its only error boundary.

Commands live in one module a family and are registered here. An error of ours is printed with its
hint and sets the exit code; anything else keeps its traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from docsearch import __version__
from docsearch.cli import ask, clicks, evaluate, index, learn, maintain, manage, models, pages, search, watch
from docsearch.cli.output import complain
from docsearch.errors import DocsearchError, UsageError

_INTERRUPTED = 130
_BROKEN_PIPE = 141

app = typer.Typer(
    name="docsearch",
    help="Find a page among your own documents, offline.",
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for family in (index, search, ask, pages, clicks, learn, manage, models, maintain, evaluate, watch):
    family.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback(invoke_without_command=True)
def opening(
    context: typer.Context,
    home: Annotated[
        Path | None, typer.Option(help="Keep index and settings below this folder.", envvar="DOCSEARCH_HOME")
    ] = None,
    version: Annotated[  # noqa: ARG001 (its callback does the work)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Without a command, open the search screen."""
    context.obj = home
    if context.invoked_subcommand is None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(
                "the search screen needs a terminal", hint='try: docsearch search "…", or docsearch --help'
            )
        from docsearch.tui.app import run

        run(home)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits with its code. What it writes is for its owner only."""
    os.umask(0o077)
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        app(args=None if arguments is None else list(arguments), standalone_mode=True)
    except SystemExit as finished:
        return finished.code if isinstance(finished.code, int) else 0
    except DocsearchError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return _BROKEN_PIPE
    return 0
