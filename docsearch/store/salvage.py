"""Saves what can be read of a broken catalog into a new one.

The broken files are copied aside first and never deleted. What the files can give again (names,
first pages, word counts) is left to be made anew.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from docsearch.errors import StorageFull
from docsearch.store import aside, generation
from docsearch.store.catalog import Catalog
from docsearch.store.documents import Documents
from docsearch.store.index import UNSWEPT

_DERIVED = ("vocabulary", "languages")
_LAST_STEP = 1 << 40


@dataclass(frozen=True, slots=True)
class Salvaged:
    """Where the broken catalog was put, and how many rows of each table could be read."""

    aside: Path
    rows: dict[str, int] = field(default_factory=dict)


def salvage(folder: Path) -> Salvaged:
    """Puts a new catalog in the place of the broken one. For the writer only.

    Tables of the index keep their rows: documents that were saved keep their pages.

    Raises:
        StorageFull: there is no room for the copy.
    """
    broken = generation.current(folder) / generation.CATALOG
    try:
        saved = Salvaged(aside.new_folder(folder))
        for path in broken.parent.glob(f"{broken.name}*"):
            shutil.copy2(path, saved.aside / path.name)
    except OSError as error:
        raise StorageFull(f"cannot copy {broken}: {error.strerror}") from error
    fresh = broken.with_name(f"salvaged-{broken.name}")
    generation.remove(fresh.parent.glob(f"{fresh.name}*"))
    catalog = Catalog(fresh)
    with closing(catalog):
        for table in _tables(catalog.connection):
            saved.rows[table] = _copy(saved.aside / broken.name, catalog, table)
        drop_orphans(catalog)
        Documents(catalog).number_from(int(time.time()))  # rows of tables may still bear those below
        catalog.set_fact(UNSWEPT, "yes")
    generation.remove(path for path in broken.parent.glob(f"{broken.name}-*"))
    fresh.replace(broken)
    return saved


def _tables(db: sqlite3.Connection) -> list[str]:
    """The tables to be saved, those first that others refer to."""
    rows = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    virtual = [name for name, sql in rows if sql.startswith("CREATE VIRTUAL")]
    shadows = tuple(f"{name}_" for name in virtual)
    plain = [name for name, _ in rows if name not in virtual and not name.startswith((*shadows, "sqlite_"))]
    first = ("roots", "documents", "files", "searches")
    return sorted((name for name in plain if name not in _DERIVED), key=lambda name: name not in first)


def _copy(broken: Path, catalog: Catalog, table: str) -> int:
    """Copies the rows of one table that can be read; says how many."""
    columns = [row[1] for row in catalog.connection.execute(f"PRAGMA table_info({table})")]
    marks = ", ".join("?" for _ in columns)
    insert = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({marks})"
    catalog.connection.execute("PRAGMA foreign_keys = OFF")
    with catalog.transaction() as db:
        before = catalog.connection.total_changes
        for row in _readable(broken, table, columns):
            with suppress(sqlite3.Error):  # a value that damage made impossible
                db.execute(insert, row)
        return catalog.connection.total_changes - before


def _readable(broken: Path, table: str, columns: Sequence[str]) -> Iterator[tuple[object, ...]]:
    """Rows from the beginning to the damage, from the end to the damage, and between damages."""
    chosen = ", ".join(columns)
    with closing(sqlite3.connect(broken)) as db:
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        with suppress(sqlite3.Error):
            yield from db.execute(f"SELECT {chosen} FROM {table} NOT INDEXED")
            return
        with suppress(sqlite3.Error):
            yield from db.execute(f"SELECT {chosen} FROM {table} NOT INDEXED ORDER BY rowid DESC")
        with suppress(sqlite3.Error):
            yield from _leaping(db, table, chosen)


def _leaping(db: sqlite3.Connection, table: str, chosen: str) -> Iterator[tuple[object, ...]]:
    """Rows in order, over every damage in growing leaps."""
    sql = f"SELECT rowid, {chosen} FROM {table} NOT INDEXED WHERE rowid > ? ORDER BY rowid"
    last, step = 0, 0
    while step < _LAST_STEP:
        try:
            for row in db.execute(sql, (last + step,)):
                last, step = row[0], 0
                yield row[1:]
            return
        except sqlite3.DatabaseError as error:
            if "no such column" in str(error):
                return
            step = max(1, step * 2)


def drop_orphans(catalog: Catalog) -> int:
    """Deletes rows that refer to rows which are not there; says how many."""
    dropped = 0
    with catalog.transaction() as db:
        while True:
            broken = {(row[0], row[3]) for row in db.execute("PRAGMA foreign_key_check")}
            if not broken:
                return dropped
            for table, key in sorted(broken):
                parts = {row[0]: row for row in db.execute(f"PRAGMA foreign_key_list({table})")}
                _, _, parent, column, other, *_ = parts[key]
                dropped += db.execute(
                    f"DELETE FROM {table} WHERE {column} IS NOT NULL "
                    f"AND {column} NOT IN (SELECT {other} FROM {parent})"
                ).rowcount
