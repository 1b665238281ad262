"""The words of a statement and where they stand on a page: stems, and near spellings for misread scans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from rapidfuzz import fuzz, process

from docsearch.store.analyzer import DEFAULT_LANGUAGE, Analyzer, tokens

_STOP = frozenset(
    "a about above according after again all also although am an and another any are as at be because been "
    "before being below between both but by can could did do does document down due during each either etc "
    "for from further given had has have he her here his how however i if in into is it its itself just "
    "like may me more most much must my no nor not now of off on once only or other our out over own page "
    "pages per s said same says shall she should since so some states such t than that the their them then "
    "there these they this those though through thus to too under until up upon us very was we were what "
    "when where whereas which while who whom whose why will with within would you your".split()
)
NEAR = 86.0
"""Words of five letters or more are taken for one another from this similarity (rapidfuzz ratio) on."""


@dataclass(frozen=True, slots=True)
class PlacedStem:
    """A content word of a text as its stem, and where it stands."""

    stem: str
    start: int
    end: int


class Stemming:
    """Stems of content words. Keeps the stems it has seen; serves all texts of one answer."""

    def __init__(self) -> None:
        self._analyzer = Analyzer()

    def language(self, text: str) -> str:
        """The language a text seems to be in; English when it does not show."""
        return self._analyzer.language_of(frozenset(token.word for token in tokens(text)))

    def placed(self, text: str, language: str = DEFAULT_LANGUAGE) -> list[PlacedStem]:
        """The content words of a text in order; numbers and single letters are none."""
        common = _STOP | self._analyzer.stop_words.get(language, frozenset())
        stems = self._analyzer.stems(language)
        return [
            PlacedStem(stems[token.word], token.start, token.end)
            for token in tokens(text)
            if token.word not in common
            and not token.word.isdigit()
            and (len(token.word) > 1 or not token.word.isascii())
        ]


def near(word: str, known: Sequence[str], similarity: float = NEAR) -> str | None:
    """The word of `known` that this one may be, misread; None when none is near."""
    if len(word) < 5:
        return None
    found = process.extractOne(word, known, scorer=fuzz.ratio, score_cutoff=similarity)
    return None if found is None else str(found[0])


class WordMatcher:
    """Finds the words of a few texts in another; a group for each distinct stem. A passage matcher."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._stemming = Stemming()
        language = self._stemming.language(" ".join(texts))
        stems = dict.fromkeys(chain.from_iterable(self._words(text, language) for text in texts))
        self._language = language
        self._groups = {stem: number for number, stem in enumerate(stems)}
        self.weights = [2.0 if stem.isdigit() else 1.0 for stem in stems]

    def matches(self, text: str) -> Iterator[tuple[int, int, int]]:
        """(group, start, end) of each word of `text` that matches, in order."""
        placed = [(placed.stem, placed.start, placed.end) for placed in self._placed(text)]
        numbers = [(token.word, token.start, token.end) for token in tokens(text) if token.word.isdigit()]
        for word, start, end in sorted([*placed, *numbers], key=lambda item: item[1]):
            if word in self._groups:
                yield self._groups[word], start, end

    def _placed(self, text: str) -> list[PlacedStem]:
        return self._stemming.placed(text, self._language)

    def _words(self, text: str, language: str) -> list[str]:
        numbers = [token.word for token in tokens(text) if token.word.isdigit()]
        return [placed.stem for placed in self._stemming.placed(text, language)] + numbers
