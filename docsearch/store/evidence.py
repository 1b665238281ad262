"""What a document says of itself: title, file name, folders, and its first pages.

A page of an annual report seldom names the company or the year; its document does. Two small
full-text tables in the catalog, so that a moved or renamed file counts by its new name at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from docsearch.store.analyzer import Analyzer
from docsearch.store.catalog import Catalog

LEAD_PAGES = 2
"""How many first pages count as what the document says of itself."""
_LEAD_TERMS = 300
"""How many terms of each of them."""
_JOINED_PAGES = 1000
"""Pages of 4 kB that joining writes at most: some tenths of a second."""

_NAME_SCORES = (
    "SELECT f.document, max(n.score) FROM (SELECT rowid, -bm25(names, 1.0, 1.0, 0.3) AS score FROM names "
    "WHERE names MATCH ? ORDER BY score DESC LIMIT ?) n JOIN files f ON f.id = n.rowid "
    "WHERE f.document IS NOT NULL GROUP BY f.document"
)
_LEAD_SCORES = (
    "SELECT rowid, -bm25(leads) AS score FROM leads WHERE leads MATCH ? ORDER BY score DESC LIMIT ?"
)


class Evidence:
    """The full-text tables `names` (one row a file) and `leads` (one row a document)."""

    def __init__(self, catalog: Catalog, analyzer: Analyzer) -> None:
        self.catalog = catalog
        self.analyzer = analyzer

    def put_name(self, path: Path, title: str) -> None:
        """Indexes title, name and folders (below its root) of a file that is in the catalog."""
        with self.catalog.transaction() as db:
            number, root = db.execute(
                "SELECT f.id, r.path FROM files f JOIN roots r ON r.id = f.root WHERE f.path = ?",
                (os.fsencode(path),),
            ).fetchone()
            terms = self.name_terms(path, Path(os.fsdecode(root)), title)
            db.execute("DELETE FROM names WHERE rowid = ?", (number,))
            db.execute("INSERT INTO names (rowid, title, name, folder) VALUES (?, ?, ?, ?)", (number, *terms))

    def name_terms(self, path: Path, root: Path, title: str) -> tuple[str, str, str]:
        """What is indexed of a file: the terms of its title, its name, and its folders below the root."""
        folder = str(path.parent)[len(str(root)) :]
        return self._terms(title), self._terms(path.stem), self._terms(folder)

    def forget_names(self, paths: Iterable[bytes]) -> None:
        """Drops the names of files about to be forgotten."""
        with self.catalog.transaction() as db:
            db.executemany(
                "DELETE FROM names WHERE rowid = (SELECT id FROM files WHERE path = ?)",
                ((path,) for path in paths),
            )

    def put_lead(self, document: int, terms: Sequence[str]) -> None:
        """Indexes the terms of a document's first pages (one string a page)."""
        with self.catalog.transaction() as db:
            db.execute("DELETE FROM leads WHERE rowid = ?", (document,))
            db.execute("INSERT INTO leads (rowid, terms) VALUES (?, ?)", (document, lead_terms(terms)))

    def sweep(self) -> None:
        """Drops first pages of documents that are gone."""
        with self.catalog.transaction() as db:
            db.execute("DELETE FROM leads WHERE rowid NOT IN (SELECT id FROM documents)")

    def optimize(self) -> None:
        """Joins the parts of both indexes, which drops what was deleted from them."""
        with self.catalog.transaction() as db:
            db.execute("INSERT INTO names (names) VALUES ('optimize')")
            db.execute("INSERT INTO leads (leads) VALUES ('optimize')")

    def join(self) -> None:
        """Joins parts of both indexes, as much as takes a moment: each part is another place to look at."""
        with self.catalog.transaction() as db:
            db.execute("INSERT INTO names (names, rank) VALUES ('merge', ?)", (-_JOINED_PAGES,))
            db.execute("INSERT INTO leads (leads, rank) VALUES ('merge', ?)", (-_JOINED_PAGES,))

    def name_scores(self, terms: Sequence[str], limit: int) -> dict[int, float]:
        """BM25 of title, file name and folders against any of the terms, by document."""
        return self._scores(_NAME_SCORES, terms, limit)

    def lead_scores(self, terms: Sequence[str], limit: int) -> dict[int, float]:
        """BM25 of the first pages against any of the terms, by document."""
        return self._scores(_LEAD_SCORES, terms, limit)

    def named(self, term: str, documents: Iterable[int]) -> set[int]:
        """Which of the documents hold a term in their title, file name or folders."""
        numbers = ", ".join(str(int(number)) for number in documents)
        rows = self.catalog.connection.execute(
            "SELECT f.document FROM names n JOIN files f ON f.id = n.rowid "
            f"WHERE names MATCH ? AND f.document IN ({numbers})",
            (_any_of([term]),),
        )
        return {row[0] for row in rows}

    def _scores(self, sql: str, terms: Sequence[str], limit: int) -> dict[int, float]:
        if not terms:
            return {}
        return dict(self.catalog.connection.execute(sql, (_any_of(terms), limit)).fetchall())

    def _terms(self, text: str) -> str:
        return self.analyzer.analyze(text.encode(errors="replace").decode()).terms


def lead_terms(terms: Iterable[str]) -> str:
    """What is indexed of a document's first pages, given the terms of each."""
    return " ".join(map(_beginning, terms))


def _beginning(terms: str) -> str:
    return " ".join(terms.split(" ", _LEAD_TERMS)[:_LEAD_TERMS])


def _any_of(terms: Iterable[str]) -> str:
    """An FTS5 expression: any of the terms, quoted, so that no character in them is syntax."""
    return " OR ".join('"' + term.replace('"', '""') + '"' for term in terms)
