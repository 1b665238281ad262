"""What a picture to search with says: the words that can be read in it, besides what it looks like.

A photo or a crop of a page keeps enough of its words to tell the page from all others, however it is
turned, cut or blurred; what it looks like serves where there is nothing to read.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL.Image import Image

from docsearch.store.index import Index

MOST_TERMS = 40


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to search with, and the text that stands in it (empty when there is none)."""

    image: Image
    text: str


def telling_terms(text: str, index: Index) -> tuple[str, ...]:
    """The terms of a text that stand on the fewest pages of the index, at most `MOST_TERMS`.

    What stands on no page is left out: most of it was misread.
    """
    terms = dict.fromkeys(index.analyzer.analyze(text).terms.split())
    pages = index.vocabulary.page_counts(list(terms))
    known = (term for term in terms if len(term) > 1 and pages.get(term))
    return tuple(sorted(known, key=pages.__getitem__)[:MOST_TERMS])
