"""The passage of a page to show, with the words that match the query marked."""

from __future__ import annotations

import re

from docsearch.records import Snippet
from docsearch.search.matching import TermMatcher
from docsearch.search.passages import best_window

_LENGTH = 240
_BEFORE = 60
_WINDOW = _LENGTH - _BEFORE
_SPACES = re.compile(r"\s+")


def make_snippet(text: str, matcher: TermMatcher) -> Snippet:
    """The best passage of about 240 characters; the page's beginning when nothing matches."""
    places: dict[int, list[int]] = {}
    found: list[tuple[int, int]] = []
    for group, start, end in matcher.matches(text):
        places.setdefault(group, []).append(start)
        found.append((start, end))
    _, anchor = best_window(places, matcher.weights, _WINDOW)
    start, end = _cut(text, anchor)
    spans = [span for span in found if start <= span[0] and span[1] <= end]
    return _one_line(text[start:end], _merged(spans), start)


def _cut(text: str, anchor: int) -> tuple[int, int]:
    """Start and end of the passage around `anchor`, at word borders."""
    start = max(0, anchor - _BEFORE)
    if start:
        border = re.compile(r"\s").search(text, start, anchor)
        start = border.end() if border else start
    end = min(len(text), start + _LENGTH)
    if end < len(text):
        border_at = max(
            text.rfind(" ", start + _LENGTH // 2, end), text.rfind("\n", start + _LENGTH // 2, end)
        )
        end = border_at if border_at > 0 else end
    return start, end


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _one_line(passage: str, spans: list[tuple[int, int]], offset: int) -> Snippet:
    """White space folded and control characters dropped, with the spans moved along."""
    text, moved, read = "", [], 0
    for start, end in spans:
        text += _printable(passage[read : start - offset], text)
        first = len(text)
        text += _printable(passage[start - offset : end - offset], text)
        moved.append((first, len(text)))
        read = end - offset
    text = (text + _printable(passage[read:], text)).rstrip()
    kept = ((start, min(end, len(text))) for start, end in moved)
    return Snippet(text, tuple((start, end) for start, end in kept if start < end))


def _printable(piece: str, before: str) -> str:
    """A piece on one line, as it goes on after what stands before it."""
    line = _SPACES.sub(" ", piece)
    if not line.isprintable():
        line = _SPACES.sub(" ", "".join(filter(str.isprintable, line)))
    return line.lstrip(" ") if not before or before[-1] == " " else line
