"""What goes to the clipboard, and the way to it that leads through tmux, which hides the terminal's own."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING

from docsearch.tui.text import visible

if TYPE_CHECKING:
    from docsearch.records import Hit

TMUX_SECONDS = 2.0


def copy_through_tmux(text: str) -> None:
    """Copies a text, inside tmux; does nothing elsewhere."""
    if not os.environ.get("TMUX"):
        return
    import shutil
    import subprocess

    if shutil.which("tmux"):
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                ["tmux", "load-buffer", "-w", "-"],
                input=text.encode("utf-8", "surrogateescape"),
                timeout=TMUX_SECONDS,
                capture_output=True,
                check=False,
            )


def citation(hit: Hit, page: int) -> str:
    """How a page is named in a text of one's own."""
    day = "" if hit.modified == date.min else f", {hit.modified.isoformat()}"
    return f"{visible(hit.title)}, p. {page} ({visible(hit.path.name)}{day})"
