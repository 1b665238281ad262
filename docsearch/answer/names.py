"""Names in a statement: capitalised spans and acronyms. Pure; knows no page."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docsearch.store.analyzer import fold

_TOKEN = re.compile(r"[^\W_]+(?:[.&'\u2019-](?=[^\W_])[^\W_]+)*")
_PARTING = re.compile(r"[^\s&'’\"“”.-]|[.!?]\s")
"""What stands between two names, not between the words of one."""
_LONGEST = 6
"""More capitalised words in a row are a heading."""
_COMMON = frozenset(
    "a about according additionally all also although an and any as at based because both but by compared "
    "currently despite did do does due during each either finally first for from furthermore given he here "
    "how however i if in instead is it its january february march april may june july august september "
    "october november december monday tuesday wednesday thursday friday saturday sunday many moreover most "
    "neither no nor note of on one only or other our overall page per q1 q2 q3 q4 second several she since "
    "so some specifically such that the their then there therefore these they third this those thus to total "
    "mr mrs ms dr prof "
    "under until we what when where whereas which while who why with yes you your fy".split()
)
_JOINS = frozenset({"and", "of", "the", "for", "&", "de", "la", "van", "von", "der", "di"})


def names(text: str) -> list[tuple[str, ...]]:
    """Each name as its words, folded, in order.

    The first word of a sentence is capitalised in any case: alone it counts only when it has a capital
    inside, or when it is followed by another capitalised word.
    """
    told = (tuple(word for word in span if len(word) > 1 and word not in _COMMON) for span in _spans(text))
    return [name for name in told if name]


def _spans(text: str) -> Iterator[list[str]]:
    span: list[str] = []
    alone_first = False
    end = 0
    for position, match in enumerate(_TOKEN.finditer(text)):
        word = match.group()
        gap = text[end : match.start()]
        end = match.end()
        if span and (_PARTING.search(gap) or not (_capital(word) or fold(word) in _JOINS)):
            yield from _ended(span, alone_first)
            span = []
        if _capital(word):
            first = position == 0 or bool(re.search(r"[.!?:]\s*[\"“(]*$", gap))
            alone_first = (first and not _inner_capital(word)) if not span else False
            span.append(fold(word))
    yield from _ended(span, alone_first)


def _ended(span: list[str], alone_first: bool) -> Iterator[list[str]]:
    if 0 < len(span) <= _LONGEST and not (alone_first and len(span) == 1):
        yield span


def _capital(word: str) -> bool:
    return word[:1].isupper()


def _inner_capital(word: str) -> bool:
    return any(c.isupper() for c in word[1:])
