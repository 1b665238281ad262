"""Puts documents into an index by hand, the way the text tier commits them, without reading any file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from docsearch.records import PageId, TextSource
from docsearch.store.evidence import LEAD_PAGES
from docsearch.store.files import FileState
from docsearch.store.index import Index
from docsearch.store.pages import StoredPage
from docsearch.store.vocabulary import count_words


def root_of(index: Index, path: Path = Path("/library")) -> int:
    """The number of the root `path`, made if it is none yet."""
    index.files.add_root(path)
    return next(number for number, root, _ in index.files.roots() if root == path or root in path.parents)


def file_state(path: Path, content: str = "", day: str = "2024-06-01") -> FileState:
    """A file of that content digest as if it had been found on disk."""
    return FileState(path, 1000, int(datetime.fromisoformat(day).timestamp() * 1e9), content)


def stored_page(index: Index, document: int, page: int, text: str) -> StoredPage:
    """One analyzed page."""
    terms = index.analyzer.analyze(text).terms
    return StoredPage(PageId(document, page), text, terms, TextSource.LAYER)


def add_pages(index: Index, document: int, texts: Iterable[str]) -> None:
    """Page rows alone, as a crash before the catalog's commit leaves them."""
    rows = [stored_page(index, document, page, text) for page, text in enumerate(texts, 1)]
    index.pages.append(index.pages.as_rows(rows))


def add_document(
    index: Index,
    path: Path,
    texts: Sequence[str],
    *,
    title: str = "",
    kind: str = "pdf",
    day: str = "2024-06-01",
    waiting: Sequence[int] = (),
) -> int:
    """A searchable document of the given pages, held by one file; returns its number."""
    root = root_of(index)
    content = hashlib.blake2b("\f".join([str(path), *texts]).encode(errors="replace")).hexdigest()
    number = index.documents.begin(content, 1000)
    add_pages(index, number, texts)
    analyzed = [index.analyzer.analyze(text) for text in texts]
    with index.catalog.transaction():
        index.documents.commit(number, kind=kind, title=title, pages=len(texts), waiting=waiting)
        index.evidence.put_lead(number, [page.terms for page in analyzed[:LEAD_PAGES]])
        index.files.put(root, file_state(path, content, day), number, title)
        languages = [page.language for page in analyzed]
        counts = count_words((page.words, page.language) for page in analyzed)
        index.vocabulary.add(counts, {language: languages.count(language) for language in languages})
    return number
