"""Takes an index from another machine into use: paths mapped, models compared, files known by content."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from docsearch.config import Settings
from docsearch.errors import IndexUnusable, UsageError
from docsearch.ingest.pipeline import Indexer
from docsearch.records import Failure, Progress
from docsearch.store import generation
from docsearch.store.archive import unpack
from docsearch.store.check import Kind, check
from docsearch.store.clicks import add_clicks
from docsearch.store.index import Index


@dataclass(frozen=True, slots=True)
class Move:
    """A folder of the other machine and where the same files lie on this one."""

    old: Path
    new: Path


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to.

    Attributes:
        documents: how many are searchable now.
        pages: how many pages they have.
        away: roots that are not on this machine; their documents are kept.
        dropped: fingerprints of models whose vectors were dropped, because they are not the model in use.
        waiting: how many pages the next run makes vectors for.
        outdated: whether it was made by a version that analyzes text otherwise.
    """

    documents: int
    pages: int
    away: tuple[Path, ...]
    dropped: tuple[str, ...]
    waiting: int
    outdated: bool


def import_index(
    index: Index,
    archive: Path,
    settings: Settings,
    fingerprint: str | None,
    *,
    moves: Sequence[Move] = (),
    replace: bool = False,
) -> Generator[Progress | Failure, None, Imported]:
    """Puts the archive's index in the place of this one, at one instant at the end.

    Files with the content they had are recognised and not read again, whatever their times. Vectors
    of other models than that with `fingerprint` are dropped; None keeps all.

    Raises:
        UsageError: the archive is damaged, a move fits no root, or this index holds something already.
        IndexBusy: another process is writing.
        StorageFull: there is no room; the index stays as it was.
    """
    with index.writing():
        if not replace and (index.files.roots() or index.documents.live()):
            raise UsageError(
                "this index holds something already",
                hint="docsearch import --replace puts the archive in its place",
            )
        place = generation.begin(index.folder, f"import {uuid.uuid4()}")
        try:
            unpack(archive, place)
            with closing(_open(archive, place)) as new:
                _map(new, moves)
                dropped = _drop_other_models(new, fingerprint)
                yield from Indexer(new, settings, None).run((), tiers=())
                imported = _imported(new, dropped, fingerprint)
                add_clicks(index.catalog, new.catalog)
        except BaseException:
            generation.remove([place])
            raise
        index.replace_by(place)
        return imported


def _open(archive: Path, place: Path) -> Index:
    """The unpacked index, when it holds together."""
    try:
        new = Index(place)
        wrong = [f for f in check(new).findings if f.kind is not Kind.OUTDATED]
    except IndexUnusable as error:
        raise UsageError(f"{archive} is not a usable docsearch archive: {error.message}") from error
    if wrong:
        new.close()
        raise UsageError(
            f"the index in {archive} does not hold together: {wrong[0].kind}",
            hint="run docsearch repair where it was exported, and export it again",
        )
    return new


def _map(index: Index, moves: Sequence[Move]) -> None:
    """Gives roots, files and failures their paths on this machine."""
    roots = [root for _, root, _ in index.files.roots()]
    for move in moves:
        if not any(move.old == root or move.old in root.parents for root in roots):
            raise UsageError(
                f"--map {move.old}: no root of the archive lies there",
                hint=f"its roots are {', '.join(map(str, roots))}",
            )
        index.files.move(move.old, move.new)


def _drop_other_models(index: Index, fingerprint: str | None) -> tuple[str, ...]:
    others = [t for t in index.vector_tables() if fingerprint is not None and t.fingerprint != fingerprint]
    for table in others:
        index.documents.forget_vectors(table.fingerprint)
        shutil.rmtree(table.path)
    return tuple(table.fingerprint for table in others)


def _imported(index: Index, dropped: tuple[str, ...], fingerprint: str | None) -> Imported:
    documents, pages, _ = index.documents.totals()
    away = tuple(root for _, root, online in index.files.roots() if not online)
    waiting = index.documents.waiting_for_vectors(fingerprint) if fingerprint else []
    pages_waiting = sum(document.pages for document in waiting)
    return Imported(documents, pages, away, dropped, pages_waiting, index.outdated())
