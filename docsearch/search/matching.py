"""Finds the words of a text that match a query, remembering what each word turned out to be."""

from __future__ import annotations

from collections.abc import Iterator

from docsearch.search.terms import QueryTerms
from docsearch.store.analyzer import Analyzer, fold_with_places, spaced_words, tokens

_NO_GROUP = -1
_KEPT = 1
"""Stemming changes the end of a word and leaves its first letter ("dying" becomes "die")."""


class TermMatcher:
    """Says which group of the query a word on a page belongs to; serves all pages of one query."""

    def __init__(self, terms: QueryTerms, analyzer: Analyzer, languages: tuple[str, ...]) -> None:
        self.weights = [max((terms.weights[t] for t in group), default=0.0) for group in terms.groups]
        self._analyzer = analyzer
        self._languages = languages
        self._terms = {term: number for number, group in enumerate(terms.groups) for term in group}
        self._known: dict[str, int] = {}
        self._beginnings = frozenset(term[:_KEPT] for term in self._terms)

    def matches(self, text: str) -> Iterator[tuple[int, int, int]]:
        """(group, start, end) of each word of `text` that matches, in order."""
        folded, starts, ends = fold_with_places(text)
        words = spaced_words(folded)
        if words is None:
            for word, start, end in tokens(text):
                if (group := self.group(word)) >= 0:
                    yield group, start, end
            return
        for match in words:
            if (group := self.group(match.group())) >= 0:
                yield group, starts[match.start()], ends[match.end() - 1]

    def holds(self, text: str) -> bool:
        """Whether any word of `text` matches."""
        return next(self.matches(text), None) is not None

    def group(self, word: str) -> int:
        """The number of the group a folded word belongs to, or -1."""
        group = self._known.get(word)
        if group is None:
            group = self._known[word] = self._find_group(word.replace(",", ""))
        return group

    def _find_group(self, word: str) -> int:
        if word[:_KEPT] not in self._beginnings:
            return _NO_GROUP
        variants = self._analyzer.variants(word, self._languages)
        return next((self._terms[variant] for variant in variants if variant in self._terms), _NO_GROUP)
