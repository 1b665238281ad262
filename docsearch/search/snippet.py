"""The passage of a page to show, with the words that match the query marked."""

from __future__ import annotations

import re
from collections.abc import Mapping

from docsearch.records import Snippet
from docsearch.search.passages import best_window
from docsearch.search.terms import QueryTerms
from docsearch.store.analyzer import Analyzer, Token, tokens

_WINDOW_TOKENS = 24
_LENGTH = 240
_BEFORE = 60


def make_snippet(text: str, terms: QueryTerms, analyzer: Analyzer, languages: tuple[str, ...]) -> Snippet:
    """The best passage of about 240 characters; the page's beginning when nothing matches."""
    words = list(tokens(text))
    numbers = {term: n for n, group in enumerate(terms.groups) for term in group}
    matched = {
        i: n for i, token in enumerate(words) if (n := group_of(token, numbers, analyzer, languages)) >= 0
    }
    places: dict[int, list[int]] = {}
    for position, number in matched.items():
        places.setdefault(number, []).append(position)
    weights = [max((terms.weights[t] for t in group), default=0.0) for group in terms.groups]
    score, first = best_window(places, weights, _WINDOW_TOKENS)
    start, end = _cut(text, words[first].start if score else 0)
    spans = [
        (words[i].start, words[i].end) for i in matched if start <= words[i].start and words[i].end <= end
    ]
    return _one_line(text[start:end], _merged(spans), start)


def group_of(token: Token, numbers: Mapping[str, int], analyzer: Analyzer, languages: tuple[str, ...]) -> int:
    """The number of the query group a word on a page belongs to, or -1."""
    return next((numbers[v] for v in analyzer.variants(token.word, languages) if v in numbers), -1)


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
    kept: list[str] = []
    places: list[int] = []
    for character in passage:
        places.append(len(kept))
        if character.isspace():
            if kept and kept[-1] != " ":
                kept.append(" ")
        elif character.isprintable():
            kept.append(character)
    places.append(len(kept))
    text = "".join(kept).rstrip()
    moved = ((places[start - offset], min(places[end - offset], len(text))) for start, end in spans)
    return Snippet(text, tuple((start, end) for start, end in moved if start < end))
