"""What the library is told of a search: what was on screen, looked at, opened, copied, called right."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from docsearch.tui.app import DocsearchApp
from docsearch.tui.screens.search import SearchScreen
from tests.tui.fake import FakeLibrary, hit
from tests.tui.running import WIDE, running, screen_text, settled, type_query, until

HITS = [hit(number) for number in range(1, 13)]


async def left(pilot: Pilot[None], library: FakeLibrary) -> None:
    """Leaves the search, and waits until what was seen of it is told."""
    assert isinstance(pilot.app, DocsearchApp)
    assert isinstance(pilot.app.screen, SearchScreen)
    pilot.app.screen.sightings.leave()
    pilot.app.screen.sightings.tell()
    await pilot.app.session.facts.call(lambda _: None)


async def test_what_was_opened_copied_and_seen_is_told(tmp_path: Path) -> None:
    library = FakeLibrary(answers={"budget": [HITS]})
    async with running(library, tmp_path, WIDE) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("down")
        await settled(pilot)
        await pilot.press("enter", "tab", "c")
        await settled(pilot)
        await left(pilot, library)
        told = library.clicks.of("budget")
    assert (told[2].opened, told[2].copied, told[2].verdict) == (1, 1, 0)
    assert told[2].focus_seconds > 0
    assert told[2].preview_seconds > 0
    assert told[1].seen
    assert told[1].opened == 0
    assert not told[12].seen, "it is below the screen"


async def test_a_query_that_was_typed_on_is_not_told(tmp_path: Path) -> None:
    library = FakeLibrary(answers={"bud": [HITS], "budget": [HITS]})
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "bud")
        await settled(pilot)
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("down")
        await settled(pilot)
        await left(pilot, library)
    assert [search.query for search in library.clicks.told.values()] == ["budget"]


async def test_a_search_that_stands_is_told_when_the_screen_goes(tmp_path: Path) -> None:
    library = FakeLibrary(answers={"budget": [HITS]})
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, SearchScreen)
        screen.sightings.stand()
    assert library.clicks.of("budget")[1].seen


async def test_a_hit_is_called_right_or_wrong(tmp_path: Path) -> None:
    library = FakeLibrary(answers={"budget": [HITS]})
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("tab", "plus", "down", "minus")
        await settled(pilot)
        assert "✓ Report 1" in screen_text(pilot)
        assert "✗ Report 2" in screen_text(pilot)
        await pilot.press("minus")
        await settled(pilot)
        assert "✗" not in screen_text(pilot)
        await left(pilot, library)
        told = library.clicks.of("budget")
    assert [told[rank].verdict for rank in (1, 2)] == [1, 0]


async def test_marks_go_with_the_search(tmp_path: Path) -> None:
    library = FakeLibrary(answers={"budget": [HITS], "report": [HITS]})
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("tab", "plus")
        await type_query(pilot, "report")
        await settled(pilot)
        assert "✓" not in screen_text(pilot)


async def test_a_log_that_fails_disturbs_nobody(tmp_path: Path) -> None:
    library = FakeLibrary(answers={"budget": [HITS]})
    library.clicks.broken = True
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("tab", "plus")
        await left(pilot, library)
        log = tmp_path / "cache" / "docsearch.log"
        await until(pilot, log.exists)
        assert not pilot.app._notifications
    assert "the disk is gone" in log.read_text()
