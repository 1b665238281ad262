"""What becomes of broken and odd files: each must end as searchable pages or as a failure with a reason.

They are indexed by one run of the program within a time limit; nothing may crash, hang or get lost.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.program import docsearch, environment, home_folder
from benchmarks.report import DEFAULT_DOCS, Figure, common_parser, emit, note, parse_args
from docsearch.library import Library
from docsearch.records import Failure
from docsearch.store.index import Index

HOSTILE = DEFAULT_DOCS.parent / "hostile" / "files"


@dataclass(frozen=True, slots=True)
class Run:
    """How the program ended: its exit code (None when it was stopped), what it said, how long it took."""

    code: int | None
    said: str
    seconds: float

    @property
    def crashed(self) -> bool:
        """Whether it ended in any way but the good one, or showed a traceback."""
        return self.code not in (0, None) or "Traceback (most recent call last)" in self.said


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the index knows of the folder afterwards. Names are relative to it, as bytes."""

    files: frozenset[bytes]
    indexed: frozenset[bytes]
    failures: tuple[Failure, ...]
    pages: int

    @property
    def lost(self) -> list[bytes]:
        """Files that are neither searchable nor recorded as failures."""
        failed = {os.fsencode(failure.path) for failure in self.failures}
        return sorted(self.files - self.indexed - failed)


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    parser.set_defaults(docs=HOSTILE)
    parser.add_argument(
        "--limit", type=float, default=1800, metavar="SECONDS", help="the run may take this long (1800)"
    )
    parser.add_argument("--home", type=Path, metavar="DIR", help="keep the index here (default: nowhere)")
    options = parse_args(parser, argv, needs_docs=False)
    if not options.docs.is_dir():
        parser.error(f"no files: {options.docs} is no folder; name another with --docs DIR")
    folder = options.docs.resolve()
    with home_folder(options.home) as home:
        run = index_within(options.limit, home, folder)
        outcome = outcome_of(home, folder)
    if run.crashed:
        note(run.said[-4000:])
    emit(figures(run, outcome), _table(outcome, folder), as_json=options.json)


def index_within(limit: float, home: Path, folder: Path) -> Run:
    """Runs `docsearch index`; past the limit it and all its readers are stopped."""
    started = time.monotonic()
    process = subprocess.Popen(
        docsearch(home, "index", folder),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        said = process.communicate(timeout=limit)[1]
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        said, code = process.communicate()[1], None
    return Run(code, said.decode(errors="replace"), time.monotonic() - started)


def outcome_of(home: Path, folder: Path) -> Outcome:
    """Compares what lies in the folder with what the index holds and what it records as failed."""
    present = {os.fsencode(path) for path in folder.rglob("*") if path.is_file()}
    with Library(home) as library:
        failures = tuple(library.store.files.failures())
        return Outcome(frozenset(present), _indexed(library.store), failures, _searchable(library.store))


def figures(run: Run, outcome: Outcome) -> dict[str, Figure]:
    whole = {failure.path for failure in outcome.failures if failure.page is None}
    return {
        "files": len(outcome.files),
        "files_indexed": len(outcome.indexed & outcome.files),
        "pages_ok": outcome.pages,
        "failures_recorded": len(outcome.failures),
        "files_failed": len(whole),
        "crashes": int(run.crashed),
        "hangs": int(run.code is None),
        "lost": len(outcome.lost),
        "lost_files": [ascii(Path(os.fsdecode(name)).name) for name in outcome.lost],
        "seconds": run.seconds,
    }


def _indexed(index: Index) -> frozenset[bytes]:
    live = index.documents.live()
    held = index.files.of_documents(live).values()
    return frozenset(os.fsencode(file.path) for files in held for file in files)


def _searchable(index: Index) -> int:
    """Pages of searchable documents that were read or recognised, whether or not anything stood on them."""
    _, pages, _ = index.documents.totals()
    held = index.files.of_documents(index.documents.live()).values()
    first = {files[0].path for files in held}
    failed = sum(failure.page is not None and failure.path in first for failure in index.files.failures())
    waiting = sum(map(len, index.documents.waiting_for_ocr().values()))
    return pages - failed - waiting


def _table(outcome: Outcome, folder: Path) -> list[list[object]]:
    rows: list[list[object]] = [["file", "page", "reason"]]
    for failure in outcome.failures:
        shown = os.path.relpath(failure.path, folder).encode(errors="backslashreplace").decode()
        rows.append([shown, failure.page or "", failure.reason])
    return rows


if __name__ == "__main__":
    main()
