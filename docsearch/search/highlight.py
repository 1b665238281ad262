"""Which words on a page match a query, as boxes to draw."""

from __future__ import annotations

from collections.abc import Iterable

from docsearch.records import Box, Word
from docsearch.search.snippet import group_of
from docsearch.search.terms import QueryTerms
from docsearch.store.analyzer import Analyzer, tokens


def matching_boxes(
    words: Iterable[Word], terms: QueryTerms, analyzer: Analyzer, languages: tuple[str, ...]
) -> tuple[Box, ...]:
    """Boxes of the words that hold at least one term of the query."""
    numbers = {term: n for n, group in enumerate(terms.groups) for term in group}
    return tuple(
        word.box
        for word in words
        if any(group_of(token, numbers, analyzer, languages) >= 0 for token in tokens(word.text))
    )
