"""What a picture to search with says: the words that can be read in it, besides what it looks like.

A photo or a crop of a page keeps enough of its words to tell the page from all others, however it is
turned, cut or blurred; what it looks like serves where there is nothing to read.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL.Image import Image

from docsearch.store.index import Index

MOST_TERMS = 40
MOST_CORRECTED = 40
_CORRECTED_LETTERS = 6
"""Shorter words that were misread may have been anything."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to search with, and the text that stands in it (empty when there is none)."""

    image: Image
    text: str


def telling_terms(text: str, index: Index) -> tuple[str, ...]:
    """The terms of a text that stand on the fewest pages of the index, at most `MOST_TERMS`.

    A word that stands on no page was misread: the nearest known one takes its place, if there is one.
    """
    analyzed = index.analyzer.analyze(text)
    stems = index.analyzer.stems(analyzed.language)
    words = sorted(filter(_tells, analyzed.words.split()))
    pages = index.vocabulary.page_counts([stems[word] for word in words])
    misread = [word for word in words if stems[word] not in pages and _can_be_corrected(word)]
    meant = [near for word in misread[:MOST_CORRECTED] for near in index.vocabulary.nearest(word, 1)]
    pages |= index.vocabulary.page_counts([stems[word] for word in meant])
    terms = dict.fromkeys(stems[word] for word in (*words, *meant) if stems[word] in pages)
    return tuple(sorted(terms, key=pages.__getitem__)[:MOST_TERMS])


def _tells(word: str) -> bool:
    """Whether a word is long enough to tell pages apart; scripts without spaces come in pairs."""
    return len(word) > (2 if word.isascii() else 1)


def _can_be_corrected(word: str) -> bool:
    return word.isalpha() and len(word) >= _CORRECTED_LETTERS
