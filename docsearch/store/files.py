"""Roots and files in the catalog: which paths there are and which document each one holds.

A path is stored as the bytes the system gave, so that any name survives; `key` is its folded form
for filters. A file without a document is known but not (or not yet) readable.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from docsearch.records import Failure, FailureKind, Filters
from docsearch.store.analyzer import Analyzer, fold
from docsearch.store.catalog import Catalog
from docsearch.store.evidence import Evidence

_BELOW = "path = ? OR (path >= ? AND path < ?)"
"""What lies at a path or below it; `_below` gives the values."""
_FIRST_DAY, _LAST_DAY = date(1678, 1, 1), date(2262, 1, 1)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as the catalog knows it. `content` is empty when it was never read."""

    path: Path
    size: int
    mtime_ns: int
    content: str
    document: int | None


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was found on disk, with the digest of its content."""

    path: Path
    size: int
    mtime_ns: int
    content: str


class Files:
    """The tables `roots`, `files` and `failures`; keeps the names in `Evidence` in step."""

    def __init__(self, catalog: Catalog, evidence: Evidence) -> None:
        self.catalog = catalog
        self.evidence = evidence

    # -- roots ---------------------------------------------------------------------------------

    def add_root(self, path: Path) -> None:
        """Makes `path` a root. One inside another root is that root's already; roots inside it join it."""
        roots = self.roots()
        if any(root == path or root in path.parents for _, root, _ in roots):
            return
        with self.catalog.transaction() as db:
            number = db.execute("INSERT INTO roots (path) VALUES (?)", (os.fsencode(path),)).lastrowid
            for inner, root, _ in roots:
                if path in root.parents:
                    db.execute("UPDATE files SET root = ? WHERE root = ?", (number, inner))
                    db.execute("DELETE FROM roots WHERE id = ?", (inner,))

    def roots(self) -> list[tuple[int, Path, bool]]:
        """(id, path, online) of every root, by path."""
        rows = self.catalog.connection.execute("SELECT id, path, online FROM roots ORDER BY path")
        return [(row[0], Path(os.fsdecode(row[1])), bool(row[2])) for row in rows]

    def set_online(self, root: int, online: bool) -> None:
        """Notes whether the root's folder is there; its documents stay either way."""
        with self.catalog.transaction() as db:
            db.execute("UPDATE roots SET online = ? WHERE id = ?", (int(online), root))

    def remove_root(self, root: int) -> None:
        """Forgets a root with its files; documents no other file holds leave the results."""
        with self.catalog.transaction() as db:
            paths = [row[0] for row in db.execute("SELECT path FROM files WHERE root = ?", (root,))]
            self._forget(paths)
            for (path,) in db.execute("DELETE FROM roots WHERE id = ? RETURNING path", (root,)).fetchall():
                self.replace_stray_failures(Path(os.fsdecode(path)), ())

    def move(self, old: Path, new: Path) -> None:
        """What the catalog knows at `old` and below it lies at `new` now: roots, files and failures."""
        there, (start, *_) = os.fsencode(new).rstrip(b"/"), _below(old)
        with self.catalog.transaction() as db:
            for table in ("roots", "files", "failures"):
                rows = db.execute(f"SELECT DISTINCT path FROM {table} WHERE {_BELOW}", _below(old))
                for (path,) in rows.fetchall():
                    moved = (there + path[len(start) :]).rstrip(b"/") or b"/"
                    db.execute(f"UPDATE {table} SET path = ? WHERE path = ?", (moved, path))
                    if table == "files":
                        key = _key(Path(os.fsdecode(moved)))
                        db.execute("UPDATE files SET key = ? WHERE path = ?", (key, moved))

    # -- files ---------------------------------------------------------------------------------

    def of_root(self, root: int) -> dict[Path, StoredFile]:
        """Every file of a root by its path."""
        return {file.path: file for file in self._select("root = ?", (root,))}

    def at(self, path: Path) -> dict[Path, StoredFile]:
        """The file at a path, or all below it when it is a folder's, by path."""
        return {file.path: file for file in self._select(_BELOW, _below(path))}

    def put(self, root: int, file: FileState, document: int | None, title: str = "") -> None:
        """Stores a file's state and which document it holds; replaces what was known of the path."""
        path, key = os.fsencode(file.path), _key(file.path)
        with self.catalog.transaction() as db:
            db.execute(
                "INSERT INTO files (path, root, key, size, mtime_ns, content, document) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET root = excluded.root, "
                "size = excluded.size, mtime_ns = excluded.mtime_ns, content = excluded.content, "
                "document = excluded.document",
                (path, root, key, file.size, file.mtime_ns, file.content, document),
            )
            if document is not None:
                self.evidence.put_name(file.path, title)
                self.clear_file_failure(file.path)

    def forget(self, paths: Iterable[Path]) -> None:
        """Removes files that are gone; a document without files is no longer searchable."""
        with self.catalog.transaction():
            self._forget([os.fsencode(path) for path in paths])

    def document_of(self, path: Path) -> int | None:
        """The document a file holds, if the file is known and was read."""
        row = self.catalog.connection.execute(
            "SELECT document FROM files WHERE path = ?", (os.fsencode(path),)
        ).fetchone()
        return None if row is None else row[0]

    def of_documents(self, documents: Iterable[int]) -> dict[int, list[StoredFile]]:
        """Files that hold each of the documents, by document, paths in order."""
        found: dict[int, list[StoredFile]] = {}
        for chunk in _chunks(list(documents)):
            for file in self._select(f"document IN ({_marks(chunk)}) ORDER BY path", chunk):
                assert file.document is not None  # it is one of these
                found.setdefault(file.document, []).append(file)
        return found

    def counts(self, root: int) -> tuple[int, int, int]:
        """(files, pages, failed files) of a root."""
        row = self.catalog.connection.execute(
            "SELECT count(*), coalesce(sum(d.pages), 0), coalesce(sum(f.document IS NULL), 0) "
            "FROM files f LEFT JOIN documents d ON d.id = f.document WHERE f.root = ?",
            (root,),
        ).fetchone()
        return row[0], row[1], row[2]

    # -- failures ------------------------------------------------------------------------------

    def put_failure(self, failure: Failure) -> None:
        """Records why a file, or one page of it, could not be read."""
        with self.catalog.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)",
                (os.fsencode(failure.path), failure.page or 0, failure.kind.name, failure.detail),
            )

    def clear_failures(self, path: Path) -> None:
        """Forgets all failures of a file, before it is read again."""
        with self.catalog.transaction() as db:
            db.execute("DELETE FROM failures WHERE path = ?", (os.fsencode(path),))

    def clear_file_failure(self, path: Path) -> None:
        """Forgets why the file as a whole could not be read; what failed of its pages stays."""
        with self.catalog.transaction() as db:
            db.execute("DELETE FROM failures WHERE path = ? AND page = 0", (os.fsencode(path),))

    def replace_notes(self, path: Path, notes: Iterable[Failure]) -> None:
        """Sets which pages of a file a model was shown smaller; one that could not be read stays so."""
        with self.catalog.transaction() as db:
            kind = FailureKind.SCALED_DOWN.name
            db.execute("DELETE FROM failures WHERE path = ? AND kind = ?", (os.fsencode(path), kind))
            db.executemany(
                "INSERT OR IGNORE INTO failures VALUES (?, ?, ?, ?)",
                ((os.fsencode(path), note.page or 0, kind, note.detail) for note in notes),
            )

    def replace_stray_failures(self, root: Path, failures: Iterable[Failure]) -> None:
        """Sets the failures below a root that belong to no known file, such as unreadable folders."""
        with self.catalog.transaction() as db:
            db.execute(
                f"DELETE FROM failures WHERE ({_BELOW}) AND path NOT IN (SELECT path FROM files)",
                _below(root),
            )
            for failure in failures:
                self.put_failure(failure)

    def failures(self) -> list[Failure]:
        """All recorded failures, by path and page."""
        rows = self.catalog.connection.execute(
            "SELECT path, page, kind, detail FROM failures ORDER BY path, page"
        )
        return [
            Failure(Path(os.fsdecode(row[0])), FailureKind[row[2]], row[3], row[1] or None) for row in rows
        ]

    # -- for search ----------------------------------------------------------------------------

    def matching(self, filters: Filters) -> set[int]:
        """Documents that have at least one file for which every filter holds."""
        conditions, values = _conditions(filters, self.evidence.analyzer)
        rows = self.catalog.connection.execute(
            "SELECT DISTINCT f.document FROM files f JOIN documents d ON d.id = f.document AND d.ready = 1 "
            f"WHERE {' AND '.join(conditions) or '1'}",
            values,
        )
        return {row[0] for row in rows}

    # -- inside --------------------------------------------------------------------------------

    def _select(self, condition: str, values: Sequence[object]) -> Iterator[StoredFile]:
        rows = self.catalog.connection.execute(
            f"SELECT path, size, mtime_ns, content, document FROM files WHERE {condition}", values
        )
        for path, *others in rows:
            yield StoredFile(Path(os.fsdecode(path)), *others)

    def _forget(self, paths: list[bytes]) -> None:
        self.evidence.forget_names(paths)
        db = self.catalog.connection
        for path in paths:
            db.execute("DELETE FROM files WHERE path = ?", (path,))
            db.execute("DELETE FROM failures WHERE path = ?", (path,))


def _below(path: Path) -> tuple[bytes, bytes, bytes]:
    """The values of `_BELOW`: the path, and the first and the end of all that begin with it and a slash."""
    start = os.fsencode(path).rstrip(b"/")
    return start, start + b"/", start + b"0"  # 0 is what follows the slash


def _key(path: Path) -> str:
    return fold(_as_text(str(path)))


def _conditions(filters: Filters, analyzer: Analyzer) -> tuple[list[str], list[object]]:
    """SQL conditions of the filters, with their values."""
    conditions: list[str] = []
    values: list[object] = []
    if filters.folders:
        conditions.append("(" + " OR ".join(["f.key LIKE ? ESCAPE '\\'"] * len(filters.folders)) + ")")
        values += [_folder_pattern(folder) for folder in filters.folders]
    if filters.types:
        conditions.append(f"d.kind IN ({_marks(filters.types)})")
        values += map(_as_text, filters.types)
    for title in filters.titles:
        terms = analyzer.analyze(title).terms.split()
        if terms:
            conditions.append("f.id IN (SELECT rowid FROM names WHERE names MATCH ?)")
            values.append("{title name} : (" + " AND ".join(f'"{term}"' for term in terms) + ")")
    if filters.after:
        conditions.append("f.mtime_ns >= ?")
        values.append(_nanoseconds(filters.after))
    if filters.before:
        conditions.append("f.mtime_ns < ?")
        values.append(_nanoseconds(filters.before))
    return conditions, values


def _folder_pattern(folder: str) -> str:
    """A LIKE pattern: an absolute folder as a prefix, a bare name as any folder on the way."""
    escaped = fold(_as_text(folder)).rstrip("/")
    for character in "\\%_":
        escaped = escaped.replace(character, "\\" + character)
    return f"{escaped}/%" if folder.startswith("/") else f"%/{escaped}/%"


def _nanoseconds(day: date) -> int:
    """When the day begins here; days that no file's time can hold count as the nearest that can."""
    day = min(max(day, _FIRST_DAY), _LAST_DAY)
    return int(datetime(day.year, day.month, day.day).timestamp() * 1e9)


def _as_text(name: str) -> str:
    """A name with a question mark for every byte that is no text."""
    return name.encode(errors="replace").decode()


def _marks(values: Iterable[object]) -> str:
    return ", ".join("?" for _ in values)


def _chunks(values: list[int], size: int = 500) -> Iterator[list[int]]:
    return (values[i : i + size] for i in range(0, len(values), size))
