"""Mends an index: what `check` finds is put right, what is lost is read from the files again."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

from docsearch.config import Settings
from docsearch.ingest.pipeline import Indexer, Tier
from docsearch.ingest.verify import against_files
from docsearch.models.protocols import Embedder
from docsearch.records import Failure, Progress
from docsearch.store import generation
from docsearch.store.check import Finding, Kind, check
from docsearch.store.index import Index
from docsearch.store.lock import writer_lock
from docsearch.store.mend import Mended, mend, open_or_salvage
from docsearch.store.salvage import Salvaged, salvage

_ROUNDS = 3
"""What was hidden by damage is found once that is mended; so many looks are enough."""

Step = Progress | Failure | Mended


def repair(
    folder: Path,
    settings: Settings,
    embedder: Callable[[], Embedder] | None,
    *,
    content: bool = False,
) -> Generator[Step, None, tuple[Finding, ...]]:
    """Mends, tells what was done, and reads again what has to be; returns what remains.

    Raises:
        IndexBusy: another process is writing.
        StorageFull: the index cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with writer_lock(folder):
        index, saved = open_or_salvage(folder)
        if saved is not None:
            yield _told(saved)
        generation.remove(generation.unfinished(folder))
        with closing(index):
            yield from _mend(index, content=content)
    with closing(Index(folder)) as index:
        yield from Indexer(index, settings, embedder).run((), tiers=tuple(Tier))
        with index.writing():
            return tuple(check(index).findings)


def _mend(index: Index, *, content: bool) -> Generator[Step, None, None]:
    """Looks and mends until nothing is found that can be mended."""
    silent = [f for f in against_files(index, content=True) if f.kind is Kind.SILENT] if content else []
    for _ in range(_ROUNDS):
        findings = [*check(index).findings, *silent]
        silent = []
        if any(finding.kind is Kind.CATALOG for finding in findings):
            yield _told(salvage(index.folder))
            index.follow()
            continue
        done = list(mend(index, findings))
        yield from done
        index.sweep()
        if not done:
            return


def _told(saved: Salvaged) -> Mended:
    rows = ", ".join(f"{count} {table}" for table, count in saved.rows.items() if count)
    return Mended(Kind.CATALOG, f"saved {rows or 'nothing'}; the broken file is in {saved.aside}")
