"""A child process that a watcher talks to in JSON lines. Knows no index and no file."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any

from docsearch.program import environment

Message = dict[str, Any]
ENDED = "ended"
"""The event that is told last: the process has ended, with its exit code and whether it was stopped."""
STOP_SECONDS = 10.0
"""A process that does not end in this time is killed."""


@dataclass(slots=True)
class _Started:
    """A process, and whether it was asked to end."""

    process: subprocess.Popen[str]
    asked_to_end: bool = False

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None


class Child:
    """One program that is started again and again, one process at a time.

    Args:
        command: what to run.
        tell: takes what the process says, in a thread of its own.
    """

    def __init__(self, command: Sequence[str], tell: Callable[[Message], None]) -> None:
        self._command = list(command)
        self._tell = tell
        self._started: _Started | None = None

    @property
    def ended(self) -> bool:
        """Whether there is no process."""
        return self._started is None or self._started.ended

    def send(self, message: Message) -> int:
        """Sends a message, to a new process if none takes any; returns the process number.

        Whether a process that is just ending still reads it shows when that one has ended.
        """
        started = self._started
        if started is None or started.ended or started.asked_to_end:
            started = self._start()
        assert started.process.stdin is not None
        with suppress(OSError, ValueError):
            started.process.stdin.write(json.dumps(message) + "\n")
            started.process.stdin.flush()
        return started.process.pid

    def ask_to_end(self) -> None:
        """Asks the process to end; what it has done is kept."""
        if self._started is not None and not self._started.ended:
            self._started.asked_to_end = True
            self._started.process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Ends the process and waits for that."""
        self.ask_to_end()
        if self._started is not None:
            try:
                self._started.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._started.process.kill()
                self._started.process.wait()

    def _start(self) -> _Started:
        self.close()
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=environment(),
        )
        self._started = started = _Started(process)
        Thread(target=self._listen, args=(started,), daemon=True).start()
        return started

    def _listen(self, started: _Started) -> None:
        process = started.process
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                with suppress(ValueError):
                    self._tell(json.loads(line))
        code = process.wait()
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        self._tell({"event": ENDED, "process": process.pid, "code": code, "stopped": started.asked_to_end})
