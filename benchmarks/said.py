"""What pages say: sentences and rows of tables to make statements of."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from docsearch.answer.segments import Segment, Shape, segments

NUMBER = re.compile(r"(?<![\w.,-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w-]|[.,]\d)")
DATE = re.compile(
    r"\b(January|February|March|April|May|June|July|August|September|October|November|December) "
    r"(\d{1,2}), (\d{4})\b"
)
MONTHS = "January February March April May June July August September October November December".split()
_LABEL = r"([A-Z][A-Za-z ,'&/-]{8,60}?)" + "".join(f"(?<!{month})" for month in MONTHS)
_ROW = re.compile(_LABEL + r"[:\s]+\$? ?(\d+(?:,\d{3})*(?:\.\d+)?)(?: .*)?")
NAME = re.compile(r"(?<=[a-z,] )(?:[A-Z][a-z]{3,}(?: [A-Z][a-z]{2,})+)(?= [a-z])")


@dataclass(frozen=True, slots=True)
class GivenPage:
    """A page that answers may cite: its document, its text, and what is known about the document."""

    document: str
    page: int
    text: str
    about: str = ""
    recognised: bool = False
    """Whether the text was read in a picture."""


Pages = Mapping[int, GivenPage]
"""Pages by the numbers that markers name them with."""
Make = Callable[[Pages, random.Random], str | None]
"""Makes a statement over pages; None when these pages are not made for it."""


@lru_cache(maxsize=4096)
def _parts(text: str) -> list[Segment]:
    return segments(text)


def sentence(
    pages: Pages, chance: random.Random, wanted: re.Pattern[str] | None = None
) -> tuple[int, str] | None:
    """A sentence of one of the pages, with what is wanted in it."""
    number = chance.choice(list(pages))
    found = [
        part.text
        for part in _parts(pages[number].text)
        if part.shape is Shape.SENTENCE
        and 8 <= len(part.text.split()) <= 45
        and part.text[:1].isupper()
        and part.text.rstrip().endswith(".")
        and (wanted is None or wanted.search(part.text))
    ]
    return (number, chance.choice(found)) if found else None


def row(pages: Pages, chance: random.Random) -> tuple[int, str, str] | None:
    """A row of a table as its label and its first number."""
    number = chance.choice(list(pages))
    matches = (_ROW.fullmatch(part.text) for part in _parts(pages[number].text) if part.shape is Shape.ROW)
    rows = [(number, match[1].strip(), match[2]) for match in matches if match and " " in match[1].strip()]
    return chance.choice(rows) if rows else None


def cited(text: str, number: int) -> str:
    """The text as a sentence that names a page."""
    return f"{text.rstrip().rstrip('.')} [{number}]."


def is_year(number: str) -> bool:
    """Whether a number reads as a year."""
    return bool(re.fullmatch(r"(?:19|20)\d\d", number))
