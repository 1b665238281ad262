"""The words of the index: on how many pages each stands, and what a mistyped one may have meant.

Counts only grow (a deleted document leaves its words behind), which is near enough for weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from docsearch.store.analyzer import DEFAULT_LANGUAGE, Analyzer
from docsearch.store.catalog import Catalog

_LONGEST = 30
_SHORTEST_CORRECTED = 4


_LAST_LETTER = "\U0010ffff"


class Vocabulary:
    """The tables `vocabulary` and `languages`."""

    def __init__(self, catalog: Catalog, analyzer: Analyzer) -> None:
        self.catalog = catalog
        self.analyzer = analyzer

    def add(self, words: Mapping[tuple[str, str], int], languages: Mapping[str, int]) -> None:
        """Adds to the page counts of (word, language) pairs and of the languages themselves."""
        stems = {language: self.analyzer.stems(language) for _, language in words}
        rows = [
            (stems[language][word], word, pages)
            for (word, language), pages in words.items()
            if len(word) <= _LONGEST
        ]
        with self.catalog.transaction() as db:
            db.executemany(
                "INSERT INTO vocabulary VALUES (?, ?, ?) "
                "ON CONFLICT (stem, word) DO UPDATE SET pages = pages + excluded.pages",
                sorted(rows),
            )
            db.executemany(
                "INSERT INTO languages VALUES (?, ?) "
                "ON CONFLICT (language) DO UPDATE SET pages = pages + excluded.pages",
                languages.items(),
            )

    def languages(self) -> tuple[str, ...]:
        """Languages of the pages, the commonest first; English when nothing is indexed yet."""
        return self.catalog.remember("languages", self._languages)

    def _languages(self) -> tuple[str, ...]:
        rows = self.catalog.connection.execute("SELECT language FROM languages ORDER BY pages DESC, language")
        return tuple(row[0] for row in rows) or (DEFAULT_LANGUAGE,)

    def page_counts(self, terms: Sequence[str]) -> dict[str, int]:
        """On how many pages each term stands, at most (pages with two words of one stem count twice)."""
        marks = ", ".join("?" for _ in terms)
        rows = self.catalog.connection.execute(
            f"SELECT stem, sum(pages) FROM vocabulary WHERE stem IN ({marks}) GROUP BY stem", tuple(terms)
        )
        return dict(rows.fetchall())

    def spellings(self, terms: Sequence[str]) -> dict[str, list[str]]:
        """How the words of each term are spelled on pages, folded; words of over 30 letters are not kept."""
        marks = ", ".join("?" for _ in terms)
        rows = self.catalog.connection.execute(
            f"SELECT stem, word FROM vocabulary WHERE stem IN ({marks})", tuple(terms)
        )
        found: dict[str, list[str]] = {}
        for stem, word in rows:
            found.setdefault(stem, []).append(word)
        return found

    def unknown(self, words: Iterable[str]) -> list[str]:
        """Those of the words that stand on no page and are of a length to be a mistyped one."""
        long_words = [w for w in words if w.isalpha() and _SHORTEST_CORRECTED <= len(w) <= _LONGEST]
        languages = self.languages()
        return [word for word in long_words if not self._knows(word, self.analyzer.variants(word, languages))]

    def nearest(self, word: str, limit: int = 3) -> tuple[str, ...]:
        """Known words within one typing mistake (two from eight letters on), the likeliest first.

        A mistake is an insertion, a deletion, a replacement or an exchange of neighbours (optimal
        string alignment distance).
        """
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        mistakes = 1 if len(word) < 8 else 2
        by_length, pages = self.catalog.remember("words by length", self._by_length)
        found: list[tuple[str, int, int]] = []
        for length in range(len(word) - mistakes, len(word) + mistakes + 1):
            words = by_length.get(length, [])
            found += process.extract(word, words, scorer=OSA.distance, score_cutoff=mistakes, limit=50)
        ranked = sorted(found, key=lambda match: (match[1], match[0][0] != word[0], -pages[match[0]]))
        return tuple(known for known, *_ in ranked[:limit])

    def completions(self, start: str, limit: int = 3) -> tuple[str, ...]:
        """Known words whose stems begin so, those on most pages first: what a half-typed word may become."""
        rows = self.catalog.connection.execute(
            "SELECT word, sum(pages) AS pages FROM vocabulary WHERE stem >= ? AND stem < ? "
            "GROUP BY word ORDER BY pages DESC, word LIMIT ?",
            (start, start + _LAST_LETTER, limit),
        )
        return tuple(row[0] for row in rows)

    def _by_length(self) -> tuple[dict[int, list[str]], dict[str, int]]:
        """All spelled words by their length, and on how many pages each stands."""
        rows = self.catalog.connection.execute("SELECT word, sum(pages) FROM vocabulary GROUP BY word")
        pages = {word: count for word, count in rows if word.isalpha()}
        by_length: dict[int, list[str]] = {}
        for word in pages:
            by_length.setdefault(len(word), []).append(word)
        return by_length, pages

    def _knows(self, word: str, stems: tuple[str, ...]) -> bool:
        marks = ", ".join("?" for _ in stems)
        row = self.catalog.connection.execute(
            f"SELECT 1 FROM vocabulary WHERE stem IN ({marks}) AND word = ?", (*stems, word)
        ).fetchone()
        return row is not None


def count_words(analyzed: Iterable[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """Page counts of (word, language) from pages given as (words joined by blanks, language)."""
    by_language: dict[str, Counter[str]] = {}
    for words, language in analyzed:
        by_language.setdefault(language, Counter()).update(words.split())
    return Counter(
        {(word, language): n for language, counts in by_language.items() for word, n in counts.items()}
    )
