"""Reads whole tables, a batch at a time, for those who check, count or copy them.

For whoever holds the write lock: files that another process cleans away are met as damage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from docsearch.records import PageId, TextSource
from docsearch.store.pages import PageTable
from docsearch.store.tables import Table, lance_errors

_BATCH_ROWS = 4096


@dataclass(slots=True)
class PageRows:
    """What stands in the page table.

    Attributes:
        columns: their names.
        pages: page numbers of each document as they come, repeats and all.
        pending: pages whose row says that they wait for OCR.
        leads: terms of the first pages, by live document and page.
        stems: on how many pages of live documents each stem stands.
        words: of each live document one page with words, and the longest term on it.
    """

    columns: tuple[str, ...] = ()
    pages: dict[int, list[int]] = field(default_factory=dict)
    pending: list[PageId] = field(default_factory=list)
    leads: dict[int, dict[int, str]] = field(default_factory=dict)
    stems: Counter[str] = field(default_factory=Counter)
    words: dict[int, tuple[int, str]] = field(default_factory=dict)

    def sample(self, count: int) -> Iterator[tuple[PageId, str]]:
        """Some pages, evenly spread over the documents, and a term of each."""
        documents = sorted(self.words)
        for document in documents[:: max(1, len(documents) // count)][:count]:
            page, term = self.words[document]
            yield PageId(document, page), term


def batches(table: Table, columns: Sequence[str] = ()) -> Iterator[Any]:
    """Arrow batches of all rows; of all columns where none are named.

    Raises:
        IndexDamaged: the table cannot be read.
    """
    if not table.exists():
        return
    with lance_errors(table.folder):
        search = table.table().search()
        chosen = search.select(list(columns)) if columns else search
        yield from chosen.limit(None).to_batches(_BATCH_ROWS)


def read_rows(table: Table) -> dict[int, list[int]]:
    """Page numbers of each document in a table, as they come. Every column is read."""
    pages: dict[int, list[int]] = {}
    for batch in batches(table):
        for document, page in zip(batch["doc"].to_pylist(), batch["page"].to_pylist(), strict=True):
            pages.setdefault(document, []).append(page)
    return pages


def read_pages(table: PageTable, live: Collection[int], lead_pages: int) -> PageRows:
    """The whole page table; `lead_pages` first pages of each document count as its lead."""
    rows = PageRows(_columns(table))
    for batch in batches(table):
        if {"doc", "page", "terms", "source"} <= set(batch.schema.names):
            _take(rows, batch, live, lead_pages)
    return rows


def page_texts(table: PageTable) -> Iterator[tuple[int, str]]:
    """(document, text) of every row."""
    for batch in batches(table, ("doc", "text")):
        yield from zip(batch["doc"].to_pylist(), batch["text"].to_pylist(), strict=True)


def _columns(table: Table) -> tuple[str, ...]:
    if not table.exists():
        return ()
    with lance_errors(table.folder):
        return tuple(table.table().schema.names)


def _take(rows: PageRows, batch: Any, live: Collection[int], lead_pages: int) -> None:
    values = zip(*(batch[name].to_pylist() for name in ("doc", "page", "terms", "source")), strict=True)
    for document, page, terms, source in values:
        rows.pages.setdefault(document, []).append(page)
        if document not in live:
            continue
        if source == TextSource.PENDING.value:
            rows.pending.append(PageId(document, page))
        if page <= lead_pages:
            rows.leads.setdefault(document, {})[page] = terms
        distinct = set(terms.split())
        rows.stems.update(distinct)
        if distinct:
            rows.words[document] = page, max(distinct, key=len)


def vector_length(table: Table) -> int:
    """How many numbers a vector in the table has."""
    with lance_errors(table.folder):
        return int(table.table().schema.field("vector").type.list_size)
