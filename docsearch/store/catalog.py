"""The catalog's database: opening, schema, migrations, transactions.

One SQLite file holds what only the user can give (roots, settings made in the program, clicks)
and which files and documents there are. The tables have a module each: `files`, `documents`,
`recognised`, `evidence`, `vocabulary`. Knows no document format and no vector.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from shutil import disk_usage
from typing import Any, Self, TypeVar
from urllib.parse import quote

from docsearch.errors import IndexBusy, IndexDamaged, IndexUnusable, StorageFull
from docsearch.store.schema import MIGRATIONS

T = TypeVar("T")

_COUNT = (
    "INSERT INTO facts VALUES (?, '1') ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
)
_DISK_ERRORS = ("disk is full", "readonly", "unable to open", "disk I/O")
_NO_ROOM = 1 << 20


class Kind(StrEnum):
    """What a transaction writes: under this name the catalog counts how often that was."""

    INDEX = "writes of the index"
    CLICKS = "writes of the click log"
    SEARCHES = "writes of searches nothing was said of"


class Catalog:
    """One connection to the catalog. Not for use by several threads at the same time.

    Raises:
        IndexDamaged: the file is not a catalog.
        IndexUnusable: it was written by a newer version of this program.
        StorageFull: it cannot be written.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._remembered: dict[Kind, dict[str, Any]]
        self._revisions: dict[str, str]
        self._looked_at: tuple[int, int]
        self.open(path, read_only=read_only)

    def open(self, path: Path, *, read_only: bool = False) -> None:
        """Opens the catalog at `path`; for reading only where it cannot be written."""
        self.path = path
        self.created = False
        """Whether there was none before."""
        self.refused: StorageFull | None = None
        """Why it is open for reading only, if it was meant to be written."""
        self._remembered, self._revisions, self._looked_at = {}, {}, (-1, -1)
        try:
            self.connection = self._read_only() if read_only else self._writable()
        except StorageFull as error:
            if read_only or not _has_content(path):
                raise
            self.connection, self.refused = self._read_only(), error

    def remember(self, name: str, make: Callable[[], T], kind: Kind = Kind.INDEX) -> T:
        """The value of `make`, made anew only when what it is made from may have changed.

        The value is shared between callers and must not be changed by them. What is seen inside a
        transaction is not remembered: it may be rolled back.
        """
        if self.connection.in_transaction:
            return make()
        self._forget_outdated()
        values = self._remembered.setdefault(kind, {})
        if name not in values:
            values[name] = make()
        value: T = values[name]
        return value

    def _forget_outdated(self) -> None:
        """Drops remembered values of the kinds that anybody has written since."""
        data_version = self.connection.execute("PRAGMA data_version").fetchone()[0]
        now = (data_version, self.connection.total_changes)
        if now == self._looked_at:
            return
        names = [kind.value for kind in Kind]
        marks = ", ".join("?" for _ in names)
        rows = self.connection.execute(f"SELECT name, value FROM facts WHERE name IN ({marks})", names)
        revisions = dict(rows.fetchall())
        for kind in Kind:
            if revisions.get(kind.value) != self._revisions.get(kind.value):
                self._remembered.pop(kind, None)
        self._revisions, self._looked_at = revisions, now

    def close(self) -> None:
        """Closes the connection; the object is of no use afterwards."""
        self.connection.close()

    @contextmanager
    def transaction(self, kind: Kind = Kind.INDEX) -> Iterator[sqlite3.Connection]:
        """All or nothing: commits at the end, rolls back on any exception. May be nested.

        `kind` says what is written, to all that remember values made from it.
        """
        if self.connection.in_transaction:
            yield self.connection
            return
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            before = self.connection.total_changes
            yield self.connection
            if self.connection.total_changes != before:
                self.connection.execute(_COUNT, (kind.value,))
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:  # a full disk has ended it already
                self.connection.execute("ROLLBACK")
            raise

    def vacuum(self) -> None:
        """Gives free pages back to the disk, if a fifth of the file is free; not while that is impossible."""
        free, pages = (
            self.connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("freelist_count", "page_count")
        )
        if 5 * free > pages:
            with suppress(IndexBusy, StorageFull):
                self.connection.execute("VACUUM")

    def fact(self, name: str) -> str | None:
        """A small named value kept with the index, or None."""
        row = self.connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_fact(self, name: str, value: str) -> None:
        """Stores a small named value."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def _writable(self) -> _Connection:
        with _sqlite_errors(self.path):
            self.path.touch(mode=0o600)
            connection = _connect(str(self.path))
            try:
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA journal_mode = WAL")
                self.connection = connection
                self._migrate()
            except BaseException:
                connection.close()
                raise
        return connection

    def _read_only(self) -> _Connection:
        """Without any file beside the catalog where there is none and none can be made."""
        wal = self.path.with_name(f"{self.path.name}-wal")
        modes = ["mode=ro"] if _has_content(wal) else ["mode=ro", "mode=ro&immutable=1"]
        for mode in modes:
            connection = _connect(f"file:{quote(os.fsencode(self.path))}?{mode}", self.path)
            try:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            except StorageFull:
                connection.close()
                if mode == modes[-1]:
                    raise
                continue
            if version != len(MIGRATIONS):
                connection.close()
                raise _of_another_version(self.path, newer=version > len(MIGRATIONS))
            return connection
        raise AssertionError("one of the modes returns or raises")

    def _migrate(self) -> None:
        version = self._version()
        if version > len(MIGRATIONS):
            raise _of_another_version(self.path, newer=True)
        if version == len(MIGRATIONS):
            return
        with self.transaction() as db:
            start = self._version()  # another process may have been first
            self.created = start == 0
            for script in MIGRATIONS[start:]:
                for statement in script.split(";"):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _version(self) -> int:
        version: int = self.connection.execute("PRAGMA user_version").fetchone()[0]
        return version


class _Connection(sqlite3.Connection):
    """Whose cursors raise our errors."""

    path = Path()

    def cursor(self, factory: object = None) -> _Cursor:  # type: ignore[override]  # noqa: ARG002
        return super().cursor(_Cursor)

    def execute(self, *arguments: Any) -> _Cursor:
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments: Any) -> _Cursor:
        return self.cursor().executemany(*arguments)


class _Cursor(sqlite3.Cursor):
    """Raises our errors, while executing and while fetching."""

    connection: _Connection

    def execute(self, *arguments: Any) -> Self:
        with _sqlite_errors(self.connection.path):
            return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> Self:
        with _sqlite_errors(self.connection.path):
            return super().executemany(*arguments)

    def fetchone(self) -> Any:
        with _sqlite_errors(self.connection.path):
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with _sqlite_errors(self.connection.path):
            return super().fetchall()

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        yield from self.fetchall()


def _connect(name: str, path: Path | None = None) -> _Connection:
    """A connection to a file, or with a `path` to the file of that path that the URI `name` means."""
    with _sqlite_errors(path or Path(name)):
        connection = sqlite3.connect(
            name,
            isolation_level=None,
            check_same_thread=False,
            timeout=30,
            factory=_Connection,
            uri=path is not None,
        )
    connection.path = path or Path(name)
    return connection


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _of_another_version(path: Path, *, newer: bool) -> IndexUnusable:
    if newer:
        return IndexUnusable(
            f"the index {path} was made by a newer docsearch",
            hint="update docsearch, or choose another index folder with --home",
        )
    return IndexUnusable(
        f"the index {path} was made by an older docsearch and cannot be written now",
        hint="run docsearch once where the folder can be written",
    )


@contextmanager
def _sqlite_errors(path: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if any(word in str(error) for word in _DISK_ERRORS):
            raise StorageFull(
                f"cannot write {path}: {_why(path, error)}",
                hint="free some space or check the folder's permissions",
            ) from error
        if "locked" in str(error):
            raise IndexBusy(f"{path} is busy: {error}", hint="try again in a moment") from error
        if isinstance(error, sqlite3.OperationalError | sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise IndexDamaged(
            f"{path} is not a usable catalog: {error}",
            hint="docsearch repair saves what can be saved; documents are not touched",
        ) from error
    except OSError as error:
        raise StorageFull(
            f"cannot write {path}: {error.strerror}", hint="free some space or check the folder's permissions"
        ) from error


def _why(path: Path, error: sqlite3.DatabaseError) -> str:
    """SQLite calls a full disk an I/O error when it is its shared memory or its log that finds no room."""
    with suppress(OSError):
        if "disk is full" in str(error) or (
            "disk I/O" in str(error) and disk_usage(path.parent).free < _NO_ROOM
        ):
            return "no space left on the disk"
    return str(error)
