"""Looking at a page: zoom, matches, outline, text, copying; what is drawn ahead and what is given up."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event

import pytest
from PIL import Image

from docsearch.library.views import PageView
from docsearch.records import Box, PageId
from docsearch.tui.clipboard import citation
from docsearch.tui.page_cache import PageCache
from docsearch.tui.places import Place, next_box, next_page
from docsearch.tui.screens.outline import OutlineScreen
from tests.tui.fake import FakeLibrary, hit
from tests.tui.running import (
    WIDE,
    notifications,
    place_shown,
    running,
    screen_text,
    settled,
    type_query,
    until,
)

ONE, TWO = hit(1), hit(2, page=4)


@pytest.fixture
def library() -> FakeLibrary:
    return FakeLibrary(answers={"budget": [[ONE, TWO]]})


def looks(library: FakeLibrary) -> list[tuple[object, ...]]:
    return [asked for asked in library.asked if asked[0] == "look"]


async def test_zoom_and_back(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path, WIDE) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("tab", "z", "z")
        await settled(pilot)
        assert "2×" in place_shown(pilot)
        assert ("look", ONE.path, 1, 2.0) in library.asked
        await pilot.press("Z", "Z", "Z")
        await settled(pilot)
        assert "×" not in place_shown(pilot)


async def test_the_next_match_is_on_the_next_page_that_has_one(library: FakeLibrary, tmp_path: Path) -> None:
    library.matching = (1, 5, 8)
    async with running(library, tmp_path, WIDE) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("ctrl+n")
        await settled(pilot)
        assert place_shown(pilot).startswith("page 5 of 9")
        await pilot.press("ctrl+n")
        await settled(pilot)
        await pilot.press("ctrl+n")
        await settled(pilot)
        assert place_shown(pilot).startswith("page 8 of 9")
        assert notifications(pilot) == ["No match after this page"]


async def test_the_outline_leads_to_a_page(library: FakeLibrary, tmp_path: Path) -> None:
    library.bookmarks = ((1, "Opening", 1), (2, "[b]Budget[/b]\x1b", 6))
    async with running(library, tmp_path, WIDE) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("tab", "o")
        await until(pilot, lambda: isinstance(pilot.app.screen, OutlineScreen))
        await pilot.pause()
        assert "[b]Budget[/b]␛" in screen_text(pilot)
        await pilot.press("down", "enter")
        await settled(pilot)
        assert place_shown(pilot).startswith("page 6 of 9")


async def test_path_citation_and_text_are_copied(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path, WIDE) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("tab", "y")
        await settled(pilot)
        assert pilot.app.clipboard == str(ONE.path)
        await pilot.press("c")
        await settled(pilot)
        assert pilot.app.clipboard == "Report 1, p. 1 (report 1.pdf, 2024-01-02)"
        await pilot.press("Y")
        await settled(pilot)
        assert pilot.app.clipboard.startswith("page 1: the budget")
        await pilot.press("r")
        await settled(pilot)
        assert library.asked[-1] == ("reveal", ONE.path)


async def test_neighbours_are_drawn_before_they_are_asked_for(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path, WIDE) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        before = looks(library)
        assert ("look", TWO.path, 4, 1.0) in before
        await pilot.press("down")
        await settled(pilot)
        assert place_shown(pilot).startswith("page 4 of 9")
        assert looks(library).count(("look", TWO.path, 4, 1.0)) == 1


async def test_a_page_that_takes_long_does_not_hold_up_the_keys(library: FakeLibrary, tmp_path: Path) -> None:
    gate = library.page_gates[1] = Event()
    async with running(library, tmp_path, WIDE) as pilot:
        await type_query(pilot, "budget")
        await until(pilot, lambda: "Report 1" in screen_text(pilot))
        await pilot.press("down")
        assert "Report 2" in screen_text(pilot)
        gate.set()
        await settled(pilot)
        assert place_shown(pilot).startswith("page 4 of 9")


async def test_a_page_whose_file_has_changed_is_drawn_anew(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"as it was")
    first = hit(1, path=path)
    library = FakeLibrary(answers={"budget": [[first, hit(2)]]})
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        looked = ("look", path, 1, 1.0)
        assert library.asked.count(looked) == 1
        await pilot.press("tab", "down", "up")
        await settled(pilot)
        assert library.asked.count(looked) == 1
        os.utime(path, (1, 1))
        await pilot.press("down", "up")
        await settled(pilot)
        assert library.asked.count(looked) == 2


def test_a_place_stays_on_the_page_and_within_the_document() -> None:
    place = Place(TWO, 4)
    assert (place.turned(-9).page, place.turned(99).page) == (1, 9)
    part = Box(0.0, 0.0, 0.5, 0.5)
    closer = place.zoomed(1, part).panned(-1, 0, part)
    assert (closer.zoom, closer.x, closer.y) == (1.5, 0.25, 0.25)
    assert place.zoomed(99, part).zoom == 6.0


def test_the_next_match_is_behind_what_is_seen() -> None:
    boxes = [Box(0.1, y, 0.2, y + 0.01) for y in (0.1, 0.5, 0.9)]
    assert next_box(boxes, Box(0.0, 0.4, 1.0, 0.6), 1) == boxes[2]
    assert next_box(boxes, Box(0.0, 0.4, 1.0, 0.6), -1) == boxes[0]
    assert next_box(boxes, Box(0.0, 0.0, 1.0, 1.0), 1) is None
    assert (next_page((2, 5), 3, 1), next_page((2, 5), 3, -1), next_page((2, 5), 5, 1)) == (5, 2, None)


def test_a_cache_is_bounded_and_forgets_what_was_not_used() -> None:
    view = PageView(Image.new("RGB", (10, 10)), Box(0, 0, 1, 1))
    cache = PageCache(most_bytes=700)
    cache.put("a", view)
    cache.put("b", view)
    assert cache.get("a") is view
    cache.put("c", view)
    assert ("a" in cache, "b" in cache, "c" in cache, cache.bytes) == (True, False, True, 600)
    cache.put("large", PageView(Image.new("RGB", (100, 100)), Box(0, 0, 1, 1)))
    assert (cache.bytes, "large" in cache) == (0, False)


def test_a_citation_holds_no_control_characters() -> None:
    assert citation(hit(1, title="a\x1b[31m\nb"), 3) == "a␛[31m b, p. 3 (report 1.pdf, 2024-01-02)"
    assert PageId(1, 1) == ONE.page
