"""A terminal for a program that paints on one: what is typed goes in, what is painted comes out."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.program import docsearch, environment

COLUMNS, ROWS = 120, 40
PATIENCE_SECONDS = 60.0
_ASKS_WHO = b"\x1b[c"
_IS_VT220 = b"\x1b[?62;22c"


class Terminal:
    """Runs `docsearch` on the index in `home` until it is closed. Use it in a `with` statement."""

    def __init__(self, home: Path, columns: int = COLUMNS, rows: int = ROWS) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._fd = ours
        self.started = time.perf_counter()
        self.last_read = self.started
        self._process = subprocess.Popen(
            docsearch(home),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**environment(), "TERM": "xterm-256color", "COLORTERM": "truecolor"},
        )
        os.close(theirs)

    def write(self, keys: bytes) -> float:
        """Presses keys; returns when."""
        pressed = time.perf_counter()
        os.write(self._fd, keys)
        return pressed

    def until(self, pattern: bytes, seconds: float = PATIENCE_SECONDS) -> float:
        """When something that matches was painted; raises TimeoutError when it is not."""
        painted, deadline = b"", time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            painted += self._read(0.05)
            if re.search(pattern, painted):
                return self.last_read
        raise TimeoutError(f"never painted: {pattern!r}; the last was {painted[-500:]!r}")

    def last(self, pattern: bytes, quiet_seconds: float, seconds: float = PATIENCE_SECONDS) -> float | None:
        """When something that matches was painted last, before nothing was for a while; else None."""
        painted, found, at = b"", 0, None
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            more = self._read(quiet_seconds)
            if not more:
                break
            painted += more
            matches = len(re.findall(pattern, painted))
            if matches > found:
                found, at = matches, self.last_read
        return at

    def rest(self, seconds: float, at_most: float = PATIENCE_SECONDS) -> None:
        """Waits until nothing was painted for so long."""
        deadline = time.perf_counter() + at_most
        while time.perf_counter() < deadline and self._read(seconds):
            pass

    def processor_seconds(self) -> float:
        """What the program has used of a processor so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Memory of the program and what it has started."""
        import psutil

        parent = psutil.Process(self._process.pid)
        family = [parent, *parent.children(recursive=True)]
        return float(sum(process.memory_info().rss for process in family)) / 1e6

    def close(self) -> None:
        """Ends the program and the terminal."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, seconds: float) -> bytes:
        """What is painted within so many seconds; answers what a terminal is asked."""
        if not select.select([self._fd], [], [], seconds)[0]:
            return b""
        try:
            painted = os.read(self._fd, 1 << 16)
        except OSError as error:
            raise EOFError("the program has ended") from error
        self.last_read = time.perf_counter()
        if _ASKS_WHO in painted:
            os.write(self._fd, _IS_VT220)
        return painted
