"""Which words on a page match a query, as boxes to draw."""

from __future__ import annotations

from collections.abc import Iterable

from docsearch.records import Box, Word
from docsearch.search.matching import TermMatcher


def matching_boxes(words: Iterable[Word], matcher: TermMatcher) -> tuple[Box, ...]:
    """Boxes of the words that hold at least one term of the query."""
    return tuple(word.box for word in words if matcher.holds(word.text))
