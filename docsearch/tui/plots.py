"""Small plots out of characters: what rose or fell each time, and a curve. Knows numbers, no widget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

BLOCKS = " ▁▂▃▄▅▆▇█"
LEVELS = 8
"""Heights that a cell can show."""
CANDLE_CELLS = 3
"""What a candle takes, with the space beside it."""
LABEL_CELLS = 6
MUTED = "$foreground 60%"
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a Braille character, by row and column (Unicode, U+2800)."""


@dataclass(frozen=True, slots=True)
class Candle:
    """From where to where something went, and its colour."""

    before: float
    after: float
    colour: str


def candles(shown: Sequence[Candle], columns: int, rows: int) -> list[Content]:
    """The last candles that fit, one beside the other, between the least and the largest value."""
    shown = shown[-max((columns - LABEL_CELLS) // CANDLE_CELLS, 1) :]
    values = [value for candle in shown for value in (candle.before, candle.after)]
    if not values or rows < 1:
        return []
    scale = _Scale(min(values), max(values), rows * LEVELS)
    lines = []
    for row in range(rows):
        bottom = (rows - 1 - row) * LEVELS
        cells = [_cell(scale, candle, bottom) for candle in shown]
        lines.append(Content.assemble((scale.label(row, rows), MUTED), *cells))
    return lines


def curve(points: Sequence[tuple[float, float]], columns: int, rows: int, colour: str) -> list[Content]:
    """A line through the points, four dots high and two wide a cell, with its largest and least value."""
    across = max(columns - LABEL_CELLS, 1) * 2
    if not points or rows < 1:
        return []
    scale = _Scale(min(y for _, y in points), max(y for _, y in points), rows * len(_DOTS))
    heights = [scale.level(y) for y in _sampled(points, across)]
    dots = [[0] * (across // 2) for _ in range(rows)]
    for x, height in enumerate(heights):
        last = heights[max(x - 1, 0)]
        for y in range(min(height, last + 1), max(height, last - 1) + 1):
            row, below = divmod(rows * len(_DOTS) - 1 - y, len(_DOTS))
            dots[row][x // 2] |= _DOTS[below][x % 2]
    drawn = ("".join(chr(0x2800 + cell) for cell in row) for row in dots)
    return [Content.assemble((scale.label(n, rows), MUTED), (line, colour)) for n, line in enumerate(drawn)]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Puts values between the least and the largest on so many levels."""

    least: float
    largest: float
    levels: int

    def level(self, value: float) -> int:
        span = self.largest - self.least
        return round((value - self.least) / span * (self.levels - 1)) if span > 0 else self.levels // 2

    def label(self, row: int, rows: int) -> str:
        """The largest value beside the first row, the least beside the last one."""
        value = self.largest if row == 0 else self.least if row == rows - 1 else None
        text = "" if value is None else f"{value:.3f}"[: LABEL_CELLS - 1].rstrip(".")
        return text.rjust(LABEL_CELLS - 1) + " "


def _cell(scale: _Scale, candle: Candle, bottom: int) -> Content:
    """What of a candle is in the row that begins at that level."""
    start, end = sorted((scale.level(candle.before), scale.level(candle.after)))
    low, high = max(start - bottom, 0), min(end + 1 - bottom, LEVELS)
    if high <= low:
        return _wide(" ", "")
    if low == 0:
        return _wide(BLOCKS[high], candle.colour)
    if high == LEVELS:
        return _wide(BLOCKS[low], f"{candle.colour} reverse")
    return _wide("━", candle.colour)


def _wide(block: str, style: str) -> Content:
    return Content.assemble((block * (CANDLE_CELLS - 1), style), " ")


def _sampled(points: Sequence[tuple[float, float]], count: int) -> list[float]:
    """The values at so many places from the first point to the last, on straight lines between points."""
    start, end = points[0][0], points[-1][0]
    values, index = [], 0
    for place in range(count):
        x = start + (end - start) * place / max(count - 1, 1)
        while index < len(points) - 2 and points[index + 1][0] <= x:
            index += 1
        (x0, y0), (x1, y1) = points[index], points[min(index + 1, len(points) - 1)]
        values.append(y0 + (y1 - y0) * (x - x0) / (x1 - x0) if x1 > x0 else y1)
    return values
