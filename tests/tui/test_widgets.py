"""Pictures in block characters, rows that stay, and words about progress."""

from __future__ import annotations

import pytest
from PIL import Image
from textual.geometry import Size

from docsearch.records import Failure, FailureKind, Progress
from docsearch.tui.groups import Folding, Group, RowKind, grouped, keep_in_place, listed
from docsearch.tui.indexing import IndexingState, Pace
from docsearch.tui.widgets.block_image import fitted
from docsearch.tui.widgets.blocks import draw
from docsearch.tui.widgets.hit_rows import row_lines
from docsearch.tui.widgets.status_line import duration, pace_text, progress_text
from tests.tui.fake import hit


def test_a_cell_shows_four_pixels_in_two_colours() -> None:
    picture = Image.new("RGB", (4, 2), "black")
    picture.putpixel((0, 0), (255, 255, 255))
    picture.putpixel((3, 1), (255, 0, 0))
    [strip] = draw(picture, Size(2, 1))
    assert strip.text == "▘▗"
    first, second = (segment.style for segment in strip)
    assert first is not None
    assert second is not None
    assert (first.color and first.color.triplet, first.bgcolor and first.bgcolor.triplet) == (
        (255, 255, 255),
        (0, 0, 0),
    )
    assert second.color is not None
    assert second.color.triplet == (255, 0, 0)


def test_a_plain_picture_is_all_background() -> None:
    strips = draw(Image.new("RGB", (100, 50), (16, 200, 32)), Size(5, 3))
    assert [strip.text for strip in strips] == [" " * 5] * 3
    assert {s.style.bgcolor.triplet for strip in strips for s in strip if s.style and s.style.bgcolor} == {
        (16, 200, 32)
    }


@pytest.mark.parametrize(
    ("picture", "room", "expected"),
    [
        ((600, 800), Size(100, 20), Size(30, 20)),
        ((800, 600), Size(40, 40), Size(40, 15)),
        ((1, 5000), Size(40, 40), Size(1, 40)),
        ((0, 0), Size(40, 40), Size(0, 0)),
        ((10, 10), Size(0, 5), Size(0, 0)),
    ],
)
def test_a_picture_keeps_its_proportions(picture: tuple[int, int], room: Size, expected: Size) -> None:
    size = fitted(*picture, room)
    assert size == expected
    assert size.width <= room.width
    assert size.height <= room.height


def test_pages_of_one_document_are_listed_together_and_most_of_them_folded() -> None:
    groups = grouped([hit(1), hit(2), *(hit(1, page=page) for page in range(2, 7)), hit(2, page=9)])
    rows = listed(groups, Folding())
    assert [(row.kind, row.hit.page.doc, row.hit.page.page) for row in rows] == [
        (RowKind.HEAD, 1, 1),
        (RowKind.PAGE, 1, 2),
        (RowKind.PAGE, 1, 3),
        (RowKind.FOLD, 1, 1),
        (RowKind.HEAD, 2, 1),
        (RowKind.PAGE, 2, 9),
    ]
    assert [row.top for row in rows] == [0, 4, 5, 6, 8, 12]
    assert rows[3].folded == 3
    unfolded = listed(groups, Folding(frozenset({1})))
    assert [row.hit.page.page for row in unfolded if row.kind is RowKind.PAGE] == [2, 3, 4, 5, 6, 9]


def test_a_kept_document_stays_where_it_is() -> None:
    one, two, three, four = (hit(number) for number in range(1, 5))
    height = 5
    new, further = keep_in_place(grouped([four, three, two, one]), Group((two,)), height, Folding())
    assert ([group.document for group in new], further) == ([4, 2, 3, 1], 0)
    long = grouped([three, hit(3, page=2), four])
    new, further = keep_in_place(long, Group((two,)), height, Folding())
    assert ([group.document for group in new], further) == ([3, 2, 4], 1)


def test_a_kept_document_keeps_the_order_of_its_pages() -> None:
    old = Group((hit(1, page=3), hit(1, page=5)))
    new, _ = keep_in_place(grouped([hit(1, page=7), hit(1, page=5), hit(1, page=3)]), old, 0, Folding())
    assert [found.page.page for found in new[0].hits] == [3, 5, 7]


@pytest.mark.parametrize("width", [20, 34, 60, 150])
def test_every_row_is_as_high_as_it_is_said_to_be(width: int) -> None:
    for row in listed(grouped([hit(1, title="t" * 500), *(hit(1, page=p) for p in range(2, 9))]), Folding()):
        lines = row_lines(row, width)
        assert len(lines) == row.height
        assert all(line.cell_length <= width for line in lines)


def test_progress_in_words() -> None:
    state = IndexingState(running=True)
    assert progress_text(state).plain == "Looking at the files"
    state = state.after([Progress("scan", 0, 0, 5, 70), Progress("text", 30, 60, 2, 4)])
    assert progress_text(state).plain == "Reading 30/60 pages ━━━━━━━━━━"
    assert state.searchable


def test_a_scan_makes_nothing_searchable_and_failures_add_up() -> None:
    failure = Failure(hit(1).path, FailureKind.CRASHED)
    state = IndexingState(running=True).after([Progress("scan", 0, 0, 5, 70), failure]).after([failure])
    assert not state.searchable
    assert state.failures == (failure, failure)


def test_rate_and_time_left_are_those_of_the_last_seconds() -> None:
    pace = Pace()
    for second in range(40):
        pace = pace.after(Progress("text", 10 * second, 1000, 0, 0), float(second))
    last = Progress("text", 390, 1000, 0, 0)
    assert pace.pages_a_second == pytest.approx(10)
    assert pace.seconds_left(last) == pytest.approx(61)
    state = IndexingState(running=True, progress=last, pace=pace)
    assert pace_text(state) == "10 pages a second, 1 min left"
    assert pace.after(Progress("ocr", 0, 9, 0, 0), 40.0).pages_a_second == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (59, "59 s"), (170, "3 min"), (7500, "2 h 5 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
