"""What a query has to do with the pages of one document: where its words stand, and pages like a page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from docsearch.errors import UnreadableDocument
from docsearch.library.views import Wanted
from docsearch.records import Box, Hit, PageId, Query, Word
from docsearch.search.highlight import matching_boxes
from docsearch.store.tables import Selection

if TYPE_CHECKING:
    from docsearch.library import Library
    from docsearch.search.engine import Engine
    from docsearch.store.index import Index

MOST_PAGES = 5000
"""Matching pages of one document that are looked up."""
TELLING_WORDS = 14
_WORD = re.compile(r"[^\W\d_]{4,}")


def boxes_on(library: Library, path: Path, page: int, query: Query, wanted: Wanted) -> tuple[Box, ...]:
    """Where the query's words stand on a page, on recognised scans too; none on a page without words."""
    if not (query.text or query.phrases):
        return ()
    matcher = library.engine.matcher(library.engine.terms(query))
    try:
        words = words_on(library, path, page, library.find_page(path, page), wanted)
    except UnreadableDocument:
        return ()
    return matching_boxes(words, matcher)


def words_on(
    library: Library, path: Path, page: int, known: PageId | None, wanted: Wanted
) -> tuple[Word, ...]:
    """The words of a page with their boxes: those recognised in a scan, or those of the text layer.

    `known` is the indexed page, where it is one. Raises UnreadableDocument.
    """
    words = library.store.recognised.words_of(known.doc, known.page) if known else None
    return library.views.words(path, page, wanted) if words is None else words


def matching_pages(engine: Engine, document: int, query: Query) -> tuple[int, ...]:
    """The pages of a document that the full-text index finds for the query, in order."""
    wanted = engine.terms(query).full_text()
    found = engine.index.pages.match(wanted, MOST_PAGES, Selection(frozenset({document})))
    return tuple(sorted(page.page for page, _ in found))


def telling_query(index: Index, hit: Hit) -> Query:
    """The words of a page that stand on the fewest other pages, as a query; empty when it has none."""
    text = index.pages.texts([hit.page]).get(hit.page, ("", None))[0]
    analyzed = index.analyzer.analyze(text)
    stems = index.analyzer.stems(analyzed.language)
    words = [word for word in dict.fromkeys(analyzed.words.split()) if _WORD.fullmatch(word)]
    pages = index.vocabulary.page_counts([stems[word] for word in words])
    shared = [word for word in words if pages.get(stems[word], 0) > 1]
    telling = sorted(shared, key=lambda word: pages[stems[word]])[:TELLING_WORDS]
    return Query(raw=" ".join(telling), text=" ".join(telling))
