"""Makes answers over real pages, right ones in many wordings and wrong ones of many kinds, from a seed.

Each answer cites five pages of a library. Its statements are taken from those pages and said anew;
one of them is wrong in a way that is known. Nothing here knows how answers are checked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.mistakes import WRONG
from benchmarks.rewordings import RIGHT
from benchmarks.said import GivenPage, Pages
from docsearch.errors import UsageError

PAGES = 5
RIGHT_ONES = 3
"""Right statements in an answer, beside the wrong one."""
_LEAST_TEXT = 600
_TRIES = 60


@dataclass(frozen=True, slots=True)
class MadeStatement:
    """A statement, its kind, and whether it holds."""

    text: str
    kind: str
    right: bool


@dataclass(frozen=True, slots=True)
class MadeAnswer:
    """Statements, and the pages they may cite by number."""

    pages: Mapping[int, GivenPage]
    statements: tuple[MadeStatement, ...]


def made_answers(pool: Sequence[GivenPage], count: int, seed: int) -> list[MadeAnswer]:
    """Answers over pages of the pool. With the same seed they are the same.

    Raises UsageError when the pages do not hold what statements are made of.
    """
    chance = random.Random(seed)
    by_document: dict[str, list[GivenPage]] = {}
    for page in pool:
        if len(page.text) >= _LEAST_TEXT:
            by_document.setdefault(page.document, []).append(page)
    made: list[MadeAnswer] = []
    for _ in range(_TRIES * count):
        if len(made) == count:
            return made
        pages = _some_pages(by_document, chance)
        kind = list(WRONG)[len(made) % len(WRONG)]
        kinds = [(kind, False), *((name, True) for name in chance.sample(list(RIGHT), RIGHT_ONES))]
        statements = [_made(pages, kind, right, chance) for kind, right in kinds]
        chance.shuffle(statements)
        if None not in statements:
            whole = tuple(statement for statement in statements if statement)
            made.append(_noised(MadeAnswer(pages, whole), chance))
    raise UsageError("the documents do not hold enough sentences, names and numbers to make answers of")


def _some_pages(by_document: Mapping[str, list[GivenPage]], chance: random.Random) -> dict[int, GivenPage]:
    """Three pages of one document where it has so many, and others."""
    documents = sorted(by_document)
    many = [name for name in documents if len(by_document[name]) >= 3]
    same = chance.sample(by_document[chance.choice(many)], 3)
    others = [chance.choice(by_document[name]) for name in chance.sample(documents, PAGES - len(same))]
    pages = [*same, *others]
    chance.shuffle(pages)
    return dict(enumerate(pages, 1))


def _made(pages: Pages, kind: str, right: bool, chance: random.Random) -> MadeStatement | None:
    make = (RIGHT if right else WRONG)[kind]
    for _ in range(_TRIES):
        text = make(pages, chance)
        if text is not None:
            return MadeStatement(text, kind, right)
    return None


def _noised(answer: MadeAnswer, chance: random.Random) -> MadeAnswer:
    """One answer in five cites pages as a scanner reads them: a letter in sixty misread. Digits stay."""
    if chance.random() >= 0.2:
        return answer
    pages = {
        number: GivenPage(page.document, page.page, "".join(_misread(page.text, chance)), page.about, True)
        for number, page in answer.pages.items()
    }
    statements = tuple(
        MadeStatement(s.text, f"{s.kind}, misread page" if s.right else s.kind, s.right)
        for s in answer.statements
    )
    return MadeAnswer(pages, statements)


def _misread(text: str, chance: random.Random) -> Iterator[str]:
    for character in text:
        if character.isalpha() and chance.random() < 1 / 60:
            yield chance.choice(("l", "i", "rn", "c", "o", "", "e", "t"))
        else:
            yield character
