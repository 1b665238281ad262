"""Numbers and dates in text, so that two ways of writing one of them compare as equal. Pure.

1,234.5 is 1234.5 and 1.234,5; $1.577 billion may be 1,577 in a table of millions; April 20, 2018 is
2018-04-20. A number may be read in several ways; it equals another when one reading does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType

_SCALES = MappingProxyType(
    {
        "hundred": 2, "thousand": 3, "thousands": 3, "k": 3, "million": 6, "millions": 6, "mn": 6, "mln": 6,
        "m": 6, "mm": 6, "billion": 9, "billions": 9, "bn": 9, "b": 9, "trillion": 12, "tn": 12,
        "tausend": 3, "mio": 6, "millionen": 6, "mrd": 9, "milliarden": 9, "milliards": 9, "millones": 6,
    }
)  # fmt: skip
_WORDS = MappingProxyType(
    {
        word: Decimal(number)
        for number, word in enumerate(
            "zero one two three four five six seven eight nine ten eleven twelve".split()
        )
    }
)
_MONTHS = MappingProxyType(
    {
        name: number
        for number, names in enumerate(
            (
                "january jan januar janvier enero gennaio",
                "february feb februar février febrero febbraio",
                "march mar märz mars marzo",
                "april apr avril abril aprile",
                "may mai mayo maggio",
                "june jun juni juin junio giugno",
                "july jul juli juillet julio luglio",
                "august aug août agosto",
                "september sep sept septembre septiembre settembre",
                "october oct oktober octobre octubre ottobre okt",
                "november nov novembre noviembre",
                "december dec dezember décembre diciembre dicembre dez",
            ),
            1,
        )
        for name in names.split()
    }
)
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATES = (
    re.compile(rf"\b(?P<m>{_MONTH})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y>\d{{4}})\b", re.I),
    re.compile(
        rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?(?:\s+day)?(?:\s+of)?\s+(?P<m>{_MONTH})\.?,?\s+(?P<y>\d{{4}})\b",
        re.I,
    ),
    re.compile(r"\b(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})\b"),
    re.compile(r"\b(?P<d>\d{1,2})[./-](?P<m>\d{1,2})[./-](?P<y>\d{4}|\d{2})\b"),
    re.compile(r"\b(?P<m>\d{1,2})[./-](?P<d>\d{1,2})[./-](?P<y>\d{4}|\d{2})\b"),
)
_MONTH_DAY = re.compile(
    rf"\b(?P<m>{_MONTH})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b"
    rf"|\b(?P<d2>\d{{1,2}})(?:st|nd|rd|th|\.)?(?:\s+day)?(?:\s+of)?\s+(?P<m2>{_MONTH})\b",
    re.I,
)
_SCALE = "|".join(sorted(_SCALES, key=len, reverse=True))
_NUMBER = re.compile(
    r"(?<![\d.,])(?P<digits>\d+(?:[.,'\u2019\u00a0\u202f]\d+)*)"
    rf"(?:\s?(?P<percent>%|per\s?cent\b|percent\b)|[\s-]?(?P<scale>{_SCALE})\b)?",
    re.I,
)
_DECLARED = re.compile(r"\bin\s+(?:\w+\s+){0,2}?(thousands|millions|billions)\b", re.I)
_ABOUT = re.compile(
    r"\b(about|approximately|around|roughly|nearly|almost|some|over|more than|circa|ca)\b|[~≈]", re.I
)
_WORD = re.compile(r"[a-z]+", re.I)
_NEAR = 80
"""Characters within which a year belongs to a month and day."""
_LEAST_DIGITS = 2
"""A rounded number must show so many digits that count."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it stands in a text.

    Attributes:
        text: as it is written, with percent sign or scale.
        readings: the values its digits may stand for.
        places: decimal places that are written.
        scale: the power of ten that is said with it, or None.
        percent: whether it is said to be a share.
        start, end: where it stands.
    """

    text: str
    readings: frozenset[Decimal]
    places: int
    scale: int | None
    percent: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All numbers and dates of a text.

    Attributes:
        numbers: in order; those of dates are left out.
        dates: the days it names, with where each is written: (days it may be, start, end).
        month_days: month and day where they are written without a year beside them: (month, day, start, end).
        scales: the powers of ten that the text declares for its tables.
        rounds: whether it says that its numbers are rounded.
    """

    numbers: tuple[Number, ...] = ()
    dates: tuple[tuple[frozenset[date], int, int], ...] = ()
    month_days: tuple[tuple[int, int, int, int], ...] = ()
    scales: frozenset[int] = frozenset()
    rounds: bool = False
    words: frozenset[Decimal] = field(default_factory=frozenset)
    """Small numbers written as words."""


def figures(text: str) -> Figures:
    """The numbers and dates of a text."""
    dates = tuple(_dates(text))
    written = [(start, end) for _, start, end in dates]
    month_days = tuple(found for found in _month_days(text) if not _inside(found[2], written))
    written += [(start, end) for _, _, start, end in month_days]
    return Figures(
        tuple(number for number in _numbers(text) if not _inside(number.start, written)),
        dates,
        month_days,
        frozenset(_SCALES[match[1].lower()] for match in _DECLARED.finditer(text)),
        bool(_ABOUT.search(text)),
        frozenset(_WORDS[w] for w in map(str.lower, _WORD.findall(text)) if w in _WORDS),
    )


def same_date(days: frozenset[date], page: Figures) -> bool:
    """Whether a page names one of these days, or the month and day of one with its year near them."""
    if any(days & named for named, _, _ in page.dates):
        return True
    wanted = {(day.month, day.day): Decimal(day.year) for day in days}
    return any(
        wanted.get((month, day)) in number.readings
        for month, day, start, end in page.month_days
        for number in page.numbers
        if start - _NEAR <= number.start <= end + _NEAR
    ) or any(
        # the head of a table: December 31, 2018 and 2017
        wanted.get((named.month, named.day)) in number.readings
        for named_days, _, end in page.dates
        for named in named_days
        for number in page.numbers
        if end <= number.start <= end + _NEAR
    )


def same_month_day(month: int, day: int, page: Figures) -> bool:
    """Whether a page names this day of some year."""
    return any((month, day) == found[:2] for found in page.month_days) or any(
        (month, day) == (named.month, named.day) for days, _, _ in page.dates for named in days
    )


def _inside(place: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)


def matching(said: Number, page: Figures, rounds: bool) -> Iterator[Number]:
    """The numbers of a page that this one may stand for."""
    return (number for number in page.numbers if _same(said, number, page.scales, rounds))


def contradicted(said: Number, page: Figures) -> bool:
    """Whether a page has these very digits, but always with another scale: million for billion."""
    if said.scale is None:
        return False
    alike = {number.scale for number in page.numbers if said.readings & number.readings} - {None}
    return bool(alike) and said.scale not in alike


def _same(said: Number, there: Number, declared: frozenset[int], rounds: bool) -> bool:
    if (said.percent and there.scale is not None) or (there.percent and said.scale is not None):
        return False
    if said.readings & there.readings and _scales_agree(said, there, declared):
        return True
    if said.scale is None and there.scale is not None:
        return any(value.scaleb(there.scale) in said.readings for value in there.readings)
    if said.scale is None and not rounds:
        return False
    return any(
        _rounded(ours, said, value, shift)
        for ours in said.readings
        for value in there.readings
        for shift in _shifts(there, declared)
    )


def _scales_agree(said: Number, there: Number, declared: frozenset[int]) -> bool:
    """1,577 million is 1,577 in a table of millions, and no 1,577 million in a table of thousands."""
    if said.scale is None or said.scale == there.scale:
        return True
    return there.scale is None and (not declared or said.scale in declared)


def _shifts(there: Number, declared: frozenset[int]) -> Iterable[int]:
    """Powers of ten that a number on a page may be multiplied by."""
    if there.scale is not None:
        return (there.scale,)
    return (0, *declared) if declared else (0, 3, 6, 9)


def _rounded(ours: Decimal, said: Number, value: Decimal, shift: int) -> bool:
    """Whether `ours` is the other value, said at another scale and rounded to the places it shows."""
    scaled = value.scaleb(shift - (said.scale or 0))
    digits = len(str(int(ours.scaleb(said.places))).rstrip("0" if not said.places else ""))
    if scaled == ours or digits < _LEAST_DIGITS:
        return scaled == ours
    zeros = 0 if said.places else max(int(ours.normalize().as_tuple().exponent), 0)
    return abs(scaled - ours) <= Decimal("0.5").scaleb(zeros - said.places)


def _numbers(text: str) -> Iterator[Number]:
    for match in _NUMBER.finditer(text):
        digits = match["digits"]
        scale = _SCALES.get((match["scale"] or "").lower())
        readings = frozenset(_readings(digits, scaled=scale is not None))
        if readings:
            yield Number(
                match.group(), readings, _places(digits), scale, bool(match["percent"]), *match.span()
            )


def _readings(digits: str, *, scaled: bool) -> Iterator[Decimal]:
    """1,234 is a thousand and 1,23 is not; 1.234 may be either, but 1.234 billion is a bit over one."""
    plain = re.sub(r"['\u2019\u00a0\u202f]", "", digits)
    if re.fullmatch(r"\d+(?:\.\d+)?", plain):
        yield Decimal(plain).normalize()
    if re.fullmatch(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?", plain):
        yield Decimal(plain.replace(",", "")).normalize()
    elif re.fullmatch(r"\d+,\d+", plain):
        yield Decimal(plain.replace(",", ".")).normalize()
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", plain) and not (scaled and plain.count(".") == 1):
        yield Decimal(plain.replace(".", "").replace(",", ".")).normalize()


def _places(digits: str) -> int:
    match = re.search(r"[.,](\d+)$", digits)
    return len(match[1]) if match and (len(match[1]) != 3 or match.group()[0] == ".") else 0


def _dates(text: str) -> Iterator[tuple[frozenset[date], int, int]]:
    found: dict[tuple[int, int], set[date]] = {}
    for pattern in _DATES:
        for match in pattern.finditer(text):
            day = _day(match["y"], match["m"], match["d"])
            if day:
                found.setdefault(match.span(), set()).add(day)
    for (start, end), days in sorted(found.items()):
        yield frozenset(days), start, end


def _day(year: str, month: str, day: str) -> date | None:
    number = int(year) + (2000 if len(year) == 2 else 0)
    try:
        return date(number, _MONTHS.get(month.lower()) or int(month), int(day))
    except ValueError:
        return None


def _month_days(text: str) -> Iterator[tuple[int, int, int, int]]:
    for match in _MONTH_DAY.finditer(text):
        month, day = match["m"] or match["m2"], match["d"] or match["d2"]
        yield _MONTHS[month.lower()], int(day), match.start(), match.end()
