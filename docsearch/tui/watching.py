"""A watcher that lives as long as the screen: a process of its own, so that nothing on the screen waits.

Where another watcher runs already it ends by itself.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path

from docsearch.program import command, environment

LOG_NAME = "watch.log"
WAITING_SECONDS = 15.0
"""It ends after the step it is at."""


class ScreenWatcher:
    """Starts and stops the process.

    Args:
        home: what `--home` was given, if it was.
        cache: the folder for its log.
    """

    def __init__(self, home: Path | None, cache: Path) -> None:
        self._command = (*command(home), "watch", "--attached", "--log", str(cache / LOG_NAME))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and not let go of."""
        return self._process is not None

    def start(self) -> None:
        """Starts it, once; a machine that cannot goes without."""
        if self.running:
            return
        with suppress(OSError):
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                env=environment(),
            )

    def stop_and_wait(self, seconds: float = WAITING_SECONDS) -> None:
        """Lets go of it and waits until it has ended, at most so long."""
        self.stop()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self._process = None

    def stop(self) -> None:
        """Lets go of it: it ends when its input does, which is also when the screen dies."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
