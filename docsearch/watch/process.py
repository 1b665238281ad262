"""A child process that a watcher talks to in JSON lines. Knows no index and no file."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread
from typing import Any

from docsearch.program import environment

Message = dict[str, Any]
ENDED = "ended"
"""The event that is told last: the process has ended, with its exit code and whether it was stopped."""
STOP_SECONDS = 10.0
"""A process that does not end in this time is killed."""


class Child:
    """One program that is started again and again, one process at a time.

    Args:
        command: what to run.
        tell: takes what the process says, in a thread of its own.
    """

    def __init__(self, command: Sequence[str], tell: Callable[[Message], None]) -> None:
        self._command = list(command)
        self._tell = tell
        self._process: subprocess.Popen[str] | None = None
        self._asked_to_end = False

    @property
    def running(self) -> bool:
        """Whether there is a process that was not asked to end."""
        return self._process is not None and self._process.poll() is None and not self._asked_to_end

    @property
    def ended(self) -> bool:
        """Whether there is no process."""
        return self._process is None or self._process.poll() is not None

    def send(self, message: Message) -> int:
        """Sends a message, to a new process if there is none; returns the process number.

        Whether a process that is just ending still reads it shows when that one has ended.
        """
        if not self.running:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        return self._process.pid

    def ask_to_end(self) -> None:
        """Asks the process to end; what it has done is kept."""
        if self._process is not None and self._process.poll() is None:
            self._asked_to_end = True
            self._process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Ends the process and waits for that."""
        self.ask_to_end()
        if self._process is not None:
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _start(self) -> None:
        self.close()
        self._asked_to_end = False
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=environment(),
        )
        Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                with suppress(ValueError):
                    self._tell(json.loads(line))
        code = process.wait()
        stopped = self._asked_to_end
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        self._tell({"event": ENDED, "process": process.pid, "code": code, "stopped": stopped})
