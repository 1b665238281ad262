"""Right statements: what a page says, said anew in many ways."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.said import DATE, MONTHS, Make, Pages, cited, row, sentence

_SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "increased": "rose",
        "increase": "rise",
        "decreased": "fell",
        "decrease": "decline",
        "company": "firm",
        "primarily": "mainly",
        "approximately": "about",
        "purchase": "buy",
        "obtain": "get",
        "require": "need",
        "required": "needed",
        "provide": "give",
        "provides": "gives",
        "provided": "gave",
        "during": "in",
        "additional": "further",
        "however": "but",
        "certain": "some",
        "large": "big",
        "begin": "start",
        "shows": "displays",
        "show": "display",
        "use": "employ",
        "used": "employed",
        "using": "with",
        "ensure": "make sure",
        "children": "kids",
        "assist": "help",
        "may": "can",
        "also": "too",
        "people": "persons",
        "respectively": "in this order",
        "nearly": "almost",
        "including": "among them",
        "results": "outcomes",
        "method": "approach",
        "percent": "per cent",
        "total": "overall",
    }
)
_DROPPED = frozenset(
    "the a an of that which also such our its their this these those very more other certain "
    "generally currently further".split()
)
_OPENINGS = ("According to the page, ", "The page says that ", "It is stated that ", "", "", "In short, ")


def _verbatim(pages: Pages, chance: random.Random) -> str | None:
    found = sentence(pages, chance)
    return found and cited(found[1], found[0])


def _other_format(pages: Pages, chance: random.Random) -> str | None:
    """Numbers without separators, percent as a word, millions where there are six zeros."""
    found = sentence(pages, chance, re.compile(r"\d,\d{3}|\d%|\d,000,000"))
    if found is None:
        return None
    text = re.sub(r"(\d{1,3}),000,000\b", r"\1 million", found[1])
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    return cited(text.replace("%", " percent"), found[0])


def _other_scale(pages: Pages, chance: random.Random) -> str | None:
    """$1,577 million as $1.577 billion, or rounded to one place."""
    wanted = re.compile(r"\$(\d,\d{3}) million")
    found = sentence(pages, chance, wanted)
    if found is None:
        return None
    places = chance.choice((1, 2, 3))
    text = wanted.sub(lambda m: f"${int(m[1].replace(',', '')) / 1000:.{places}f} billion", found[1])
    return cited(text, found[0])


def _other_date(pages: Pages, chance: random.Random) -> str | None:
    found = sentence(pages, chance, DATE)
    if found is None:
        return None
    form = chance.choice(("{d} {m} {y}", "{y}-{n:02}-{d:02}", "{m} {d} {y}"))
    text = DATE.sub(lambda m: form.format(m=m[1], n=MONTHS.index(m[1]) + 1, d=int(m[2]), y=m[3]), found[1])
    return cited(text, found[0])


def _reworded(pages: Pages, chance: random.Random) -> str | None:
    """Little words dropped, others replaced, an opening put before it."""
    found = sentence(pages, chance)
    if found is None:
        return None
    words = []
    for word in found[1].rstrip(".").split():
        plain = word.lower().strip(",;")
        if plain in _DROPPED and chance.random() < 0.6:
            continue
        words.append(_SYNONYMS.get(plain, word) if word == plain else word)
    opening = chance.choice(_OPENINGS)
    text = " ".join(words)
    starts_plain = opening and not re.match(r"[A-Z][a-z]* [A-Z]|[A-Z]{2}", text)
    return cited(opening + (text[:1].lower() + text[1:] if starts_plain else text), found[0])


def _shortened(pages: Pages, chance: random.Random) -> str | None:
    """The first part of a longer sentence."""
    found = sentence(pages, chance, re.compile(r"(?:\S+ ){9,}\S+[,;] "))
    if found is None:
        return None
    kept = re.match(r"(?:\S+ ){8,}?\S+(?=[,;] )", found[1])
    return cited(kept.group(), found[0]) if kept else None


def _two_pages(pages: Pages, chance: random.Random) -> str | None:
    first, second = sentence(pages, chance), sentence(pages, chance)
    if first is None or second is None or first[0] == second[0]:
        return None
    left, right = first[1].rstrip("."), second[1].rstrip(".")
    return f"{left}, while {right} [{first[0]}][{second[0]}]."


def _of_a_row(pages: Pages, chance: random.Random) -> str | None:
    found = row(pages, chance)
    if found is None:
        return None
    number, label, value = found
    form = chance.choice(("{0} was {1}", "The value of {0} is {1}", "{0}: {1}", "{1} is given for {0}"))
    return cited(form.format(label, value), number)


RIGHT: Mapping[str, Make] = MappingProxyType(
    {
        "verbatim": _verbatim,
        "other number format": _other_format,
        "other scale": _other_scale,
        "other date format": _other_date,
        "reworded": _reworded,
        "shortened": _shortened,
        "two pages": _two_pages,
        "table row": _of_a_row,
    }
)
