"""Finds the words of a text that match a query, by how the words of its terms are spelled on pages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from docsearch.search.terms import QueryTerms
from docsearch.store.analyzer import fold_with_places, spaced_words, tokens


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

    def matches(self, text: str) -> Iterator[tuple[int, int, int]]:
        """(group, start, end) of each word of `text` that matches, in order."""
        folded, starts, ends = fold_with_places(text)
        words = spaced_words(folded)
        if words is None:
            yield from self._tokens(text)
            return
        groups = self._groups
        for match in words:
            word = match.group()
            group = groups.get(word.replace(",", "") if "," in word else word)
            if group is not None:
                yield group, starts[match.start()], ends[match.end() - 1]

    def holds(self, text: str) -> bool:
        """Whether any word of `text` matches."""
        return next(self.matches(text), None) is not None

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
