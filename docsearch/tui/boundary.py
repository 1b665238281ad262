"""The one place where errors become something to read: a notification, or a line in the log file.

Work is started through `start`, so nothing that fails in the background can end the program.
"""

from __future__ import annotations

import math
import os
import time
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from textual.app import App
from textual.dom import DOMNode
from textual.worker import Worker

from docsearch.errors import DocsearchError
from docsearch.tui.text import visible

MAX_LOG_BYTES = 1_000_000
"""A longer log starts afresh."""

Work = Callable[[], Awaitable[None]]


class ErrorLog:
    """A file that only its owner can read, with the tracebacks of unexpected errors."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, error: BaseException) -> None:
        """Appends an error with its traceback; a log that cannot be written is done without."""
        lines = traceback.format_exception(error)
        try:
            with os.fdopen(self.open(), "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {''.join(lines)}\n")
        except OSError:
            return

    def open(self) -> int:
        """A file descriptor to append to; raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        full = self.path.exists() and self.path.stat().st_size > MAX_LOG_BYTES
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if full else 0)
        return os.open(self.path, flags, 0o600)


class Boundary:
    """Runs work in the background and tells the user what went wrong."""

    def __init__(self, app: App[Any], log: ErrorLog) -> None:
        self.app = app
        self.log = log
        self._shown: dict[str, float] = {}

    def start(self, node: DOMNode, work: Work, group: str) -> Worker[None]:
        """Runs `work` while `node` lives, instead of what runs in the same group."""
        return node.run_worker(partial(self._run, work), group=group, exclusive=True)

    def stop(self, node: DOMNode, group: str) -> None:
        """Drops what runs in a group."""
        node.workers.cancel_group(node, group)

    def report(self, error: Exception) -> None:
        """Shows an error of ours with its hint; any other one goes to the log."""
        if isinstance(error, DocsearchError):
            self._show("\n".join(filter(None, (error.message, error.hint))))
            return
        self.log.write(error)
        self._show(f"Something went wrong, see {self.log.path}")

    def _show(self, text: str) -> None:
        """Notifies, unless the same is still to be read: every key typed may fail in the same way."""
        now = time.monotonic()
        if now - self._shown.get(text, -math.inf) > self.app.NOTIFICATION_TIMEOUT:
            self._shown[text] = now
            self.app.notify(visible(text, lines=True), severity="error", markup=False)

    async def _run(self, work: Work) -> None:
        try:
            await work()
        except Exception as error:
            self.report(error)
