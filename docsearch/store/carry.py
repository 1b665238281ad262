"""Takes what only the user can give, and what cost hours to make, from one catalog into another."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from docsearch.store.catalog import Catalog
from docsearch.store.schema import COSTLY_TABLES, USER_TABLES


def carry_all(source: Path, target: Catalog, *, costly: bool = True) -> None:
    """Fills a new catalog with the user's tables and, unless they are to be made again, the costly ones."""
    name = os.fsencode(source).decode("utf-8", "surrogateescape")
    target.connection.execute("ATTACH DATABASE ? AS source", (name,))
    try:
        with target.transaction() as db:
            for table in (*USER_TABLES, *(COSTLY_TABLES if costly else ())):
                _copy(db, table)
    finally:
        target.connection.execute("DETACH DATABASE source")


def _copy(db: sqlite3.Connection, table: str) -> None:
    """Rows of the columns that both have; none where the source has no such table."""
    there = {row[1] for row in db.execute(f"PRAGMA source.table_info({table})")}
    columns = [row[1] for row in db.execute(f"PRAGMA main.table_info({table})") if row[1] in there]
    if columns:
        named = ", ".join(columns)
        db.execute(f"INSERT OR IGNORE INTO main.{table} ({named}) SELECT {named} FROM source.{table}")
