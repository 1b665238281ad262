"""Documents in the catalog: contents that were read, each once, however many files hold it.

A document is searchable while it is `ready` and at least one file holds it. Numbers are never used
twice, so pages left behind by a crash can never be taken for those of another document.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from docsearch.store.catalog import Catalog

_LIVE = "ready = 1 AND id IN (SELECT document FROM files WHERE document IS NOT NULL)"


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A readable content: its number, digest, kind, title and page count."""

    id: int
    content: str
    kind: str
    title: str
    pages: int


class Documents:
    """The tables `documents`, `pages_waiting` and `embedded`."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def begin(self, content: str, size: int) -> int:
        """A new document number for a content about to be read; not searchable yet."""
        with self.catalog.transaction() as db:
            number = db.execute(
                "INSERT INTO documents (content, bytes) VALUES (?, ?)", (content, size)
            ).lastrowid
        assert number is not None
        return number

    def number_from(self, number: int) -> None:
        """Documents begun from now on get numbers above this one."""
        with self.catalog.transaction() as db:
            highest = max(number, self.last_number())
            db.execute("DELETE FROM sqlite_sequence WHERE name = 'documents'")
            db.execute("INSERT INTO sqlite_sequence VALUES ('documents', ?)", (highest,))

    def last_number(self) -> int:
        """The highest number a document ever had."""
        db = self.catalog.connection
        row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'documents'").fetchone()
        return row[0] if row else 0

    def commit(self, number: int, *, kind: str, title: str, pages: int, waiting: Iterable[int]) -> None:
        """Makes a document ready; `waiting` are its pages that still need OCR."""
        with self.catalog.transaction() as db:
            db.execute(
                "UPDATE documents SET ready = 1, kind = ?, title = ?, pages = ? WHERE id = ?",
                (kind, title, pages, number),
            )
            db.executemany(
                "INSERT OR IGNORE INTO pages_waiting VALUES (?, ?)", ((number, page) for page in waiting)
            )

    def discard(self, number: int) -> None:
        """Forgets a document that was begun and could not be read."""
        with self.catalog.transaction() as db:
            db.execute("DELETE FROM documents WHERE id = ? AND ready = 0", (number,))

    def by_content(self, content: str) -> StoredDocument | None:
        """The ready document with this content, if it was read before."""
        rows = self._select("content = ? AND ready = 1", (content,))
        return rows[0] if rows else None

    def get(self, numbers: Iterable[int]) -> dict[int, StoredDocument]:
        """The live ones among the given documents."""
        wanted = ", ".join(map(str, self.live().intersection(numbers)))
        return {document.id: document for document in self._select(f"id IN ({wanted})")}

    def live(self) -> frozenset[int]:
        """Numbers of all searchable documents."""
        return self.catalog.remember("live documents", self._live)

    def _live(self) -> frozenset[int]:
        rows = self.catalog.connection.execute(f"SELECT id FROM documents WHERE {_LIVE}")
        return frozenset(row[0] for row in rows)

    def sweep(self) -> int:
        """Removes documents that no file holds and those that a crash left unfinished; says how many."""
        with self.catalog.transaction() as db:
            return db.execute(f"DELETE FROM documents WHERE NOT ({_LIVE})").rowcount

    def totals(self) -> tuple[int, int, int]:
        """(documents, pages, bytes) of all live documents."""
        return self.catalog.remember("totals", self._totals)

    def _totals(self) -> tuple[int, int, int]:
        row = self.catalog.connection.execute(
            f"SELECT count(*), coalesce(sum(pages), 0), coalesce(sum(bytes), 0) FROM documents WHERE {_LIVE}"
        ).fetchone()
        return row[0], row[1], row[2]

    def revision(self) -> tuple[int, ...]:
        """Another value whenever other pages are searchable; what its numbers are is of no interest."""
        return self.catalog.remember("revision", self._revision)

    def _revision(self) -> tuple[int, ...]:
        live = self.live()
        waiting = self.catalog.connection.execute("SELECT count(*) FROM pages_waiting").fetchone()[0]
        return (len(live), max(live, default=0), sum(live), waiting)

    # -- what is still to be done --------------------------------------------------------------

    def waiting_for_ocr(self) -> dict[int, list[int]]:
        """Pages that need OCR, by live document."""
        rows = self.catalog.connection.execute(
            "SELECT document, page FROM pages_waiting WHERE document IN "
            f"(SELECT id FROM documents WHERE {_LIVE}) ORDER BY document, page"
        )
        waiting: dict[int, list[int]] = {}
        for document, page in rows:
            waiting.setdefault(document, []).append(page)
        return waiting

    def ocr_done(self, number: int, pages: Iterable[int]) -> None:
        """These pages no longer wait; vectors made from their old text are to be made anew."""
        with self.catalog.transaction() as db:
            db.executemany(
                "DELETE FROM pages_waiting WHERE document = ? AND page = ?",
                ((number, page) for page in pages),
            )
            db.execute("DELETE FROM embedded WHERE document = ?", (number,))

    def waiting_for_vectors(self, fingerprint: str) -> list[StoredDocument]:
        """Live documents without vectors of this model."""
        return self._select(
            f"{_LIVE} AND id NOT IN (SELECT document FROM embedded WHERE fingerprint = ?)", (fingerprint,)
        )

    def pages_with_vectors(self) -> dict[str, int]:
        """How many live pages have vectors, by the fingerprint of the model."""
        rows = self.catalog.connection.execute(
            f"SELECT fingerprint, sum(pages) FROM embedded JOIN documents ON id = document WHERE {_LIVE} "
            "GROUP BY fingerprint"
        )
        return dict(rows.fetchall())

    def embedded(self, number: int, fingerprint: str) -> None:
        """All pages of the document now have vectors of this model."""
        with self.catalog.transaction() as db:
            db.execute("INSERT OR IGNORE INTO embedded VALUES (?, ?)", (number, fingerprint))

    def forget_vectors(self, fingerprint: str, numbers: Iterable[int] | None = None) -> None:
        """The vectors of this model are gone: those of some documents, or of all."""
        with self.catalog.transaction() as db:
            if numbers is None:
                db.execute("DELETE FROM embedded WHERE fingerprint = ?", (fingerprint,))
                return
            db.executemany(
                "DELETE FROM embedded WHERE fingerprint = ? AND document = ?",
                ((fingerprint, number) for number in numbers),
            )

    def _select(self, condition: str, values: tuple[object, ...] = ()) -> list[StoredDocument]:
        rows = self.catalog.connection.execute(
            f"SELECT id, content, kind, title, pages FROM documents WHERE {condition} ORDER BY id", values
        )
        return [StoredDocument(*row) for row in rows]
