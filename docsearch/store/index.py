"""The index of one user: catalog and tables in one folder, opened together.

The catalog decides what is searchable. Writers append rows first and commit the catalog last, so a
crash leaves rows that nobody sees; `sweep` removes them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TypeVar

from docsearch.errors import IndexUnusable, StorageFull
from docsearch.store import generation
from docsearch.store.analyzer import Analyzer, analyzer_fingerprint
from docsearch.store.catalog import Catalog
from docsearch.store.clicks import Clicks
from docsearch.store.documents import Documents
from docsearch.store.evidence import Evidence
from docsearch.store.files import Files
from docsearch.store.lock import writer_lock
from docsearch.store.pages import PageTable
from docsearch.store.recognised import Recognised
from docsearch.store.tables import Table
from docsearch.store.token_vectors import TokenVectorFolders
from docsearch.store.vector_models import VectorModel, VectorModels
from docsearch.store.vectors import VectorTable, vector_tables
from docsearch.store.vocabulary import Vocabulary

T = TypeVar("T")

_LAYOUT = 1
"""Raised whenever columns or indexes of the tables change."""

_MADE_BY = "made by"
UNSWEPT = "rows to sweep"
_UNCOMPACTED = "rows to compact"
_KEPT = "versions to drop"
_WORN = "writes to the catalog"
_WORN_FROM = 50
_MOST_WRITES = 32
_COMPACTED = "last compaction"
_REST, _QUICK_SECONDS = 20, 0.5


class Index:
    """All stores of one index folder. The folder is made, readable by its owner only, when missing.

    Where the folder cannot be written, what is in it can still be searched.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        _make(folder)
        place = generation.current(folder)
        self.analyzer = Analyzer()
        self.catalog = Catalog(place / generation.CATALOG)
        self.evidence = Evidence(self.catalog, self.analyzer)
        self.files = Files(self.catalog, self.evidence)
        self.clicks = Clicks(self.catalog)
        self.documents = Documents(self.catalog)
        self.vector_models = VectorModels(self.catalog, self.documents)
        self.recognised = Recognised(self.catalog)
        self.vocabulary = Vocabulary(self.catalog, self.analyzer)
        self.token_vectors = TokenVectorFolders(folder)
        self._begin(place)

    @property
    def tables_folder(self) -> Path:
        """Where the tables of the generation in use lie."""
        return self.pages.folder

    def follow(self) -> bool:
        """Moves on to the index that has taken the place of the open one; says whether one had."""
        now = generation.identity(self.folder)
        if now is None or now == self._identity:
            return False
        place, *_ = now
        self.catalog.close()
        self.catalog.open(place / generation.CATALOG)
        self._begin(place)
        return True

    def replace_by(self, place: Path) -> None:
        """Takes the complete index in a folder of `generation.begin` into use, and removes this one.

        For the writer only. Raises StorageFull; this index stays in use then.
        """
        generation.switch(self.folder, place)
        self.follow()
        generation.remove(generation.outlived(self.folder))

    def consistently(self, ask: Callable[[], T]) -> T:
        """What `ask` finds, in the index in use; it is asked again if that was replaced meanwhile."""
        self.follow()
        try:
            answer = ask()
        except (IndexUnusable, sqlite3.Error):
            if not self.follow():
                raise
            return ask()
        return ask() if self.follow() else answer

    def consistently_each(self, ask: Callable[[], Iterator[T]]) -> Iterator[T]:
        """Like `consistently`, for answers that come one after the other."""
        self.follow()
        try:
            yield from ask()
        except (IndexUnusable, sqlite3.Error):
            if not self.follow():
                raise
            yield from ask()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Holds the write lock, on the index in use.

        Raises:
            IndexBusy: another process is writing.
            StorageFull: the folder cannot be written.
        """
        with writer_lock(self.folder):
            self.follow()
            if self.catalog.refused:
                self._open_for_writing()
            yield

    def vectors(self, fingerprint: str, dimensions: int) -> VectorTable:
        """The vector table of a model."""
        if fingerprint not in self._vectors:
            self._vectors[fingerprint] = VectorTable(self.tables_folder, fingerprint, dimensions)
        return self._vectors[fingerprint]

    def sweep(self) -> None:
        """Removes what no file holds any more and what a crash left behind. For the writer only.

        Tables are only opened when there is something to remove: that costs more than a second.
        """
        with self.catalog.transaction():
            if self.documents.sweep():
                self.evidence.sweep()
                self.catalog.set_fact(UNSWEPT, "yes")
        if self.catalog.fact(UNSWEPT) == "yes":
            live = self.documents.live()
            for table in self.tables():
                table.delete(table.documents() - live)
            self.token_vectors.sweep(document.content for document in self.documents.get(live).values())
            self.grown()
            self.catalog.set_fact(UNSWEPT, "no")
        if not self.documents.live() or self.catalog.fact(_MADE_BY) is None:
            self.catalog.set_fact(_MADE_BY, maker())
        generation.remove(generation.outlived(self.folder))

    def made_by(self) -> str:
        """What the rows of the tables depend on: `maker` at the time they were begun."""
        return self.catalog.fact(_MADE_BY) or maker()

    def outdated(self) -> bool:
        """Whether the pages were analyzed, or the tables laid out, otherwise than it is done now."""
        return self.made_by() != maker()

    def grown(self) -> None:
        """Notes that rows were written since the tables were last compacted."""
        self.catalog.set_fact(_UNCOMPACTED, str(self._uncompacted() + 1))

    def needs_upkeep(self) -> bool:
        """Whether so much was written since the last compaction that searches or the disk suffer."""
        return self._uncompacted() >= _MOST_WRITES and self.is_rested()

    def is_rested(self) -> bool:
        """Whether compacting again would take no more than a twentieth of the time."""
        at, _, took = (self.catalog.fact(_COMPACTED) or "0 0").partition(" ")
        is_quick = float(took or 0) < _QUICK_SECONDS
        return is_quick or not self._uncompacted() or not -1 <= time.time() - float(at) < _REST * float(took)

    def compact(self, keep_seconds: float = 0.001) -> None:
        """Brings indexes up to date and gives back space, if rows were written. For the writer only.

        Versions of the tables younger than `keep_seconds` stay, for searches that are reading them; the
        next call drops those.
        """
        written = self._uncompacted() > 0
        if not written and self.catalog.fact(_KEPT) != "yes":
            return
        started = time.monotonic()
        for table in self.tables():
            table.compact(keep_seconds)
        if written:
            self.evidence.join()
        self.catalog.set_fact(_KEPT, "yes" if written and keep_seconds >= 1 else "no")
        self._shrink_catalog(self._uncompacted(), at_rest=not written)
        self.catalog.set_fact(_UNCOMPACTED, "0")
        self.catalog.set_fact(_COMPACTED, f"{time.time():.2f} {time.monotonic() - started:.2f}")
        self.catalog.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _uncompacted(self) -> int:
        """How many times rows were written since the tables were compacted."""
        return self._count(_UNCOMPACTED)

    def _shrink_catalog(self, writes: int, *, at_rest: bool) -> None:
        """Gives back what replaced and deleted documents leave in the catalog, when it is much."""
        worn = self._count(_WORN) + writes
        if worn >= max(_WORN_FROM, len(self.documents.live())) / (10 if at_rest else 1):
            self.evidence.optimize()
            self.catalog.vacuum()
            worn = 0
        self.catalog.set_fact(_WORN, str(worn))

    def _count(self, fact: str) -> int:
        value = self.catalog.fact(fact) or ""
        return int(value) if value.isdecimal() else 0

    def size_bytes(self) -> int:
        """Bytes on disk of the whole folder."""
        return generation.size(self.folder)

    def close(self) -> None:
        """Closes the catalog; tables hold nothing open."""
        self.catalog.close()

    def tables(self) -> list[Table]:
        """The page table and all vector tables."""
        return [self.pages, *self.vector_tables()]

    def vector_tables(self) -> list[VectorTable]:
        """The vector tables of all models, for what needs no dimensions."""
        return vector_tables(self.tables_folder)

    def vectors_made(self) -> tuple[VectorModel, ...]:
        """What there is of all models: vectors of pages, and token vectors."""
        documents = tuple(self.documents.get(self.documents.live()).values())
        tokens = self.token_vectors.pages_of_models(documents).items()
        return (*self.vector_models.all(), *(VectorModel("", model, 0, pages) for model, pages in tokens))

    def _open_for_writing(self) -> None:
        """Tries again what was refused when the catalog was opened."""
        self.catalog.close()
        self.catalog.open(self.catalog.path)
        if self.catalog.refused:
            raise self.catalog.refused

    def _begin(self, place: Path) -> None:
        """Goes with the tables of the generation whose catalog was opened.

        Tables beside a new catalog belong to one that is lost: its document numbers are not used again.
        """
        self.pages = PageTable(place / generation.TABLES)
        self._vectors: dict[str, VectorTable] = {}
        status = self.catalog.path.stat()
        self._identity = (place, status.st_dev, status.st_ino)
        with suppress(OSError):
            self.tables_folder.mkdir(mode=0o700, exist_ok=True)
        if self.catalog.created and any(self.tables_folder.glob("*.lance")):
            self.documents.number_from(int(time.time()))
            self.catalog.set_fact(UNSWEPT, "yes")


@cache
def maker() -> str:
    """What the rows of tables made now depend on: their layout, and what the analyzer makes of text."""
    return f"{_LAYOUT} {analyzer_fingerprint()}"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageFull(f"cannot make the index folder {folder}: {error.strerror}") from error
