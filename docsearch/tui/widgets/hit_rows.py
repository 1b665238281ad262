"""What a row of the list of hits says. Pure."""

from __future__ import annotations

from pathlib import Path

from textual.content import Content

from docsearch.records import Hit, TextSource
from docsearch.tui.groups import Row, RowKind
from docsearch.tui.text import MUTED, counted, first_lines, highlighted, literal, short_path

FAINT = "$foreground 45%"
INDENT = 3


def row_lines(row: Row, width: int, home: Path | None = None, right: bool | None = None) -> list[Content]:
    """The lines of a row, as many as it is high; `right` is what the user called the hit."""
    if row.kind is RowKind.HEAD:
        return head_lines(row.hit, width, row.height, home, right)
    if row.kind is RowKind.PAGE:
        return [page_line(row.hit, width, right)]
    return [fold_line(row.folded)]


def head_lines(
    hit: Hit, width: int, height: int, home: Path | None = None, right: bool | None = None
) -> list[Content]:
    """Title and place, path and date, the snippet with its matches marked."""
    place = f"page {hit.page.page} of {hit.pages}"
    day = hit.modified.isoformat()
    extras = _extras(hit)
    path = short_path(hit.path, width - len(day) - len(extras) - 2, home)
    return [
        apart(
            Content.assemble(_mark(right), literal(hit.title, "bold")), literal(place, "$text-accent"), width
        ),
        apart(literal(path + extras, MUTED), literal(day, FAINT), width),
        *first_lines(highlighted(hit.snippet.text, hit.snippet.spans), width, height - 2),
    ]


def page_line(hit: Hit, width: int, right: bool | None = None) -> Content:
    """Page number and the beginning of the snippet."""
    mark = _mark(right)
    number = f"{'':{INDENT - mark.cell_length}}p. {hit.page.page:<5} "
    room = max(width - len(number) - mark.cell_length, 1)
    snippet = highlighted(hit.snippet.text, hit.snippet.spans)
    return Content.assemble(mark, (number, "$text-accent"), _around_match(snippet, hit, room))


def fold_line(folded: int) -> Content:
    """What unfolding would show, or that it can be undone."""
    text = f"{'':{INDENT}}▸ {counted(folded, 'more page')}" if folded > 0 else f"{'':{INDENT}}▾ fewer pages"
    return literal(text, FAINT)


def _mark(right: bool | None) -> Content:
    """What the user called a hit; nothing when it is neither right nor wrong."""
    if right is None:
        return Content("")
    return Content.styled("✓ ", "bold $text-success") if right else Content.styled("✗ ", "bold $text-error")


def apart(left: Content, right: Content, width: int) -> Content:
    """One at each end of a line; the left one is cut where they would meet."""
    room = max(width - right.cell_length - 1, 1)
    left = left.truncate(room, ellipsis=True)
    return Content.assemble(left, " " * (room - left.cell_length + 1), right)


def _extras(hit: Hit) -> str:
    copies = f" +{counted(len(hit.copies), 'copy')}" if hit.copies else ""
    return copies + (" · scan" if hit.source is TextSource.OCR else "")


def _around_match(snippet: Content, hit: Hit, room: int) -> Content:
    """One line of a snippet that shows its first match."""
    start = hit.snippet.spans[0][0] if hit.snippet.spans else 0
    if start > room // 2:
        cut = hit.snippet.text.find(" ", max(start - room // 3, 0)) + 1
        snippet = Content.assemble(("… ", FAINT), snippet[cut:])
    return snippet.truncate(room, ellipsis=True)
