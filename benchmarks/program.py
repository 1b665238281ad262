"""Runs docsearch as its users do, as a program of its own, and keeps the homes it runs in.

Knows command lines and processes, not what they are run for.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import note
from docsearch.errors import UsageError

REPOSITORY = Path(__file__).resolve().parents[1]
_SAMPLE_SECONDS = 0.1


class ProgramFailed(RuntimeError):
    """A program that a benchmark needs ended with an error."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run took: wall-clock seconds, and the largest memory of its processes together."""

    seconds: float
    peak_rss_mb: float


def add_home(parser: argparse.ArgumentParser) -> None:
    """The option --home of benchmarks that need a complete index; see `home_folder`."""
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="index the documents here, or use what was indexed here before; default: a temporary folder",
    )


@contextmanager
def home_folder(given: Path | None) -> Iterator[Path]:
    """The given home, made if it is not there, or one that is gone afterwards."""
    if given is not None:
        given.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="docsearch-benchmark-") as folder:
        yield Path(folder).resolve()


def complete_index(home: Path, documents: Path) -> None:
    """Brings the index in `home` up to date with `documents`; what was done before is not done again.

    Raises UsageError when the index holds anything else: its pages would be among the results.
    """
    from docsearch.library import Library
    from docsearch.records import Failure

    root = documents.resolve()
    with Library(home) as library:
        others = [str(other.path) for other in library.roots() if other.path != root]
        if others:
            raise UsageError(f"the index in {home} holds {others[0]} too; name another --home")
        tier, said = "", 0.0
        for event in library.index([root]):
            if isinstance(event, Failure):
                note(f"not read: {event.path!a}: {event.reason!a}")
            elif event.tier != tier or time.monotonic() - said > 10:
                tier, said = event.tier, time.monotonic()
                note(f"{tier}: {event.pages_done} of about {event.pages_total} pages")


def is_complete(home: Path, documents: Path) -> bool:
    """Whether the index in `home` holds `documents` alone and nothing of them waits."""
    from docsearch.library import Library

    if not (home / "index" / "catalog.sqlite").is_file():
        return False
    with Library(home) as library:
        status = library.status()
    waits = status.pages_waiting_for_ocr or status.pages_waiting_for_vectors
    return [root.path for root in status.roots] == [documents.resolve()] and bool(status.pages) and not waits


def docsearch(home: Path, *arguments: str | Path) -> list[str]:
    """The command line of docsearch with its home in `home`."""
    return [sys.executable, "-m", "docsearch", "--home", str(home), *map(str, arguments)]


def timed(command: Sequence[str]) -> float:
    """Seconds that a program takes from start to end.

    Raises ProgramFailed with the last of what it said when it fails.
    """
    started = time.perf_counter()
    done = subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        said = done.stderr.decode(errors="replace")[-2000:]
        raise ProgramFailed(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
    return seconds


def watched(command: Sequence[str]) -> Usage:
    """Runs a program and looks at the memory of its process tree ten times a second.

    Memory is the sum of resident set sizes, so what processes share counts once for each. Raises
    ProgramFailed when it fails; its stdout is dropped, its stderr is ours.
    """
    started, peak = time.perf_counter(), 0
    process = subprocess.Popen(
        command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        while process.poll() is None:
            peak = max(peak, _resident_bytes(process.pid))
            time.sleep(_SAMPLE_SECONDS)
    finally:
        process.kill()
    if process.wait():
        raise ProgramFailed(f"{' '.join(command)} ended with {process.returncode}")
    return Usage(time.perf_counter() - started, peak / 1e6)


def environment() -> dict[str, str]:
    """Ours, with this copy of docsearch first among the modules."""
    paths = (str(REPOSITORY), os.environ.get("PYTHONPATH", ""))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _resident_bytes(pid: int) -> int:
    import psutil

    try:
        parent = psutil.Process(pid)
        processes = [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(map(_resident, processes))


def _resident(process: object) -> int:
    import psutil

    try:
        return int(process.memory_info().rss)  # type: ignore[attr-defined]
    except psutil.Error:
        return 0
