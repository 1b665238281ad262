"""Cuts the text of a page into what can be quoted: sentences, table rows with their cells, single lines.

Works on text alone: a cell that stands on a line of its own is put back into its row by what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

_LONG_LINE = 50
"""A line of so many characters is part of running text."""
_COLUMN = 15
"""Lines of narrow columns have this many characters at least."""
_LONGEST_SENTENCE = 320
_MOST_CELLS = 16
_SENTENCE_END = re.compile(r"[.!?][\"”’)\]]*\s+(?=[\"“(\[]?[A-Z0-9À-ÖØ-Þ])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|No|Nos|Inc|Corp|Co|Ltd|vs|v|cf|e\.g|i\.e|Fig|Sec|Art|approx|pp?|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.)\s*$"
)
_CELL = re.compile(r"(?:[^\w\n]*\d[^\n]{0,24}|[^\w\n]{1,4}|n/?[am]\.?|nil)", re.IGNORECASE)
_WORDY = re.compile(r"[^\W\d_]{4,}")


class Shape(Enum):
    """What a segment is on the page."""

    SENTENCE = "sentence"
    ROW = "row"
    """A label with the numbers that stand beside it."""
    LINE = "line"
    """A heading, a list item, a line of a form."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Part of a page's text, `text[start:end]`, and how it reads on one line."""

    text: str
    start: int
    end: int
    shape: Shape


def segments(text: str) -> list[Segment]:
    """The segments of a page in reading order; blank lines and nothing else fall between them."""
    return [segment for block in _blocks(_lines(text)) for segment in _split(text, block)]


def reads_on(above: Segment, below: Segment) -> bool:
    """Whether a line goes on with the one above it, as in narrow columns."""
    lines = above.shape is below.shape is Shape.LINE
    return lines and len(above.text) >= _COLUMN and below.text[:1].islower() and not _ends(above.text)


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    start: int
    end: int
    after_blank: bool

    @property
    def is_cell(self) -> bool:
        return len(self.text) <= 30 and bool(_CELL.fullmatch(self.text)) and not _WORDY.search(self.text)

    @property
    def is_long(self) -> bool:
        return len(self.text) >= _LONG_LINE


@dataclass(slots=True)
class _Block:
    shape: Shape
    lines: list[_Line]


def _lines(text: str) -> Iterator[_Line]:
    place, blank = 0, True
    for raw in text.splitlines(keepends=True):
        line = raw.strip()
        if line:
            start = place + raw.index(line[0])
            yield _Line(line, start, start + len(line), blank)
        blank = not line
        place += len(raw)


def _blocks(lines: Iterator[_Line]) -> Iterator[_Block]:
    """Lines that belong together: a paragraph, a row, or one line."""
    block: _Block | None = None
    for line in lines:
        if block is not None and _belongs(line, block):
            block.lines.append(line)
            block.shape = Shape.ROW if line.is_cell and block.shape is Shape.LINE else block.shape
            continue
        if block is not None:
            yield block
        block = _Block(Shape.SENTENCE if line.is_long else Shape.LINE, [line])
    if block is not None:
        yield block


def _belongs(line: _Line, block: _Block) -> bool:
    if block.shape is Shape.SENTENCE:
        last = block.lines[-1]
        goes_on = last.is_long or not _ends(last.text)
        return goes_on and not (line.after_blank or line.is_cell or last.text.endswith(":"))
    return line.is_cell and len(block.lines) <= _MOST_CELLS


def _ends(line: str) -> bool:
    return line.endswith((".", "!", "?", ":", ";"))


def _split(text: str, block: _Block) -> Iterator[Segment]:
    first, last = block.lines[0].start, block.lines[-1].end
    if block.shape is not Shape.SENTENCE:
        yield Segment(" ".join(line.text for line in block.lines), first, last, block.shape)
        return
    for start, end in _sentences(text, first, last):
        yield Segment(" ".join(text[start:end].split()), start, end, Shape.SENTENCE)


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Spans of sentences; one that is too long is cut where a line ends."""
    for match in _SENTENCE_END.finditer(text, start, end):
        if not _ABBREVIATION.search(text, start, match.end()):
            yield from _pieces(text, start, match.start() + len(match.group().rstrip()))
            start = match.end()
    if start < end:
        yield from _pieces(text, start, end)


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > _LONGEST_SENTENCE:
        cut = max(
            text.rfind(mark, start + _LONGEST_SENTENCE // 2, start + _LONGEST_SENTENCE) for mark in "\n ;"
        )
        cut = cut if cut > 0 else start + _LONGEST_SENTENCE
        yield start, cut
        start = cut + (text[cut].isspace() if cut < end else 0)
    yield start, end
