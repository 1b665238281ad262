"""Searches and what the user did with their results: the click log. Says nothing about what it means.

Rows name pages by the digest of their document's content, so they outlive moves, new versions of the
index and other models.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from docsearch.records import Impression, LoggedSearch
from docsearch.store.catalog import Catalog, Kind

_SEARCH = "id, at, query, front, learned"
_IMPRESSION = "rank, content, page, path, seen, focus_seconds, preview_seconds, opened, copied, verdict"
_SAID = "(opened > 0 OR copied > 0 OR verdict <> 0)"
"""As the index `impressions_said` has it."""
_CHOSEN = "(verdict > 0 OR verdict = 0 AND (opened > 0 OR copied > 0))"


class Clicks:
    """The tables `searches` and `impressions`."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def put(self, search: LoggedSearch) -> None:
        """Stores a search with all its impressions, in the place of what was stored under its id."""
        values = (search.id, search.at, search.query, search.front, search.learned)
        said = any(map(_says, search.impressions)) or self._says(search.id)
        with self.catalog.transaction(Kind.CLICKS if said else Kind.SEARCHES) as db:
            db.execute("DELETE FROM searches WHERE id = ?", (search.id,))
            db.execute(f"INSERT INTO searches ({_SEARCH}) VALUES (?, ?, ?, ?, ?)", values)
            db.executemany(
                f"INSERT OR IGNORE INTO impressions (search, {_IMPRESSION}) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                ((search.id, *_row(impression)) for impression in search.impressions),
            )

    def _says(self, identifier: str) -> bool:
        """Whether anything was chosen or judged in what is stored of a search."""
        found = self.catalog.connection.execute(
            f"SELECT 1 FROM impressions WHERE search = ? AND {_SAID} LIMIT 1", (identifier,)
        )
        return found.fetchone() is not None

    def get(self, identifier: str) -> LoggedSearch | None:
        """One search; None when it is not there (any more)."""
        return next(self._read("WHERE id = ?", (identifier,)), None)

    def all(self, *, chosen: bool = False, since: float = 0.0) -> Iterator[LoggedSearch]:
        """Searches, the oldest first; those of which something was chosen, or from a time on."""
        some = f"AND id IN (SELECT search FROM impressions WHERE {_CHOSEN})" if chosen else ""
        yield from self._read(f"WHERE at >= ? {some} ORDER BY at, id", (since,))

    def said(self, limit: int) -> list[LoggedSearch]:
        """The last searches of which anything was chosen or judged, the oldest first.

        Of their impressions only those of which that is so: fast enough for every keystroke.
        """
        rows = self.catalog.connection.execute(
            f"SELECT {_SEARCH}, {_IMPRESSION} FROM impressions JOIN searches ON id = search "
            f"WHERE {_SAID} ORDER BY at DESC, id, rank LIMIT ?",
            (limit,),
        )
        found: dict[str, LoggedSearch] = {}
        for identifier, at, query, front, learned, *row in rows:
            search = found.get(identifier) or LoggedSearch(identifier, at, query, front, learned)
            impressions = (*search.impressions, _impression(tuple(row)))
            found[identifier] = replace(search, impressions=impressions)
        return list(reversed(found.values()))

    def latest(self, limit: int) -> list[LoggedSearch]:
        """The last searches, the newest first."""
        return list(self._read("ORDER BY at DESC, id LIMIT ?", (limit,)))

    def counts(self, since: float = 0.0) -> tuple[int, int]:
        """(searches, pages chosen in them), all or from a time on."""
        db = self.catalog.connection
        [searches] = db.execute("SELECT count(*) FROM searches WHERE at >= ?", (since,)).fetchone()
        [chosen] = db.execute(
            f"SELECT count(*) FROM impressions WHERE {_CHOSEN} AND search IN "
            "(SELECT id FROM searches WHERE at >= ?)",
            (since,),
        ).fetchone()
        return searches, chosen

    def forget(self, identifiers: Iterable[str]) -> int:
        """Deletes searches; says how many there were."""
        with self.catalog.transaction(Kind.CLICKS) as db:
            return sum(
                db.execute("DELETE FROM searches WHERE id = ?", (identifier,)).rowcount
                for identifier in identifiers
            )

    def forget_before(self, at: float) -> int:
        """Deletes searches older than a time, or all; says how many."""
        with self.catalog.transaction(Kind.CLICKS) as db:
            return db.execute("DELETE FROM searches WHERE at < ?", (at,)).rowcount

    def beginning_with(self, start: str) -> list[str]:
        """The ids that begin with some hexadecimal digits."""
        rows = self.catalog.connection.execute(
            "SELECT id FROM searches WHERE substr(id, 1, ?) = ? ORDER BY id", (len(start), start)
        )
        return [row[0] for row in rows]

    def _read(self, condition: str, values: tuple[object, ...]) -> Iterator[LoggedSearch]:
        db = self.catalog.connection
        for row in db.execute(f"SELECT {_SEARCH} FROM searches {condition}", values).fetchall():
            shown = db.execute(
                f"SELECT {_IMPRESSION} FROM impressions WHERE search = ? ORDER BY rank", (row[0],)
            )
            identifier, at, query, front, learned = row
            yield LoggedSearch(identifier, at, query, front, learned, tuple(map(_impression, shown)))


def carry_clicks(source: Catalog, target: Catalog) -> None:
    """Makes the click log of `target` the same as that of `source`."""
    _copy(source.connection, target, replace=True)


def add_clicks(source: Catalog, target: Catalog) -> None:
    """Adds the searches of `source` to those of `target`."""
    _copy(source.connection, target, replace=False)


def _copy(source: sqlite3.Connection, target: Catalog, *, replace: bool) -> None:
    with target.transaction(Kind.CLICKS) as db:
        if replace:
            db.execute("DELETE FROM searches")
        searches = source.execute(f"SELECT {_SEARCH} FROM searches").fetchall()
        impressions = source.execute(f"SELECT search, {_IMPRESSION} FROM impressions").fetchall()
        for table, rows in (("searches", searches), ("impressions", impressions)):
            if rows:
                marks = ", ".join("?" for _ in rows[0])
                db.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)


def _says(impression: Impression) -> bool:
    """As `_SAID`."""
    return impression.opened > 0 or impression.copied > 0 or impression.verdict != 0


def _row(impression: Impression) -> tuple[object, ...]:
    return (
        impression.rank,
        impression.content,
        impression.page,
        os.fsencode(impression.path),
        int(impression.seen),
        impression.focus_seconds,
        impression.preview_seconds,
        impression.opened,
        impression.copied,
        impression.verdict,
    )


def _impression(row: tuple[object, ...]) -> Impression:
    rank, content, page, path, seen, *others = row
    return Impression(rank, content, page, Path(os.fsdecode(path)), bool(seen), *others)  # type: ignore[arg-type]
