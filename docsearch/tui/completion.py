"""Completes the query language: filters by name, their values, and past queries. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FILTERS = ("in:", "type:", "after:", "before:", "title:")
MOST = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """What a word of the query can become, and the whole line when it does."""

    label: str
    line: str
    cursor: int


def choices(line: str, cursor: int, values: Mapping[str, Sequence[str]]) -> list[Choice]:
    """What the word before the cursor may be completed to, likeliest first; nothing for plain words."""
    start = _word_start(line, cursor)
    word, after = line[start:cursor], line[cursor:]
    if after[:1].strip():
        return []
    name, colon, typed = word.partition(":")
    if not colon:
        names = [f for f in FILTERS if len(word) > 1 and f.startswith(word.lower())]
        return [_choice(line[:start], name, after) for name in names]
    known = _matching(values.get(name.lower(), ()), typed.strip('"'))
    return [_choice(line[:start], f"{name}:{_quoted(value)} ", after.lstrip()) for value in known]


def _word_start(line: str, cursor: int) -> int:
    """Where the word at the cursor begins; blanks in quotes belong to a word."""
    start, quoted = 0, False
    for place, character in enumerate(line[:cursor]):
        if character == '"':
            quoted = not quoted
        elif character.isspace() and not quoted:
            start = place + 1
    return start


def _matching(values: Sequence[str], typed: str) -> list[str]:
    """Values that begin as typed, then those that hold it; none when it is whole already."""
    wanted = typed.casefold()
    if any(value.casefold() == wanted for value in values):
        return []
    beginning = [value for value in values if value.casefold().startswith(wanted)]
    holding = [value for value in values if wanted in value.casefold() and value not in beginning]
    return [*beginning, *holding][:MOST]


def _choice(before: str, word: str, after: str) -> Choice:
    return Choice(word.strip(), before + word + after, len(before + word))


def _quoted(value: str) -> str:
    return f'"{value}"' if any(character.isspace() for character in value) else value
