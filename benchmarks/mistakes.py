"""Wrong statements: what a page says with something changed, or with another page named."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.said import DATE, MONTHS, NAME, NUMBER, Make, Pages, cited, is_year, row, sentence


def _wrong_page(pages: Pages, chance: random.Random, *, same: bool) -> str | None:
    found = sentence(pages, chance)
    if found is None:
        return None
    source = pages[found[0]]
    others = [
        number
        for number, page in pages.items()
        if number != found[0]
        and (page.document == source.document) is same
        and not _says(page.text, found[1])
    ]
    return cited(found[1], chance.choice(others)) if others else None


def _says(text: str, sentence: str) -> bool:
    """Whether a page says much the same: half of the sentence's runs of four words stand on it."""
    words = re.findall(r"\w+", sentence.lower())
    page = " ".join(re.findall(r"\w+", text.lower()))
    runs = [" ".join(words[i : i + 4]) for i in range(len(words) - 3)]
    return not runs or sum(run in page for run in runs) >= len(runs) / 2


def _no_such_source(pages: Pages, chance: random.Random) -> str | None:
    found = sentence(pages, chance)
    return found and cited(found[1], chance.randint(len(pages) + 1, 12))


def _without_source(pages: Pages, chance: random.Random) -> str | None:
    found = sentence(pages, chance)
    return found and found[1]


def _changed_digit(pages: Pages, chance: random.Random) -> str | None:
    found = sentence(pages, chance, re.compile(r"\d{2}"))
    if found is None:
        return None
    numbers = [m for m in NUMBER.finditer(found[1]) if len(m.group()) >= 2]
    if not numbers:
        return None
    match = chance.choice(numbers)
    place = chance.choice([i for i, c in enumerate(match.group()) if c.isdigit() and i > 0])
    other = chance.choice([d for d in "0123456789" if d != match.group()[place]])
    changed = match.group()[:place] + other + match.group()[place + 1 :]
    if changed.replace(",", "") in pages[found[0]].text.replace(",", ""):
        return None
    return cited(found[1][: match.start()] + changed + found[1][match.end() :], found[0])


def _number_of_the_page(pages: Pages, chance: random.Random) -> str | None:
    """A number that stands elsewhere on the page, more than 400 characters away."""
    found = sentence(pages, chance, re.compile(r"\d{2}"))
    if found is None:
        return None
    text = pages[found[0]].text
    numbers = [m for m in NUMBER.finditer(found[1]) if len(m.group()) >= 2 and not is_year(m.group())]
    at = text.find(" ".join(found[1].split()[:2]))
    others = [
        m.group()
        for m in NUMBER.finditer(text)
        if abs(m.start() - at) > 400 and len(m.group()) >= 3 and not is_year(m.group())
    ]
    others = [other for other in others if text.count(other) == 1 and other not in found[1]]
    if not numbers or not others or at < 0:
        return None
    match = chance.choice(numbers)
    return cited(found[1][: match.start()] + chance.choice(others) + found[1][match.end() :], found[0])


def _wrong_row(pages: Pages, chance: random.Random) -> str | None:
    """The number of another row of the same table."""
    first, second = row(pages, chance), row(pages, chance)
    if first is None or second is None or first[0] != second[0] or first[1] == second[1]:
        return None
    text = pages[first[0]].text
    if text.count(second[2]) > 1 or len(second[2]) < 3 or is_year(second[2]):
        return None
    return cited(f"{first[1]} was {second[2]}", first[0])


def _wrong_scale(pages: Pages, chance: random.Random) -> str | None:
    wanted = re.compile(r"\d (million|billion)\b")
    found = sentence(pages, chance, wanted)
    if found is None:
        return None
    other = {"million": "billion", "billion": "million"}
    return cited(re.sub(r"(?<=\d )(million|billion)\b", lambda m: other[m[1]], found[1], count=1), found[0])


def _wrong_year(pages: Pages, chance: random.Random) -> str | None:
    found = sentence(pages, chance, re.compile(r"\b(19|20)\d\d\b"))
    if found is None:
        return None
    match = chance.choice(list(re.finditer(r"\b(?:19|20)\d\d\b", found[1])))
    other = str(int(match.group()) + chance.choice((-7, -6, -5, 4, 5, 6)))
    if other in pages[found[0]].text:
        return None
    return cited(found[1][: match.start()] + other + found[1][match.end() :], found[0])


def _wrong_date(pages: Pages, chance: random.Random) -> str | None:
    found = sentence(pages, chance, DATE)
    if found is None:
        return None
    match = next(DATE.finditer(found[1]))
    other = f"{chance.choice([m for m in MONTHS if m != match[1]])} {match[2]}, {match[3]}"
    if other in pages[found[0]].text:
        return None
    return cited(found[1].replace(match.group(), other), found[0])


def _wrong_name(pages: Pages, chance: random.Random) -> str | None:
    """A name of another page in the place of this one's."""
    found = sentence(pages, chance, NAME)
    if found is None:
        return None
    here = f"{pages[found[0]].text} {pages[found[0]].about}".lower()
    others = [
        name
        for number, page in pages.items()
        if number != found[0]
        for name in NAME.findall(page.text)
        if not any(word.lower() in here for word in name.split())
    ]
    match = NAME.search(found[1])
    if not others or match is None:
        return None
    return cited(found[1].replace(match.group(), chance.choice(others)), found[0])


WRONG: Mapping[str, Make] = MappingProxyType(
    {
        "other page, same document": lambda pages, chance: _wrong_page(pages, chance, same=True),
        "other document": lambda pages, chance: _wrong_page(pages, chance, same=False),
        "no such page": _no_such_source,
        "no page named": _without_source,
        "changed digit": _changed_digit,
        "number from elsewhere on the page": _number_of_the_page,
        "number of another row": _wrong_row,
        "wrong scale": _wrong_scale,
        "wrong year": _wrong_year,
        "wrong date": _wrong_date,
        "wrong name": _wrong_name,
    }
)
