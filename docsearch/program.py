"""How this very program is started again, in a process of its own. Knows no command of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from docsearch.config import typed_path


def command(home: Path | None) -> tuple[str, ...]:
    """The command line of this program with the same `--home`, to which a command is added.

    With -P the current folder is not searched for modules.
    """
    chosen = () if home is None else ("--home", str(typed_path(home)))
    return (sys.executable, "-P", "-m", "docsearch", *chosen)


def environment() -> dict[str, str]:
    """Our environment, with our module search path but for the current folder."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
