"""A round of learning as a process of its own, so that nothing on the screen waits. Knows no screen."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from docsearch.errors import DocsearchError
from docsearch.program import command, environment

Event = Mapping[str, Any]
"""A line that the process writes; "event" tells of what kind it is."""
DONE = "done"
GENTLE = 10
"""What is added to the niceness of a round that nobody waits for."""
NICEST = 19
ENDING_SECONDS = 10.0
"""A round that was stopped has so long to end."""
_OURS = "docsearch: "


class LearningRunner(Protocol):
    """Runs one round of learning at a time."""

    def events(self, *options: str, gentle: bool = False) -> AsyncGenerator[Event, None]:
        """What `docsearch learn` with these words tells; raises what ended it before it was done."""

    def stop(self) -> None:
        """Ends the round half-way, which changes nothing; training is paused."""


class LearningProcess:
    """Satisfies `LearningRunner` with `docsearch learn`.

    Args:
        home: what `--home` was given, if it was.
    """

    def __init__(self, home: Path | None) -> None:
        self._command = (*command(home), "learn")
        self._process: Process | None = None

    async def events(self, *options: str, gentle: bool = False) -> AsyncGenerator[Event, None]:
        """See `LearningRunner`."""
        process = self._process = await self._started(options, gentle)
        assert process.stdout is not None
        assert process.stderr is not None
        said = asyncio.create_task(process.stderr.read())
        last: Event = {}
        try:
            async for line in process.stdout:
                last = json.loads(line)
                yield last
            code = await process.wait()
        finally:
            self.stop()
            await _ended(process)
        if code and last.get("event") != DONE:
            raise _what_ended_it((await said).decode("utf-8", "replace"))

    def stop(self) -> None:
        """See `LearningRunner`."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                if sys.platform == "win32":
                    process.terminate()
                else:
                    process.send_signal(signal.SIGINT)

    async def _started(self, options: tuple[str, ...], gentle: bool) -> Process:
        """The process in a session of its own: Ctrl-C in the terminal is not for it."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            *options,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
            env=environment(),
        )
        if gentle and sys.platform != "win32":
            with suppress(OSError):
                nice = os.getpriority(os.PRIO_PROCESS, 0) + GENTLE
                os.setpriority(os.PRIO_PROCESS, process.pid, min(nice, NICEST))
        return process


async def _ended(process: Process) -> None:
    """Waits for the end of a process that was told to end, or ends it."""
    try:
        await asyncio.wait_for(process.wait(), ENDING_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def _what_ended_it(said: str) -> Exception:
    """What the process complained of, with its hint; anything else is for the log."""
    lines = said.splitlines()
    for number, line in enumerate(lines):
        if line.startswith(_OURS):
            hint = " ".join(rest.strip() for rest in lines[number + 1 :] if rest.startswith("  "))
            return DocsearchError(line.removeprefix(_OURS), hint=hint)
    return RuntimeError(f"docsearch learn ended early: {said}")
