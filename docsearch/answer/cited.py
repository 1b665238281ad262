"""What a cited page holds of a statement: its words, numbers, dates and names. Pure: pages come as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from docsearch.answer.figures import Figures, Number, contradicted, figures, matching, same_date
from docsearch.answer.segments import Segment, Shape, segments
from docsearch.answer.words import Stemming, near
from docsearch.store.analyzer import fold, tokens

_SPLIT, _SPLIT_WHEN_MISREAD = 8, 4
"""Names of so many letters may be split on the page, by a hyphen or a blank."""
_DATE_REACH = 20
"""Characters between the day and the year of a date whose month is misread."""
_NEAR_NAME = 80.0
"""How like a name on a misread page must be (rapidfuzz ratio)."""
_NAME_REACH = 6
"""Words of a name stand no farther apart on a page than this and as many words as it has."""


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


class Evidence:
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
        """That of its text."""
        return self._stemming.language(self._page.text)

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Each word of the page, and of what is known about it, with its places in order."""
        places: dict[str, list[int]] = {}
        for place, token in enumerate(tokens(f"{self._page.text}\n{self._page.about}")):
            places.setdefault(token.word, []).append(place)
        return places

    @cached_property
    def _long_words(self) -> list[str]:
        """The words that a misread one may stand for, sorted."""
        return sorted(word for word in self._places if len(word) >= 4)

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
        return self._page.misread and near(plain, self._long_words, _NEAR_NAME) is not None

    def _together(self, words: Sequence[str]) -> bool:
        """Whether words stand within a short stretch; those that are written otherwise do not count."""
        placed = [places for word in words if (places := self._places.get(word))]
        reach = _NAME_REACH + len(words)
        return len(placed) < 2 or any(
            all(any(abs(place - other) <= reach for other in others) for others in placed[1:])
            for place in placed[0]
        )

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


def _is_year(number: Number) -> bool:
    return number.scale is None and any(
        1900 <= value <= 2100 and value == value.to_integral_value() for value in number.readings
    )
