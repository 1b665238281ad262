"""The program's entry: opens the search screen at once, and leaves everything else to the command line.

Building the command tree takes as long as painting the first screen does, and the screen needs none of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from docsearch.errors import DocsearchError

HOME_OPTION = "--home"


def main() -> None:
    """Runs the program with the arguments it was given, and exits with its code."""
    arguments = sys.argv[1:]
    if wants_screen(arguments) and sys.stdin.isatty() and sys.stderr.isatty():
        os.umask(0o077)
        sys.exit(_open_screen(Path(arguments[1]) if arguments else None))
    from docsearch.cli.main import main as command_line

    command_line()


def wants_screen(arguments: Sequence[str]) -> bool:
    """Whether the arguments ask for nothing but the search screen, on one index or another."""
    return not arguments or (len(arguments) == 2 and arguments[0] == HOME_OPTION)


def _open_screen(home: Path | None) -> int:
    from docsearch.tui.app import run

    try:
        run(home)
    except DocsearchError as error:
        from docsearch.cli.output import complain

        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0
