"""Chooses the passages of a few pages that answer a question best. Pure: pages come as text.

A passage is a run of segments of at most so many characters. It counts what it holds of the
question's words, each by how rare it is in the index and on these very pages, a little of what stands
before it (headings, heads of tables), and, for questions after a number or a date, how well a segment
with such a figure is labelled. Words that name the document count little: they stand everywhere in it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from docsearch.answer.segments import Segment, Shape, reads_on, segments
from docsearch.records import Hit, Snippet

_FIGURE = re.compile(r"\d[\d.,:/-]*")
_WORD = re.compile(r"[^\W\d_]+")
_DIGITS = re.compile(r"\d+")
_ASKS_FOR_FIGURE = re.compile(
    r"\b(how (many|much|long|often|old|large|big|high|far|fast)|amount|number|total|value|percent\w*|share|"
    r"proportion|rate|ratio|average|mean|median|cost|price|score|count|maximum|minimum|size|duration|age|"
    r"expenses?|revenues?|income|sales|profits?|temperature|hours|days|months|years?|when|date|deadline|"
    r"period|telephone|phone|fax)\b",
    re.IGNORECASE,
)
_LABELLED = 0.5
"""How much of a figure's worth lies in the share of its label that the question says."""
_HEADINGS = 4
_FARTHEST_HEADING = 30
_REPEATED_TO = 120
"""Longer segments that stand on two pages are text, not running heads or feet."""


class Matcher(Protocol):
    """Finds the words of a question in a text."""

    @property
    def weights(self) -> Sequence[float]:
        """What each group of the question's words counts."""

    def matches(self, text: str) -> Iterator[tuple[int, int, int]]:
        """(group, start, end) of each word of `text` that matches, in order."""


@dataclass(frozen=True, slots=True)
class Source:
    """A page to answer from: how it is shown, and its text."""

    hit: Hit
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """Part of a page that may answer the question.

    Attributes:
        source: the place of its page among the sources.
        start, end: where it stands in the text of the page.
        quote: its words, a segment a line, with the spans that match the question.
        score: the larger, the better; passages of one question compare.
        coverage: the share of the question's words, by weight, that it or the document's name says.
    """

    source: int
    start: int
    end: int
    quote: Snippet
    score: float
    coverage: float


@dataclass(frozen=True, slots=True)
class PassageShape:
    """How passages are cut and weighed; found on judged questions (see README, Answers)."""

    characters: int = 380
    a_page: int = 3
    """Most passages from one page."""
    named: float = 0.25
    """What a word counts that names the document."""
    context: float = 0.5
    pairs: float = 0.2
    figures: float = 1.0
    later_page: float = 0.85
    """What a page counts less than the one found before it."""
    contents: float = 0.5
    """What a table of contents counts: it names everything and says nothing."""
    saturation: float = 0.5


def choose_passages(
    question: str, sources: Sequence[Source], matcher: Matcher, count: int, shape: PassageShape | None = None
) -> list[Passage]:
    """At most `count` passages, best first; they do not overlap."""
    shape = shape or PassageShape()
    pages = _read(sources, matcher)
    rarity = _rarity(pages, len(matcher.weights))
    found: list[Passage] = []
    for page in pages:
        weighed = _Weighed(question, page, matcher.weights, rarity, shape)
        found += (weighed.passage(window, matcher) for window in weighed.best_windows())
    found.sort(key=lambda passage: (-passage.score, passage.source, passage.start))
    return found[:count]


@dataclass(frozen=True, slots=True)
class _Read:
    """A segment, the groups of its matches in order, and how many words it has."""

    segment: Segment
    groups: tuple[int, ...]
    words: int


@dataclass(frozen=True, slots=True)
class _Page:
    place: int
    read: list[_Read]
    named: Set[int]
    """Groups that the document's title or name says."""


@dataclass(frozen=True, slots=True)
class _Window:
    score: float
    first: int
    last: int
    groups: Set[int]


def _read(sources: Sequence[Source], matcher: Matcher) -> list[_Page]:
    cut = [segments(source.text) for source in sources]
    repeated = _running_heads(sources, cut)
    pages = []
    for place, (source, parts) in enumerate(zip(sources, cut, strict=True)):
        kept = [part for part in parts if (source.hit.page.doc, _pattern(part)) not in repeated]
        named = {group for group, _, _ in matcher.matches(f"{source.hit.title} {_name(source.hit.path)}")}
        pages.append(_Page(place, [_match(part, matcher) for part in kept], named))
    return pages


def _name(path: Path) -> str:
    """The words and numbers of a file's name."""
    return _DIGITS.sub(r" \g<0> ", path.stem).replace("_", " ")


def _match(segment: Segment, matcher: Matcher) -> _Read:
    groups = tuple(group for group, _, _ in matcher.matches(segment.text))
    return _Read(segment, groups, len(_WORD.findall(segment.text)))


def _running_heads(sources: Sequence[Source], cut: Sequence[list[Segment]]) -> set[tuple[int, str]]:
    """What stands on several pages of one document, numbers apart: running heads and feet."""
    pages: dict[tuple[int, str], set[int]] = {}
    for source, parts in zip(sources, cut, strict=True):
        for part in parts:
            if len(part.text) <= _REPEATED_TO:
                pages.setdefault((source.hit.page.doc, _pattern(part)), set()).add(source.hit.page.page)
    return {key for key, where in pages.items() if len(where) > 1}


def _pattern(segment: Segment) -> str:
    return _DIGITS.sub("#", segment.text)


def _rarity(pages: Sequence[_Page], groups: int) -> list[float]:
    """For each group, how few segments of these pages hold it: 1 for one of them, less for more."""
    holding = Counter(group for page in pages for read in page.read for group in set(read.groups))
    total = sum(len(page.read) for page in pages)
    most = math.log(1 + total) or 1.0
    return [
        math.log(1 + (total - holding[g] + 0.5) / (holding[g] + 0.5)) / most if holding[g] else 1.0
        for g in range(groups)
    ]


class _Weighed:
    """The windows of one page."""

    def __init__(
        self,
        question: str,
        page: _Page,
        weights: Sequence[float],
        rarity: Sequence[float],
        shape: PassageShape,
    ) -> None:
        self.page = page
        self.shape = shape
        self.plain = weights
        self.weights = [
            weight * rare * (shape.named if group in page.named else 1.0)
            for group, (weight, rare) in enumerate(zip(weights, rarity, strict=True))
        ]
        self.total = sum(self.weights) or 1.0
        self.headings = [self._headings(place) for place in range(len(page.read))]
        asked = set(_DIGITS.findall(question)) if _ASKS_FOR_FIGURE.search(question) else None
        self.figures = [0.0 if asked is None else self._figure(n, asked) for n in range(len(page.read))]

    def best_windows(self) -> list[_Window]:
        """The best windows of the page, none over another."""
        worth = self.shape.later_page**self.page.place
        worth *= self.shape.contents if is_contents([read.segment for read in self.page.read]) else 1.0
        windows = [self._window(first, worth) for first in range(len(self.page.read))]
        windows.sort(key=lambda window: (-window.score, -window.first))
        chosen: list[_Window] = []
        for window in windows:
            if window.score <= 0 or len(chosen) == self.shape.a_page:
                break
            if all(window.last < other.first or other.last < window.first for other in chosen):
                chosen.append(window)
        return chosen

    def passage(self, window: _Window, matcher: Matcher) -> Passage:
        """The window as it is shown."""
        lines = [read.segment for read in self.page.read[window.first : window.last + 1]]
        text = lines[0].text
        for above, line in pairwise(lines):
            text += (" " if reads_on(above, line) else "\n") + line.text
        spans = tuple((start, end) for _, start, end in matcher.matches(text))
        said = sum(self.plain[group] for group in window.groups | self.page.named)
        coverage = said / (sum(self.plain) or 1.0)
        quote = Snippet(text, spans)
        return Passage(self.page.place, lines[0].start, lines[-1].end, quote, window.score, coverage)

    def _window(self, first: int, worth: float) -> _Window:
        read, last, length = self.page.read, first, len(self.page.read[first].segment.text)
        while last + 1 < len(read) and length + len(read[last + 1].segment.text) < self.shape.characters:
            last += 1
            length += len(read[last].segment.text) + 1
        inside = read[first : last + 1]
        counts = Counter(group for part in inside for group in part.groups)
        score = sum(self.weights[group] * self._saturated(count) for group, count in counts.items())
        score += self.shape.context * self._sum(self.headings[first] - counts.keys())
        score += self.shape.pairs * min(self._pairs(inside), self.total)
        score = score / self.total + self.shape.figures * max(self.figures[first : last + 1])
        return _Window(score * worth if counts else 0.0, first, last, counts.keys() | self.headings[first])

    def _saturated(self, count: int) -> float:
        return count * (1 + self.shape.saturation) / (count + self.shape.saturation)

    def _sum(self, groups: Set[int]) -> float:
        return sum(self.weights[group] for group in groups)

    def _pairs(self, parts: Sequence[_Read]) -> float:
        """Neighbours of the question that stand one after the other."""
        return sum(
            min(self.weights[left], self.weights[right])
            for part in parts
            for left, right in pairwise(part.groups)
            if right - left == 1
        )

    def _headings(self, place: int) -> set[int]:
        """Groups on the lines above that are no rows: headings, heads of tables, sentences before."""
        groups: set[int] = set()
        seen = 0
        for above in range(place - 1, max(-1, place - _FARTHEST_HEADING), -1):
            read = self.page.read[above]
            if read.segment.shape is not Shape.ROW or above >= place - 2:
                groups.update(read.groups)
                seen += 1
            if seen == _HEADINGS:
                break
        return groups

    def _figure(self, place: int, asked: Set[str]) -> float:
        """How well a segment with a figure that is not the question's own is labelled, from 0 to 1."""
        read = self.page.read[place]
        figures = (figure.rstrip(".,:/-").replace(",", "") for figure in _FIGURE.findall(read.segment.text))
        if not read.groups or all(figure in asked for figure in figures):
            return 0.0
        own = set(read.groups)
        said = (self._sum(own) + 0.5 * self._sum(self.headings[place] - own)) / self.total
        precision = min(1.0, len(read.groups) / max(read.words, 1))
        return said * (1 - _LABELLED + _LABELLED * precision)


def is_contents(parts: Sequence[Segment]) -> bool:
    """Whether this is a table of contents: most lines end with a number, and the numbers ascend."""
    ends = [int(match[1]) for part in parts if (match := re.search(r"\D(\d{1,3})$", part.text))]
    rising = sum(first <= second for first, second in pairwise(ends))
    return len(ends) >= 8 and len(ends) > len(parts) / 2 and rising > 0.85 * (len(ends) - 1)
