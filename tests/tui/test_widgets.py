"""Pictures in block characters, rows that stay, and words about progress."""

from __future__ import annotations

import pytest
from PIL import Image
from textual.geometry import Size

from docsearch.records import Failure, FailureKind, Progress
from docsearch.tui.indexing import IndexingState
from docsearch.tui.widgets.block_image import fitted
from docsearch.tui.widgets.blocks import draw
from docsearch.tui.widgets.hits import hit_row, keep_in_place
from docsearch.tui.widgets.status_line import progress_text
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
    strips = draw(Image.new("RGB", (100, 50), (10, 200, 30)), Size(5, 3))
    assert [strip.text for strip in strips] == [" " * 5] * 3
    assert {s.style.bgcolor.triplet for strip in strips for s in strip if s.style and s.style.bgcolor} == {
        (10, 200, 30)
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


def test_a_kept_hit_stays_in_its_row_even_when_it_is_no_longer_found() -> None:
    one, two, three, four = (hit(number) for number in range(1, 5))
    assert keep_in_place([four, three, two, one], two, 1) == [four, two, three, one]
    assert keep_in_place([three, four], two, 1) == [three, two, four]
    assert keep_in_place([], two, 1) == [two]


@pytest.mark.parametrize("width", [20, 34, 60, 150])
def test_every_row_has_the_same_height(width: int) -> None:
    lines = hit_row(hit(1), width).plain.split("\n")
    assert len(lines) == len(hit_row(hit(2, title="t" * 500), width).plain.split("\n")) == 5
    assert all(len(line) <= width for line in lines)


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
