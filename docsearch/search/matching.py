"""Finds the words of a text that match a query, by how the words of its terms are spelled on pages."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from docsearch.search.terms import QueryTerms
from docsearch.store.analyzer import fold_with_places, spaced_words, tokens

_FIGURES = re.compile(r"[\d,]+")


class TermMatcher:
    """Says which group of the query a word on a page belongs to; serves all pages of one query.

    Args:
        terms: what the query looks for.
        spellings: for each of its terms, the folded words that stand for it on the index's pages.
    """

    def __init__(self, terms: QueryTerms, spellings: Mapping[str, Collection[str]]) -> None:
        self.weights = terms.group_weights
        self._groups: dict[str, int] = {}
        for number, group in reversed(list(enumerate(terms.groups))):
            for term in group:
                self._groups |= dict.fromkeys((term, *spellings.get(term, ())), number)
        numbers = [word for word in self._groups if word.isdecimal()]
        self._words = [(word, group) for word, group in self._groups.items() if not word.isdecimal()]
        self._numbers = re.compile("|".join(map(",?".join, numbers))) if numbers else None

    def matches(self, text: str) -> Iterator[tuple[int, int, int]]:
        """(group, start, end) of each word of `text` that matches, in order."""
        folded, starts, ends = fold_with_places(text)
        if spaced_words(folded) is None:
            yield from self._tokens(text)
            return
        for start, end, group in sorted(self._found_in(folded)):
            yield group, starts[start], ends[end - 1]

    def holds(self, text: str) -> bool:
        """Whether any word of `text` matches."""
        if text.isascii() and text.isalpha():
            return text.lower() in self._groups
        return next(self.matches(text), None) is not None

    def _found_in(self, folded: str) -> Iterator[tuple[int, int, int]]:
        """(start, end, group) of the matching words, word by word: faster than to look at every word."""
        for word, group in self._words:
            start = folded.find(word)
            while start >= 0:
                end = start + len(word)
                if not (_is_letter(folded[start - 1 : start]) or _is_letter(folded[end : end + 1])):
                    yield start, end, group
                start = folded.find(word, end)
        if self._numbers:
            yield from self._figures_in(folded, self._numbers)

    def _figures_in(self, folded: str, numbers: re.Pattern[str]) -> Iterator[tuple[int, int, int]]:
        """Likewise of the matching numbers, whose thousands separators do not count."""
        read = 0
        for number in numbers.finditer(folded):
            if number.start() >= read:
                first, read = _figures_around(folded, number.start())
                for match in spaced_words(folded[first:read]) or ():
                    group = self._groups.get(match.group().replace(",", ""))
                    if group is not None:
                        yield first + match.start(), first + match.end(), group

    def _tokens(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Matches in scripts written without spaces too, where a query may be a single character."""
        for word, start, end in tokens(text):
            group = self._groups.get(word)
            if group is not None:
                yield group, start, end
            elif len(word) == 2 and end - start == 2:
                for place, character in enumerate(word, start):
                    if character in self._groups and not character.isascii():
                        yield self._groups[character], place, place + 1


def _is_letter(character: str) -> bool:
    """Whether a character continues a word; none does not."""
    return character.isalnum() and not character.isdecimal()


def _figures_around(folded: str, place: int) -> tuple[int, int]:
    """Start and end of the digits and commas around a digit."""
    start = place
    while start and (folded[start - 1].isdecimal() or folded[start - 1] == ","):
        start -= 1
    figures = _FIGURES.match(folded, place)
    return start, figures.end() if figures else place + 1
