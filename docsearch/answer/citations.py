"""Checks an answer against the pages it cites. Pure: pages come as text.

A statement holds when every marker in it names a page that was given, when its numbers, dates and
names stand on the pages it names, near its other words, and when most of those stand there too. It is
told what does not hold; whether the statement follows from the page is beyond this check.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import chain

from docsearch.answer.figures import (
    Figures,
    Number,
    contradicted,
    figures,
    matching,
    same_date,
    same_month_day,
)
from docsearch.answer.names import names
from docsearch.answer.segments import Segment, Shape, segments
from docsearch.answer.words import Stemming, near
from docsearch.records import Flag, FlagKind, Statement
from docsearch.store.analyzer import fold, tokens

_MARKER = re.compile(r"\s*[\[\u3010]\s*(\d+(?:\s*[,;\u2013-]\s*\d+)*)\s*[\]\u3011]")
_END = re.compile(
    r"[.!?\u3002\uff01\uff1f][\"”’)]*(?:\s*\[[\d\s,;\u2013-]+\])*(?=\s+[\"“(]?[A-Z0-9À-ÖØ-Þ*-]|$)"
)
_SHORT = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|No|Nos|Inc|Corp|Co|Ltd|vs|cf|e\.g|i\.e|Fig|Sec|Art|approx|pp?|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.)$"
)
_BULLET = re.compile(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+")
_SPLIT, _SPLIT_WHEN_MISREAD = 8, 4
"""Names of so many letters may be split on the page, by a hyphen or a blank."""
_DATE_REACH = 20
"""Characters between the day and the year of a date whose month is misread."""
_NEAR_NAME = 80.0
"""How like a name on a misread page must be (rapidfuzz ratio)."""
_NAME_REACH = 6
"""Words of a name stand no farther apart on a page than this and as many words as it has."""
_MOST_PAGES = 50
"""Markers such as [1-900] name no more pages than this."""


@dataclass(frozen=True, slots=True)
class CitedPage:
    """A page as it was given to the model: its text, and what is known about its document."""

    text: str
    about: str = ""
    """Title, names, first page: names may stand here instead."""
    misread: bool = False
    """Whether its text was recognised in a picture: names may have a wrong letter."""


@dataclass(frozen=True, slots=True)
class Strictness:
    """From what share on a statement's words are enough; found on answers with planted mistakes."""

    support: float = 0.6
    """Content words of a statement that must stand near each other on the page."""
    number_in_text: float = 0.6
    """Share of the best sentence's words that the sentence with the number must hold."""
    number_in_row: float = 0.7
    """The same for rows of tables."""
    least_words: int = 3
    """Statements of fewer content words are not measured by them."""


class Checker:
    """Turns the text of an answer into statements with their flags.

    Args:
        pages: the pages that markers may name, by number.
        strictness: how much must hold.
    """

    def __init__(self, pages: Mapping[int, CitedPage], strictness: Strictness | None = None) -> None:
        self._stemming = Stemming()
        self._pages = {number: _Evidence(page, self._stemming) for number, page in pages.items()}
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

    def _missing_figures(self, said: str, stems: set[str], pages: Sequence[_Evidence]) -> Iterator[str]:
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

    def _supported(self, stems: set[str], pages: Sequence[_Evidence]) -> bool:
        """Whether enough of the statement's words stand together on one of the pages, or on all of them."""
        if len(stems) < self._strict.least_words or not pages:
            return True
        together = set().union(*(page.supported(stems) for page in pages))
        return len(together) >= self._strict.support * len(stems)


def _missing_names(said: str, pages: Sequence[_Evidence]) -> Iterator[str]:
    """Names that stand on none of the pages, where there are pages in the statement's language."""
    if pages:
        yield from (" ".join(name) for name in names(said) if not any(p.holds_name(name) for p in pages))


class _Evidence:
    """What can be asked of a page. Worked out when it is first asked for."""

    def __init__(self, page: CitedPage, stemming: Stemming) -> None:
        self._page = page
        self._stemming = stemming

    @cached_property
    def figures(self) -> Figures:
        """Those of the page; of what is known about its document, the years and dates."""
        page, about = (figures(" ".join(text.split())) for text in (self._page.text, self._page.about))
        return replace(
            page,
            numbers=(*page.numbers, *(number for number in about.numbers if _is_year(number))),
            dates=(*page.dates, *about.dates),
        )

    @cached_property
    def language(self) -> str:
        return self._stemming.language(self._page.text)

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Each word of the page, and of what is known about it, with its places in order."""
        places: dict[str, list[int]] = {}
        for place, token in enumerate(tokens(f"{self._page.text}\n{self._page.about}")):
            places.setdefault(token.word, []).append(place)
        return places

    @cached_property
    def _letters(self) -> str:
        """All letters and digits of the page without anything between: finds names split by scans."""
        return "".join(c for c in fold(f"{self._page.text}\n{self._page.about}") if c.isalnum())

    @cached_property
    def _parts(self) -> list[_Part]:
        """The segments of the page, their figures under the scales that the page declares."""
        scales = self.figures.scales
        return [
            _Part(segment, self._stems_of(segment.text), replace(figures(segment.text), scales=scales))
            for segment in segments(self._page.text)
        ]

    @cached_property
    def _about(self) -> frozenset[str]:
        """Stems of what is known about the document."""
        return self._stems_of(self._page.about)

    @cached_property
    def _known(self) -> frozenset[str]:
        """All stems there are."""
        return self._about.union(*(part.stems for part in self._parts))

    @cached_property
    def _sorted_stems(self) -> list[str]:
        return sorted(self._known)

    def _stems_of(self, text: str) -> frozenset[str]:
        return frozenset(placed.stem for placed in self._stemming.placed(text, self.language))

    def holds_name(self, name: Sequence[str]) -> bool:
        """Whether the words of a name stand together on the page, or in what is known about its document.

        Words whose initials stand there are there; on a misread page one in three may be missing.
        """
        held = [word for word in name if self._holds_word(word)]
        missing = len(name) - len(held) - self._shortened(name)
        return missing <= (len(name) // 3 if self._page.misread else 0) and self._together(held)

    def _shortened(self, name: Sequence[str]) -> int:
        """How many words of a name stand there as their initials: CEO for Chief Executive Officer."""
        spans = ((i, j) for i in range(len(name)) for j in range(i + 2, len(name) + 1))
        return max(
            (
                sum(not self._holds_word(word) for word in name[i:j])
                for i, j in spans
                if "".join(word[0] for word in name[i:j]) in self._places
            ),
            default=0,
        )

    def _holds_word(self, word: str) -> bool:
        plain = "".join(c for c in word if c.isalnum())
        if plain in self._places or all(token.word in self._places for token in tokens(word)):
            return True
        if len(plain) >= (_SPLIT_WHEN_MISREAD if self._page.misread else _SPLIT) and plain in self._letters:
            return True
        return self._page.misread and near(plain, self._sorted, _NEAR_NAME) is not None

    def _together(self, words: Sequence[str]) -> bool:
        """Whether words stand within a short stretch; those that are written otherwise do not count."""
        placed = [places for word in words if (places := self._places.get(word))]
        reach = _NAME_REACH + len(words)
        return len(placed) < 2 or any(
            all(any(abs(place - other) <= reach for other in others) for others in placed[1:])
            for place in placed[0]
        )

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(word for word in self._places if len(word) >= 4)

    def holds_date(self, days: frozenset[date]) -> bool:
        """Whether a day is named on the page; on a misread one, whether day and year stand side by side."""
        named = same_date(days, self.figures)
        if named or not self._page.misread:
            return named
        numbers = [(number, value) for number in self.figures.numbers for value in number.readings]
        return any(
            value == day.day and other == day.year and abs(later.start - number.end) <= _DATE_REACH
            for day in days
            for number, value in numbers
            for later, other in numbers
        )

    def holds_number(self, number: Number, facts: Figures, stems: set[str], strict: Strictness) -> bool:
        """Whether a number stands on the page, where the statement's other words are."""
        if number.readings & self.figures.words and number.scale is None:
            return True
        if contradicted(number, self.figures) or not any(matching(number, self.figures, facts.rounds)):
            return False
        return _is_year(number) or self._in_place(number, facts, stems, strict)

    def _in_place(self, number: Number, facts: Figures, stems: set[str], strict: Strictness) -> bool:
        """Whether a part of the page with the number says about as much as the best part does."""
        holding = [
            place
            for place, part in enumerate(self._parts)
            if any(matching(number, part.figures, facts.rounds))
        ]
        said = self._near_stems(stems)
        if not holding or not said:
            return True  # it stands across two parts, or nothing is said of it
        rows = [place for place in holding if self._parts[place].segment.shape is Shape.ROW]
        if len(rows) == len(holding):
            return self._in_row(rows, said, strict.number_in_row)
        if len(said) < strict.least_words:
            return True
        best = max(self._score(place, said) for place in range(len(self._parts)))
        return any(self._score(place, said) >= best * strict.number_in_text for place in holding)

    def _in_row(self, rows: Sequence[int], said: set[str], share: float) -> bool:
        """Whether the label of one of these rows says about as much as the best label of the page does."""
        labels = [part.stems & said for part in self._parts if part.segment.shape is Shape.ROW]
        best = max(map(len, labels), default=0)
        return any(
            len(self._parts[row].stems & said) >= best * share or not self._parts[row].stems for row in rows
        )

    def _score(self, place: int, said: set[str]) -> float:
        """How many of these words a part holds; those of its neighbours count half."""
        part = self._parts[place]
        around = self._parts[max(0, place - 2) : place] + self._parts[place + 1 : place + 2]
        beside = set().union(*(other.stems for other in around)) - part.stems
        return len(said & part.stems) + 0.5 * len(said & beside)

    def _near_stems(self, stems: Iterable[str]) -> set[str]:
        """The stems as they are spelled on this page; those that are not on it are left out."""
        spelled = (stem if stem in self._known else near(stem, self._sorted_stems) for stem in stems)
        return {stem for stem in spelled if stem}

    def supported(self, stems: set[str]) -> set[str]:
        """Those of the stems that stand in the stretch of the page which holds most of them."""
        spelled = {stem: self._near_stems([stem]) for stem in stems}
        best: set[str] = set()
        for place in range(len(self._parts)):
            stretch = self._parts[max(0, place - 2) : place + 3]
            there = self._about.union(*(part.stems for part in stretch))
            here = {stem for stem, found in spelled.items() if found & there}
            best = here if len(here) > len(best) else best
        return best


@dataclass(frozen=True, slots=True)
class _Part:
    segment: Segment
    stems: frozenset[str]
    figures: Figures


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


def _is_year(number: Number) -> bool:
    return number.scale is None and any(
        1900 <= value <= 2100 and value == value.to_integral_value() for value in number.readings
    )
