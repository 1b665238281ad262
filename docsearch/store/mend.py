"""Puts right what `check` finds, the smallest way.

What the files can give again is dropped, so that the next run reads it; what is broken and cannot
be opened is set aside and never deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from docsearch.errors import IndexDamaged, StorageFull
from docsearch.records import PageId
from docsearch.store import aside, generation
from docsearch.store.analyzer import AnalyzedText
from docsearch.store.check import Finding, Kind, by_kind
from docsearch.store.evidence import LEAD_PAGES
from docsearch.store.index import Index
from docsearch.store.pages import PageTable
from docsearch.store.rows import page_texts
from docsearch.store.salvage import Salvaged, drop_orphans, salvage
from docsearch.store.tables import Table
from docsearch.store.vectors import fingerprint_of
from docsearch.store.vocabulary import count_words

_AT_ONCE = 500
"""So many documents are mended in one transaction."""


@dataclass(frozen=True, slots=True)
class Mended:
    """What was done about the findings of one kind. `reads` says that files are to be read again now."""

    kind: Kind
    done: str
    reads: bool = False


def open_or_salvage(folder: Path) -> tuple[Index, Salvaged | None]:
    """Opens the index; when its catalog cannot be opened, with what could be saved of it.

    For the writer only. Raises StorageFull.
    """
    generation.mend(folder)
    try:
        return Index(folder), None
    except IndexDamaged:
        saved = salvage(folder)
        return Index(folder), saved


def mend(index: Index, findings: Iterable[Finding]) -> Iterator[Mended]:
    """Puts the findings right, kind by kind; tells what was done. For the writer only."""
    mender = _Mender(index)
    for kind, group in by_kind(findings).items():
        work = mender.works.get(kind)
        if work is not None:
            yield from work(kind, group)


class _Mender:
    """One way of mending a kind of damage each."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.works: dict[Kind, Callable[[Kind, list[Finding]], Iterator[Mended]]] = {
            Kind.ORPHANS: self._orphans,
            Kind.PAGE_TABLE: self._page_table,
            Kind.PAGES_MISSING: self._read_again,
            Kind.PAGES_WRONG: self._read_again,
            Kind.TABLE_INDEX: self._table_index,
            Kind.VECTOR_TABLE: self._vector_table,
            Kind.VECTORS_WRONG: self._vectors,
            Kind.NAMES: self._names,
            Kind.LEADS: self._leads,
            Kind.VOCABULARY: self._vocabulary,
            Kind.WAITING: self._waiting,
            Kind.WORDS: self._words,
            Kind.FILES: self._files,
            Kind.SILENT: self._files,
        }

    # -- catalog -------------------------------------------------------------------------------

    def _orphans(self, kind: Kind, _: list[Finding]) -> Iterator[Mended]:
        yield Mended(kind, f"{drop_orphans(self.index.catalog)} rows removed")

    def _files(self, kind: Kind, findings: list[Finding]) -> Iterator[Mended]:
        """The catalog forgets them, so the next run finds them new."""
        paths = [finding.path for finding in findings if finding.path]
        numbers = {number for path in paths if (number := self.index.files.document_of(path)) is not None}
        held = self.index.files.of_documents(numbers) if kind is Kind.SILENT else {}
        self.index.files.forget({*paths, *(file.path for files in held.values() for file in files)})
        yield Mended(kind, f"{len(paths)} files to be read again", reads=True)

    def _names(self, kind: Kind, findings: list[Finding]) -> Iterator[Mended]:
        """But for files that were forgotten meanwhile, to be read again."""
        documents = self.index.documents.get(_documents(findings))
        with self.index.catalog.transaction() as db:
            db.execute("DELETE FROM names WHERE rowid NOT IN (SELECT id FROM files)")
            for finding in findings:
                if finding.path is None or finding.document not in documents:
                    continue
                if self.index.files.document_of(finding.path) == finding.document:
                    self.index.evidence.put_name(finding.path, documents[finding.document].title)
        yield Mended(kind, f"{len(findings)} written anew")

    def _leads(self, kind: Kind, findings: list[Finding]) -> Iterator[Mended]:
        live = sorted(_documents(findings) & self.index.documents.live())
        for start in range(0, len(live), _AT_ONCE):
            self._write_leads(live[start : start + _AT_ONCE])
        if live:
            yield Mended(kind, f"of {len(live)} documents written anew")

    def _vocabulary(self, kind: Kind, _: list[Finding]) -> Iterator[Mended]:
        words, languages = _count(self.index)
        with self.index.catalog.transaction() as db:
            db.execute("DELETE FROM vocabulary")
            db.execute("DELETE FROM languages")
            self.index.vocabulary.add(words, languages)
        yield Mended(kind, f"{len(words)} words counted")

    def _waiting(self, kind: Kind, findings: list[Finding]) -> Iterator[Mended]:
        self._wait_for_ocr(findings)
        yield Mended(kind, f"{len(findings)} wait for OCR now", reads=True)

    def _words(self, kind: Kind, findings: list[Finding]) -> Iterator[Mended]:
        with self.index.catalog.transaction() as db:
            for finding in findings:
                key = (finding.document, finding.page)
                pixels = "SELECT pixels, engine FROM recognised_pages WHERE document = ? AND page = ?"
                db.execute(f"DELETE FROM recognised WHERE (pixels, engine) IN ({pixels})", key)
                db.execute("DELETE FROM recognised_pages WHERE document = ? AND page = ?", key)
        self._wait_for_ocr(findings)
        yield Mended(kind, f"{len(findings)} wait for OCR now", reads=True)

    # -- tables --------------------------------------------------------------------------------

    def _page_table(self, kind: Kind, _: list[Finding]) -> Iterator[Mended]:
        """Set aside; every document whose file is there is read again."""
        where = self._set_aside(self.index.pages)
        self.index.pages = PageTable(self.index.tables_folder)
        yield Mended(kind, f"set aside in {where}")
        documents = [Finding(kind, "", document) for document in sorted(self.index.documents.live())]
        yield from self._read_again(kind, documents)

    def _read_again(self, kind: Kind, findings: list[Finding]) -> Iterator[Mended]:
        """Drops documents that a file can give again; the others keep what there is of them."""
        held = self.index.files.of_documents(_documents(findings))
        there = {number: files for number, files in held.items() if any(_exists(f.path) for f in files)}
        self.index.files.forget(file.path for files in there.values() for file in files)
        if there:
            yield Mended(kind, f"{len(there)} documents to be read again", reads=True)
        if len(held) > len(there):
            yield Mended(kind, f"{len(held) - len(there)} documents kept as they are: their files are away")

    def _table_index(self, kind: Kind, findings: list[Finding]) -> Iterator[Mended]:
        """Drops the table's indexes and makes them anew; a table that cannot is set aside."""
        try:
            self.index.pages.reindex()
        except IndexDamaged:
            yield from self._page_table(kind, findings)
        else:
            yield Mended(kind, "made anew")

    def _vector_table(self, kind: Kind, findings: list[Finding]) -> Iterator[Mended]:
        for finding in findings:
            where = self._set_aside(Table(self.index.tables_folder, finding.table))
            self.index.documents.forget_vectors(fingerprint_of(finding.table))
            yield Mended(kind, f"set aside in {where}", reads=True)

    def _vectors(self, kind: Kind, findings: list[Finding]) -> Iterator[Mended]:
        by_table: dict[str, set[int]] = {}
        for finding in findings:
            if finding.document is not None:
                by_table.setdefault(finding.table, set()).add(finding.document)
        for name, documents in by_table.items():
            Table(self.index.tables_folder, name).delete(documents)
            self.index.documents.forget_vectors(fingerprint_of(name), documents)
            yield Mended(kind, f"{len(documents)} documents wait for vectors now", reads=True)

    # -- inside --------------------------------------------------------------------------------

    def _set_aside(self, table: Table) -> Path:
        try:
            target = aside.new_folder(self.index.folder) / table.path.name
            table.path.rename(target)
        except OSError as error:
            raise StorageFull(f"cannot move {table.path}: {error.strerror}") from error
        return target

    def _write_leads(self, documents: Sequence[int]) -> None:
        leads = {d: [PageId(d, page) for page in range(1, LEAD_PAGES + 1)] for d in documents}
        terms = self.index.pages.terms(page for lead in leads.values() for page in lead)
        with self.index.catalog.transaction():
            for document, lead in leads.items():
                self.index.evidence.put_lead(document, [terms[page] for page in lead if page in terms])

    def _wait_for_ocr(self, findings: Iterable[Finding]) -> None:
        pages = [(finding.document, finding.page) for finding in findings]
        with self.index.catalog.transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO pages_waiting "
                "SELECT id, ?2 FROM documents WHERE id = ?1 AND ?2 BETWEEN 1 AND pages",
                pages,
            )


def _documents(findings: Iterable[Finding]) -> set[int]:
    return {finding.document for finding in findings if finding.document is not None}


def _count(index: Index) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Page counts of words and of languages, from the stored texts of live documents."""
    live = index.documents.live()
    languages: Counter[str] = Counter()

    def analyzed() -> Iterator[tuple[str, str]]:
        for document, text in page_texts(index.pages):
            if document in live:
                page: AnalyzedText = index.analyzer.analyze(text)
                languages[page.language] += 1
                yield page.words, page.language

    return count_words(analyzed()), languages


def _exists(path: Path) -> bool:
    with suppress(OSError):
        return path.is_file()
    return False
