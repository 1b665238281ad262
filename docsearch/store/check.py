"""Holds the stores of an index against each other: catalog, page table, vector tables, evidence.

Only looks. Rows of documents that are no longer live are no damage: they are invisible and swept.
What is on the disk of the user's documents is not known here.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from docsearch.errors import IndexDamaged, IndexUnusable, StorageFull
from docsearch.store import generation
from docsearch.store.evidence import LEAD_PAGES, lead_terms
from docsearch.store.index import Index
from docsearch.store.pages import TermQuery
from docsearch.store.recognised import unpack_words
from docsearch.store.rows import PageRows, read_pages, read_rows
from docsearch.store.tables import Selection
from docsearch.store.vectors import VectorTable

SAMPLED_PAGES = 20
"""So many pages are looked for by a word of theirs."""
_SAFE_STEM = 20
_DRIFT_FROM = 100_000


class Kind(StrEnum):
    """What can be wrong, in words a person understands."""

    CATALOG = "the catalog is damaged"
    ORPHANS = "catalog rows that refer to nothing"
    OUTDATED = "the index was made by another version"
    PAGE_TABLE = "the page table cannot be read"
    PAGES_MISSING = "documents with pages missing"
    PAGES_WRONG = "documents with pages twice or too many"
    TABLE_INDEX = "an index of the page table does not find what is there"
    VECTOR_TABLE = "a vector table cannot be read"
    VECTORS_WRONG = "documents with vectors missing, twice or too many"
    NAMES = "file names not searchable as they are"
    LEADS = "first pages not counted as they are"
    VOCABULARY = "word counts that are off"
    WAITING = "scanned pages that wait for nothing"
    WORDS = "recognised pages whose words are lost"
    FILES = "files the catalog knows without their document"
    GONE = "files that are gone"
    CHANGED = "files that changed"
    NEW = "files not indexed yet"
    SILENT = "files whose content changed while size and time did not"

    @property
    def mend(self) -> str:
        """How it is put right."""
        return _MENDS[self]


_BROKEN_ROWS = (Kind.PAGES_MISSING, Kind.PAGES_WRONG)
_BY_INDEX = "docsearch index brings them up to date"
_REPAIRED = "docsearch repair"
_MENDS = {
    Kind.CATALOG: f"{_REPAIRED} saves what can be read and keeps the broken file aside",
    Kind.ORPHANS: f"{_REPAIRED} removes them",
    Kind.OUTDATED: "docsearch rebuild makes it anew",
    Kind.PAGE_TABLE: f"{_REPAIRED} sets it aside and reads the files again",
    Kind.PAGES_MISSING: f"{_REPAIRED} reads the files again",
    Kind.PAGES_WRONG: f"{_REPAIRED} reads the files again",
    Kind.TABLE_INDEX: f"{_REPAIRED} makes it anew",
    Kind.VECTOR_TABLE: f"{_REPAIRED} sets it aside; the next run makes the vectors again",
    Kind.VECTORS_WRONG: f"{_REPAIRED} removes them; the next run makes them again",
    Kind.NAMES: f"{_REPAIRED} writes them anew",
    Kind.LEADS: f"{_REPAIRED} writes them anew",
    Kind.VOCABULARY: f"{_REPAIRED} counts again",
    Kind.WAITING: f"{_REPAIRED} lets them wait for OCR",
    Kind.WORDS: f"{_REPAIRED} lets them wait for OCR",
    Kind.FILES: f"{_REPAIRED} reads them again",
    Kind.GONE: _BY_INDEX,
    Kind.CHANGED: _BY_INDEX,
    Kind.NEW: _BY_INDEX,
    Kind.SILENT: f"{_REPAIRED} reads them again",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: its kind, what exactly, and which document, file or table it is about."""

    kind: Kind
    what: str
    document: int | None = None
    path: Path | None = None
    table: str = ""
    page: int | None = None


@dataclass(slots=True)
class Checkup:
    """What was looked at, and what is wrong.

    Attributes:
        documents, pages, vectors: how many there are that can be searched.
        strays: rows of no live document, which the next run sweeps.
        unfinished: folders of rebuilds that were stopped.
        findings: what is wrong.
    """

    documents: int = 0
    pages: int = 0
    vectors: int = 0
    strays: int = 0
    unfinished: tuple[Path, ...] = ()
    findings: list[Finding] = field(default_factory=list)


def by_kind(findings: Iterable[Finding]) -> dict[Kind, list[Finding]]:
    """The findings of each kind together, kinds in the order in which they are mended."""
    groups: dict[Kind, list[Finding]] = {kind: [] for kind in Kind}
    for finding in findings:
        groups[finding.kind].append(finding)
    return {kind: group for kind, group in groups.items() if group}


def check(index: Index) -> Checkup:
    """Looks at everything in the index. Hold the write lock: a run in progress looks like damage."""
    return _Check(index).run()


class _Check:
    """One check of an index."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.found = Checkup()
        self.outdated = False

    def run(self) -> Checkup:
        if not self._whole():
            return self.found
        documents = self.index.documents
        self.found.documents, self.found.pages, _ = documents.totals()
        self.live = documents.get(documents.live())
        self.files = self.index.files.of_documents(self.live)
        self.failed = self._failed_pages()
        self.outdated = self.index.outdated()
        if self.outdated:
            self._add(Kind.OUTDATED, "words may be analyzed otherwise than queries are")
        self.found.unfinished = tuple(generation.unfinished(self.index.folder))
        self._orphans()
        self._known_files()
        self._names()
        self._words()
        self._page_table()
        for table in self.index.vector_tables():
            self._vector_table(table)
        self._lost_vector_tables()
        return self.found

    # -- catalog -------------------------------------------------------------------------------

    def _whole(self) -> bool:
        """Whether the catalog can be read from end to end."""
        for problem in _problems(self.index):
            self._add(Kind.CATALOG, problem)
        return not self.found.findings

    def _orphans(self) -> None:
        rows = Counter(row[0] for row in self._rows("PRAGMA foreign_key_check"))
        for table, count in sorted(rows.items()):
            self._add(Kind.ORPHANS, f"{count} in {table}", table=table)

    def _known_files(self) -> None:
        rows = self._rows(
            "SELECT f.path FROM files f LEFT JOIN documents d ON d.id = f.document WHERE "
            "f.document IS NULL AND f.path NOT IN (SELECT path FROM failures WHERE page = 0) "
            "OR d.ready = 0 OR d.content <> f.content"
        )
        for (path,) in rows:
            self._add(Kind.FILES, "it would never be read", path=Path(os.fsdecode(path)))

    def _names(self) -> None:
        stored = {row[0]: row[1:] for row in self._rows("SELECT rowid, title, name, folder FROM names")}
        known = self._rows(
            "SELECT f.id, f.path, r.path, d.title, f.document FROM files f JOIN roots r ON r.id = f.root "
            "LEFT JOIN documents d ON d.id = f.document"
        )
        evidence = self.index.evidence
        for number, raw_path, raw_root, title, document in known:
            terms = stored.pop(number, None)
            if document is None or (terms is not None and self.outdated):
                continue
            path, root = Path(os.fsdecode(raw_path)), Path(os.fsdecode(raw_root))
            if terms != evidence.name_terms(path, root, title or ""):
                self._add(Kind.NAMES, "missing" if terms is None else "stale", document, path=path)
        if stored:
            self._add(Kind.NAMES, f"{len(stored)} of files that are not known")

    def _words(self) -> None:
        rows = self._rows(
            "SELECT p.document, p.page, d.pages, r.words FROM recognised_pages p "
            "JOIN documents d ON d.id = p.document LEFT JOIN recognised r USING (pixels, engine)"
        )
        for document, page, pages, words in rows:
            if not 0 < page <= pages or words is None or not _unpacks(words):
                self._add(Kind.WORDS, f"page {page}", document, page=page)

    # -- tables --------------------------------------------------------------------------------

    def _page_table(self) -> None:
        try:
            rows = read_pages(self.index.pages, self.live.keys(), LEAD_PAGES)
        except IndexUnusable as error:
            self._add(Kind.PAGE_TABLE, error.message, table=self.index.pages.name)
            return
        if rows.columns and set(rows.columns) != set(self.index.pages._schema().names):
            self._add(Kind.OUTDATED, f"the page table has the columns {', '.join(rows.columns)}")
            return
        self._rows_of_documents(rows.pages, Kind.PAGES_MISSING, Kind.PAGES_WRONG, self.live, self.failed)
        self._pending(rows)
        self._leads(rows)
        if not self.outdated:
            self._vocabulary(rows)
            self._found_again(rows)

    def _rows_of_documents(
        self,
        rows: dict[int, list[int]],
        missing: Kind,
        wrong: Kind,
        documents: Iterable[int],
        failed: dict[int, set[int]],
        table: str = "pages",
    ) -> None:
        """Compares page numbers with the page counts of the catalog."""
        self.found.strays += sum(len(pages) for document, pages in rows.items() if document not in self.live)
        for document in documents:
            pages = rows.get(document, [])
            distinct, expected = set(pages), set(range(1, self.live[document].pages + 1))
            lacking = expected - distinct - failed.get(document, set())
            if lacking:
                self._add(missing, f"{_numbers(lacking)} missing", document, table=table)
            if len(distinct) < len(pages):
                twice = {page for page, count in Counter(pages).items() if count > 1}
                self._add(wrong, f"{_numbers(twice)} twice", document, table=table)
            if distinct - expected:
                self._add(wrong, f"{_numbers(distinct - expected)} too many", document, table=table)

    def _pending(self, rows: PageRows) -> None:
        waiting = self.index.documents.waiting_for_ocr()
        for page in rows.pending:
            known = page.page in waiting.get(page.doc, ()) or page.page in self.failed.get(page.doc, ())
            if not known:
                self._add(Kind.WAITING, f"page {page.page}", page.doc, page=page.page)

    def _leads(self, rows: PageRows) -> None:
        stored = dict(self._rows("SELECT rowid, terms FROM leads"))
        broken = {finding.document for finding in self.found.findings if finding.kind in _BROKEN_ROWS}
        for document in self.live.keys() - broken:
            pages = rows.leads.get(document, {})
            expected = lead_terms(pages[page] for page in sorted(pages))
            if stored.get(document, "") != expected or document not in stored:
                self._add(Kind.LEADS, "missing or stale", document)

    def _vocabulary(self, rows: PageRows) -> None:
        """Counts may be too high by what was deleted since; too low makes words weigh too much."""
        counted = dict(self._rows("SELECT stem, sum(pages) FROM vocabulary GROUP BY stem"))
        stems = {stem: pages for stem, pages in rows.stems.items() if _is_counted(stem)}
        low = [stem for stem, pages in stems.items() if counted.get(stem, 0) < pages]
        if low:
            self._add(Kind.VOCABULARY, f"too low for {len(low)} words")
        there, said = sum(stems.values()), sum(counted.values())
        if said > 2 * there + _DRIFT_FROM:
            self._add(Kind.VOCABULARY, f"{said} in all, where there are {there}")

    def _found_again(self, rows: PageRows) -> None:
        """Looks for some pages by a word each, only in their document, and by their number."""
        for page, term in rows.sample(SAMPLED_PAGES):
            chosen = Selection(documents=frozenset({page.doc}))
            most = len(rows.pages[page.doc])
            try:
                hits = self.index.pages.match(TermQuery(terms=(term,)), most, chosen)
                texts = self.index.pages.texts([page])
            except IndexUnusable as error:
                self._add(Kind.TABLE_INDEX, error.message, table=self.index.pages.name)
                return
            if page not in dict(hits) or page not in texts:
                self._add(Kind.TABLE_INDEX, f"page {page.page}", page.doc)

    def _vector_table(self, table: VectorTable) -> None:
        try:
            rows = read_rows(table)
        except IndexUnusable as error:
            self._add(Kind.VECTOR_TABLE, error.message, table=table.name)
            return
        self.found.vectors += sum(len(pages) for document, pages in rows.items() if document in self.live)
        done = [number for number in self._embedded(table.fingerprint) if number in self.live]
        self._rows_of_documents(rows, Kind.VECTORS_WRONG, Kind.VECTORS_WRONG, done, {}, table.name)

    def _lost_vector_tables(self) -> None:
        there = {table.fingerprint for table in self.index.vector_tables()}
        for (fingerprint,) in self._rows("SELECT DISTINCT fingerprint FROM embedded ORDER BY 1"):
            if fingerprint not in there:
                table = VectorTable(self.index.tables_folder, fingerprint, 0).name
                for document in sorted(self._embedded(fingerprint) & self.live.keys()):
                    self._add(Kind.VECTORS_WRONG, "all missing", document, table=table)

    def _failed_pages(self) -> dict[int, set[int]]:
        """Pages that are known to be unreadable, by document."""
        rows = self._rows(
            "SELECT f.document, x.page FROM failures x JOIN files f ON f.path = x.path "
            "WHERE x.page > 0 AND f.document IS NOT NULL"
        )
        failed: dict[int, set[int]] = {}
        for document, page in rows:
            failed.setdefault(document, set()).add(page)
        return failed

    # -- inside --------------------------------------------------------------------------------

    def _embedded(self, fingerprint: str) -> set[int]:
        rows = self._rows("SELECT document FROM embedded WHERE fingerprint = ?", fingerprint)
        return {document for (document,) in rows}

    def _rows(self, sql: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        return self.index.catalog.connection.execute(sql, values).fetchall()

    def _path(self, document: int) -> Path | None:
        files = self.files.get(document)
        return files[0].path if files else None

    def _add(
        self,
        kind: Kind,
        what: str,
        document: int | None = None,
        *,
        path: Path | None = None,
        table: str = "",
        page: int | None = None,
    ) -> None:
        """Notes a finding; its path is the document's where none is given."""
        if path is None and document is not None:
            path = self._path(document)
        self.found.findings.append(Finding(kind, what, document, path, table, page))


def _problems(index: Index) -> Iterator[str]:
    """What SQLite says of the catalog and its full-text tables."""
    db = index.catalog.connection
    try:
        for (answer,) in db.execute("PRAGMA integrity_check(20)"):
            if answer != "ok":
                yield answer
    except (IndexDamaged, sqlite3.Error) as error:
        yield str(error)
    for table in ("names", "leads"):
        try:
            with suppress(StorageFull):  # it checks itself by a write
                db.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
        except (IndexDamaged, sqlite3.Error) as error:
            yield str(error)


def _is_counted(stem: str) -> bool:
    """Whether the vocabulary counts every word with this stem: not those of great length, nor the
    single characters that unspaced scripts are indexed by besides."""
    return len(stem) <= _SAFE_STEM and not (len(stem) == 1 and stem > "\u0dff")


def _unpacks(words: bytes) -> bool:
    try:
        unpack_words(words)
    except (zlib.error, ValueError):
        return False
    return True


def _numbers(pages: Iterable[int]) -> str:
    """Some page numbers in words."""
    first, *more = sorted(pages)
    shown = ", ".join(map(str, [first, *more[:4]]))
    return f"page {shown}" if not more else f"pages {shown}{' …' if len(more) > 4 else ''}"
