"""Checks an answer against the pages it cites. Pure: pages come as text.

A statement holds when every marker in it names a page that was given, when its numbers, dates and
names stand on the pages it names, near its other words, and when most of those stand there too. It is
told what does not hold; whether the statement follows from the page is beyond this check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from docsearch.answer.cited import CitedPage, Evidence, Strictness
from docsearch.answer.figures import figures, same_month_day
from docsearch.answer.names import names
from docsearch.answer.words import Stemming
from docsearch.records import Flag, FlagKind, Statement

_MARKER = re.compile(r"\s*[\[\u3010]\s*(\d+(?:\s*[,;\u2013-]\s*\d+)*)\s*[\]\u3011]")
_END = re.compile(
    r"[.!?\u3002\uff01\uff1f][\"”’)]*(?:\s*\[[\d\s,;\u2013-]+\])*(?=\s+[\"“(]?[A-Z0-9À-ÖØ-Þ*-]|$)"
)
_SHORT = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|No|Nos|Inc|Corp|Co|Ltd|vs|cf|e\.g|i\.e|Fig|Sec|Art|approx|pp?|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.)$"
)
_BULLET = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+")
_MOST_PAGES = 50
"""Markers such as [1-900] name no more pages than this."""


class Checker:
    """Turns the text of an answer into statements with their flags.

    Args:
        pages: the pages that markers may name, by number.
        strictness: how much must hold.
    """

    def __init__(self, pages: Mapping[int, CitedPage], strictness: Strictness | None = None) -> None:
        self._stemming = Stemming()
        self._pages = {number: Evidence(page, self._stemming) for number, page in pages.items()}
        self._strict = strictness or Strictness()
        self._checked: dict[tuple[str, tuple[int, ...]], tuple[Flag, ...]] = {}

    def statements(self, text: str, *, finished: bool = True) -> tuple[Statement, ...]:
        """The statements of an answer. While it is not finished the last one carries no flags."""
        parts = list(_sentences(text))
        cited = _inherited(parts)
        found = []
        for place, (part, numbers) in enumerate(zip(parts, cited, strict=True)):
            known = tuple(number for number in numbers if number in self._pages)
            growing = not finished and place == len(parts) - 1
            flags = () if growing else self.check(part.text, numbers)
            found.append(Statement(part.text, known, flags))
        return tuple(found)

    def check(self, sentence: str, numbers: Sequence[int]) -> tuple[Flag, ...]:
        """What is doubtful about one sentence that cites these numbers."""
        key = (sentence, tuple(numbers))
        if key not in self._checked:
            self._checked[key] = tuple(self._flags(_MARKER.sub(" ", _BULLET.sub("", sentence)), numbers))
        return self._checked[key]

    def _flags(self, said: str, numbers: Sequence[int]) -> Iterator[Flag]:
        unknown = [number for number in numbers if number not in self._pages]
        yield from (Flag(FlagKind.UNKNOWN_SOURCE, f"[{number}]") for number in unknown)
        pages = [self._pages[number] for number in numbers if number in self._pages]
        if not pages:
            if not unknown and _claims(said):
                yield Flag(FlagKind.UNCITED)
            return
        language = self._stemming.language(said)
        stems = {placed.stem for placed in self._stemming.placed(said, language)}
        alike = [page for page in pages if page.language == language]
        missing = dict.fromkeys(chain(self._missing_figures(said, stems, pages), _missing_names(said, alike)))
        yield from (Flag(FlagKind.NOT_ON_PAGE, words) for words in missing)
        if not missing and not self._supported(stems, alike):
            yield Flag(FlagKind.NOT_ON_PAGE)

    def _missing_figures(self, said: str, stems: set[str], pages: Sequence[Evidence]) -> Iterator[str]:
        """Numbers and dates that stand on none of the pages."""
        facts = figures(said)
        for number in facts.numbers:
            if not any(page.holds_number(number, facts, stems, self._strict) for page in pages):
                yield number.text
        for days, start, end in facts.dates:
            if not any(page.holds_date(days) for page in pages):
                yield said[start:end]
        for month, day, start, end in facts.month_days:
            if not any(same_month_day(month, day, page.figures) for page in pages):
                yield said[start:end]

    def _supported(self, stems: set[str], pages: Sequence[Evidence]) -> bool:
        """Whether enough of the statement's words stand together on one of the pages, or on all of them."""
        if len(stems) < self._strict.least_words or not pages:
            return True
        together = set().union(*(page.supported(stems) for page in pages))
        return len(together) >= self._strict.support * len(stems)


def _missing_names(said: str, pages: Sequence[Evidence]) -> Iterator[str]:
    """Names that stand on none of the pages, where there are pages in the statement's language."""
    if pages:
        yield from (" ".join(name) for name in names(said) if not any(p.holds_name(name) for p in pages))


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    numbers: tuple[int, ...]
    line: int


def _sentences(text: str) -> Iterator[_Sentence]:
    for line_number, line in enumerate(text.splitlines()):
        start = 0
        for match in _END.finditer(line):
            said = line[start : match.end()]
            if _SHORT.search(line[start : match.start() + 1]) or _BULLET.fullmatch(f"{said} "):
                continue
            yield _sentence(said, line_number)
            start = match.end()
        if line[start:].strip():
            yield _sentence(line[start:], line_number)


def _sentence(text: str, line: int) -> _Sentence:
    return _Sentence(text.strip(), tuple(dict.fromkeys(_markers(text))), line)


def _markers(text: str) -> Iterator[int]:
    for match in _MARKER.finditer(text):
        for piece in re.split(r"[,;]", match[1]):
            first, _, last = piece.replace("\u2013", "-").partition("-")
            begin, end = int(first[:6]), int((last.strip() or first)[:6])
            yield from range(begin, min(end, begin + _MOST_PAGES) + 1)


def _inherited(parts: Sequence[_Sentence]) -> list[tuple[int, ...]]:
    """Each sentence's own numbers, or those of the next one in its line that has any."""
    cited: list[tuple[int, ...]] = []
    following: tuple[int, ...] = ()
    line = -1
    for part in reversed(parts):
        if part.line != line:
            following, line = (), part.line
        following = part.numbers or following
        cited.append(following)
    return cited[::-1]


def _claims(said: str) -> bool:
    """Whether a sentence says something: not the opening of a list, not a word or two."""
    return not said.rstrip().endswith(":") and len(said.split()) > 2
