"""Plain-text tables for terminals and logs; knows nothing of what the cells mean."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of equal length in aligned columns, the first row as the heading, the first column to the left.

    Characters that would steer a terminal are shown as U+FFFD: names in cells are not to be trusted.
    """
    cells = [[_printable(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(map(_aligned, row, widths, range(len(row)))).rstrip() for row in cells]
    return "\n".join([*lines[:1], "  ".join("-" * width for width in widths), *lines[1:]])


def _aligned(cell: str, width: int, column: int) -> str:
    padding = " " * (width - cell_len(cell))
    return cell + padding if column == 0 else padding + cell


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
