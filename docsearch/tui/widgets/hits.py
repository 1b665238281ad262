"""The list of hits, pages of one document together. Draws only the lines that can be seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from docsearch.tui.groups import Folding, Group, Row, RowKind, grouped, keep_in_place, listed
from docsearch.tui.widgets.hit_rows import row_lines

if TYPE_CHECKING:
    from rich.style import Style as RichStyle
    from textual.content import Content

    from docsearch.records import Hit, PageId

HEAD_LINES, LOW_HEAD_LINES = 4, 3
LOW = 22
"""Lists of fewer lines than this show one line of each snippet."""
THUMBNAIL = Size(6, HEAD_LINES)
"""Cells of a page's small picture."""
ROOM_FOR_THUMBNAILS = 52
MIN_WIDTH = 20


class HitList(ScrollView, can_focus=True):
    """Hits to choose from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", show=False),
        Binding("up,k", "move(-1)", "Previous result", show=False),
        Binding("down,j", "move(1)", "Next result", show=False),
        Binding("home,g", "first", "First result", show=False),
        Binding("end,G", "last", "Last result", show=False),
        Binding("space,right,left", "fold", "Unfold or fold the pages of a document", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"hits--row", "hits--chosen", "hits--hover", "hits--mark"}

    @dataclass
    class Highlighted(Message):
        """Another hit is under the cursor; None when there are none."""

        hit: Hit | None

    class Opened(Message):
        """The hit under the cursor was asked for."""

    class Scrolled(Message):
        """Other rows can be seen."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.groups: list[Group] = []
        self.rows: list[Row] = []
        self.cursor: int | None = None
        """The row that is chosen."""
        self.moved = False
        """Whether the user has chosen it."""
        self.thumbnails: dict[PageId, list[Strip]] = {}
        self.with_thumbnails = True
        self.verdicts: dict[PageId, bool] = {}
        """Hits that the user has called right or wrong."""
        self._unfolded: frozenset[int] = frozenset()
        self._hover: int | None = None
        self._drawn: dict[tuple[int, bool, bool], list[Strip]] = {}
        self._named: dict[str, Style] = {}
        self._rich: dict[Style, RichStyle] = {}
        self._home = Path.home()

    # -- what is listed --------------------------------------------------------------------------

    @property
    def hits(self) -> list[Hit]:
        """All hits, as they are listed."""
        return [hit for group in self.groups for hit in group.hits]

    @property
    def hit(self) -> Hit | None:
        """The hit under the cursor."""
        return self.rows[self.cursor].hit if self.cursor is not None else None

    def show(self, hits: Sequence[Hit], *, keep_cursor: bool = False) -> None:
        """Lists other hits; with `keep_cursor`, what the user has chosen stays where it is on the screen."""
        new = grouped(hits)
        if keep_cursor and self.moved and self.cursor is not None:
            self._show_around(new, self.rows[self.cursor].hit)
        else:
            self.moved = False
            self._unfolded = frozenset()
            if not keep_cursor:
                self.verdicts.clear()
            self._fill(new)
            self.cursor = 0 if self.rows else None
            self.scroll_to(y=0, animate=False, immediate=True)
        self._tell()

    def _show_around(self, new: list[Group], chosen: Hit) -> None:
        kept = next(group for group in self.groups if group.document == chosen.page.doc)
        top = next(row.top for row in self.rows if row.hit.page.doc == chosen.page.doc)
        groups, further = keep_in_place(new, kept, top, self._folding(new))
        offset = self.scroll_offset.y
        self._fill(groups)
        self.cursor = self._row_of(chosen)
        self.scroll_to(y=offset + further, animate=False, immediate=True)

    def _fill(self, groups: list[Group]) -> None:
        self.groups = groups
        self.rows = listed(groups, self._folding(groups))
        self._hover = None
        self._drawn.clear()
        self._grow_to(self.rows[-1].top + self.rows[-1].height if self.rows else 0)
        self.refresh()

    def _grow_to(self, height: int) -> None:
        """The list is so many lines long; its scroll bar has its column always: nothing is laid out anew."""
        self.set_reactive(HitList.virtual_size, Size(self._width, height))
        self.vertical_scrollbar.window_virtual_size = height

    def _row_of(self, hit: Hit) -> int:
        """The row that stands for a hit; that of its document when it is folded away."""
        of_document = [n for n, row in enumerate(self.rows) if row.hit.page.doc == hit.page.doc]
        return next((n for n in of_document if self.rows[n].hit.page == hit.page), of_document[0])

    def put_thumbnail(self, page: PageId, picture: list[Strip]) -> None:
        """Shows a small picture, drawn in `THUMBNAIL` cells."""
        self.thumbnails[page] = picture
        for number, row in enumerate(self.rows):
            if row.hit.page == page and row.kind is RowKind.HEAD:
                self._redraw(number)

    def wanted_thumbnails(self) -> list[Hit]:
        """Hits that can be seen and have no small picture yet."""
        if not self._has_thumbnails:
            return []
        top, bottom = self.scroll_offset.y, self.scroll_offset.y + self.size.height
        seen = (row for row in self.rows if row.kind is RowKind.HEAD and top - 3 <= row.top < bottom)
        return [row.hit for row in seen if row.hit.page not in self.thumbnails]

    def judge(self, page: PageId, right: bool | None) -> None:
        """Marks a hit as right or wrong, or as neither."""
        self.verdicts.pop(page, None)
        if right is not None:
            self.verdicts[page] = right
        for number, row in enumerate(self.rows):
            if row.hit.page == page:
                self._redraw(number)

    @property
    def on_screen(self) -> list[Hit]:
        """The hits that can be seen now."""
        top, bottom = self.scroll_offset.y, self.scroll_offset.y + self.size.height
        return [row.hit for row in self.rows if row.kind is not RowKind.FOLD and top <= row.top < bottom]

    # -- the cursor ------------------------------------------------------------------------------

    def move(self, rows: int) -> None:
        """Moves the cursor as the user asked, not beyond the ends."""
        stops = [number for number, row in enumerate(self.rows) if row.kind is not RowKind.FOLD]
        if stops and self.cursor is not None:
            here = stops.index(self.cursor)
            self._choose(stops[min(max(here + rows, 0), len(stops) - 1)])

    def _choose(self, row: int) -> None:
        self.moved = True
        old, self.cursor = self.cursor, row
        for changed in {old, row} - {None}:
            self._redraw(changed)  # type: ignore[arg-type]
        chosen = self.rows[row]
        group_end = chosen.top + chosen.height + 1
        self.scroll_to_region(
            Region(0, chosen.top, 1, group_end - chosen.top), animate=False, force=True, immediate=True
        )
        if old != row:
            self._tell()

    def action_move(self, rows: int) -> None:
        """Next or previous row."""
        self.move(rows)

    def action_first(self) -> None:
        """First row."""
        self.move(-len(self.rows))

    def action_last(self) -> None:
        """Last row."""
        self.move(len(self.rows))

    def action_fold(self) -> None:
        """Shows all pages of the document under the cursor, or only the best."""
        hit = self.hit
        if hit is None:
            return
        self._unfolded ^= {hit.page.doc}
        offset = self.scroll_offset.y
        self._fill(self.groups)
        self.scroll_to(y=offset, animate=False, immediate=True)
        row = self._row_of(hit)
        self.cursor = row
        self._choose(row)
        self._tell()

    def action_open(self) -> None:
        """Asks for the hit under the cursor."""
        if self.hit is not None:
            self.post_message(self.Opened())

    def _tell(self) -> None:
        self.post_message(self.Highlighted(self.hit))

    # -- the mouse -------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """A click chooses a row, a double click opens it; one on a fold unfolds."""
        row = self._row_at(event.y)
        if row is None:
            return
        if self.rows[row].kind is RowKind.FOLD:
            self._choose(self._row_of(self.rows[row].hit))
            self.action_fold()
            return
        self._choose(row)
        if event.chain == 2:
            self.action_open()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Marks the row under the mouse."""
        self._hover_over(self._row_at(event.y))

    def on_leave(self) -> None:
        """No row is under the mouse."""
        self._hover_over(None)

    def _hover_over(self, row: int | None) -> None:
        if row != self._hover:
            old, self._hover = self._hover, row
            for changed in {old, row} - {None}:
                self._redraw(changed)  # type: ignore[arg-type]

    def _row_at(self, y: int) -> int | None:
        line = y + self.scroll_offset.y
        return next((n for n, row in enumerate(self.rows) if row.top <= line < row.top + row.height), None)

    # -- drawing ---------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Lines are as long as the list is wide, and snippets as high as there is room."""
        hit, offset = self.hit, self.scroll_offset.y
        self._fill(self.groups)
        if hit is not None:
            self.cursor = self._row_of(hit)
            self.scroll_to(y=offset, animate=False, immediate=True)

    def notify_style_update(self) -> None:
        """Other colours."""
        self._drawn.clear()
        self._named.clear()
        self._rich.clear()
        super().notify_style_update()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tells that other rows can be seen."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.Scrolled())

    def render_line(self, y: int) -> Strip:
        """One line of the list."""
        line = y + self.scroll_offset.y
        number = self._row_at(y)
        base = self.get_visual_style("hits--row")
        if number is None:
            return Strip.blank(self.size.width, base.rich_style)
        return self._strips(number)[line - self.rows[number].top]

    def _strips(self, number: int) -> list[Strip]:
        key = (number, number == self.cursor, number == self._hover)
        if key not in self._drawn:
            self._drawn[key] = self._draw(self.rows[number], chosen=key[1], hover=key[2])
        return self._drawn[key]

    def _draw(self, row: Row, *, chosen: bool, hover: bool) -> list[Strip]:
        style = self.get_visual_style("hits--row", *_states(chosen, hover))
        pictured = self._has_thumbnails
        left = 2 + (THUMBNAIL.width + 2 if pictured else 0)
        width = max(self._width - left - 1, MIN_WIDTH)
        mark = self.get_visual_style("hits--row", "hits--mark") if chosen else style
        edge = Segment("▌ " if chosen else "  ", (style + mark).rich_style if chosen else style.rich_style)
        lines = [
            self._strip(content, style).adjust_cell_length(width, style.rich_style)
            for content in row_lines(row, width, self._home, self.verdicts.get(row.hit.page))
        ]
        thumbnails = self._thumbnail(row, style) if pictured else [Strip([])] * row.height
        end = Segment(" ", style.rich_style)
        return [
            Strip([edge, *thumbnail, *line, end]).adjust_cell_length(self.size.width, style.rich_style)
            for thumbnail, line in zip(thumbnails, lines, strict=True)
        ]

    def _strip(self, content: Content, style: Style) -> Strip:
        """One line; the few styles that lines have are worked out once."""
        segments = []
        for text, part in content.render(style, "", self._parsed):
            rich = self._rich.get(part)
            if rich is None:
                rich = self._rich[part] = part.rich_style
            segments.append(Segment(text, rich))
        return Strip(segments)

    def _parsed(self, style: str | Style) -> Style:
        """A style that a line names."""
        if not isinstance(style, str):
            return style
        if style not in self._named:
            self._named[style] = Style.parse(style, self.app.theme_variables)
        return self._named[style]

    def _thumbnail(self, row: Row, style: Style) -> Iterable[Iterable[Segment]]:
        """The lines of a row's small picture: an empty sheet as long as it is not there."""
        gap = Segment("  ", style.rich_style)
        blank = Segment(" " * THUMBNAIL.width, style.rich_style)
        picture = self.thumbnails.get(row.hit.page, []) if row.kind is RowKind.HEAD else []
        lines = [
            [*(Segment(text, inked or style.rich_style) for text, inked, _ in strip), gap]
            for strip in picture[: row.height]
        ]
        return lines + [[blank, gap]] * (row.height - len(lines))

    def _redraw(self, number: int) -> None:
        for key in [key for key in self._drawn if key[0] == number]:
            del self._drawn[key]
        row = self.rows[number]
        self.refresh(Region(0, row.top - self.scroll_offset.y, self.size.width, row.height))

    @property
    def _has_thumbnails(self) -> bool:
        return self.with_thumbnails and self._width >= ROOM_FOR_THUMBNAILS

    def _folding(self, groups: Sequence[Group]) -> Folding:
        lines = self.size.height
        head = LOW_HEAD_LINES if lines < LOW else HEAD_LINES
        return Folding.filling(lines, len(groups), head, self._unfolded)

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width


def _states(chosen: bool, hover: bool) -> list[str]:
    return ["hits--chosen"] if chosen else ["hits--hover"] if hover else []
