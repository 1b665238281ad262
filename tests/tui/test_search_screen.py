"""The search screen: typing, cursor, preview, opening, and what is said about a query."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from textual.widgets import Input

from docsearch.errors import IndexDamaged, ModelUnavailable, UnreadableDocument
from docsearch.records import FailureKind, PageId, Root, Snippet
from docsearch.tui.screens.search import SearchScreen
from docsearch.tui.widgets.hits import HitList
from docsearch.tui.widgets.preview import Preview
from docsearch.tui.widgets.query_input import QueryInput
from tests.tui.fake import FakeLibrary, hit
from tests.tui.running import (
    NARROW,
    hits,
    notifications,
    place_shown,
    running,
    screen_text,
    settled,
    text_of,
    type_query,
    until,
)

ONE, TWO, THREE = hit(1), hit(2, page=4), hit(3)


@pytest.fixture
def library() -> FakeLibrary:
    return FakeLibrary(answers={"budget": [[ONE, TWO, THREE]]})


async def test_typing_lists_hits_and_shows_the_first_page(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path) as pilot:
        await pilot.press(*"budget")
        await settled(pilot)
        assert hits(pilot) == [ONE, TWO, THREE]
        assert ("look", ONE.path, 1, 1.0) in library.asked
        shown = screen_text(pilot)
        for part in ("Report 1", "page 4 of 9", "/papers/report 2.pdf", "2024-01-03", "budget of year 3"):
            assert part in shown
        assert text_of(pilot, "#status-message").startswith("3 pages in 0.01 s")


async def test_only_the_last_query_typed_in_a_burst_is_searched(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path) as pilot:
        box = pilot.app.screen.query_one("#query", Input)
        for words in ("bud", "budge", "budget"):  # at once: no pause of the fingers between them
            box.value = words
        await settled(pilot)
        assert ("search", "budget") in library.asked
        assert ("search", "bud") not in library.asked


async def test_an_answer_that_comes_late_is_not_shown(library: FakeLibrary, tmp_path: Path) -> None:
    gate = Event()
    library.answers["slow"] = [[hit(7)]]
    library.gates["slow", 0] = gate
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "slow")
        await until(pilot, lambda: ("search", "slow") in library.asked)
        await type_query(pilot, "budget")
        gate.set()
        await settled(pilot)
        assert hits(pilot) == [ONE, TWO, THREE]
        assert "Report 7" not in screen_text(pilot)


async def test_reranking_reorders_what_was_not_touched(library: FakeLibrary, tmp_path: Path) -> None:
    library.answers["budget"] = [[ONE, TWO, THREE], [THREE, ONE, TWO]]
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        assert hits(pilot) == [THREE, ONE, TWO]
        assert pilot.app.screen.query_one(HitList).hit == THREE


async def test_the_row_under_a_moved_cursor_stays_when_the_order_changes(
    library: FakeLibrary, tmp_path: Path
) -> None:
    library.answers["budget"] = [[ONE, TWO, THREE], [THREE, TWO, ONE]]
    library.answers["budget"][1] = [TWO, THREE, ONE]
    gate = library.gates["budget", 1] = Event()
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await until(pilot, lambda: bool(hits(pilot)))
        await pilot.press("down", "down", "up")
        gate.set()
        await settled(pilot)
        hit_list = pilot.app.screen.query_one(HitList)
        assert hits(pilot) == [THREE, TWO, ONE]
        assert (hit_list.cursor, hit_list.hit) == (1, TWO)


async def test_enter_opens_the_page_under_the_cursor(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("down", "enter")
        await settled(pilot)
        assert library.asked[-1] == ("view", TWO.path, 4)
        assert notifications(pilot) == ["Opened page 4 in viewer"]


async def test_enter_right_after_a_move_opens_where_the_cursor_went(
    library: FakeLibrary, tmp_path: Path
) -> None:
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, SearchScreen)
        # Both keys waited for the screen: no message comes between them.
        screen.action_move_cursor(1)
        screen.on_input_submitted()
        await settled(pilot)
        assert [asked for asked in library.asked if asked[0] == "view"] == [("view", TWO.path, 4)]


async def test_enter_opens_the_page_that_was_turned_to(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("pagedown", "pagedown", "pageup", "pageup", "pageup", "pagedown", "tab", "]")
        await settled(pilot)
        assert "page 3 of 9" in place_shown(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert library.asked[-1] == ("view", ONE.path, 3)


async def test_enter_on_words_not_yet_searched_searches_and_opens_nothing(
    library: FakeLibrary, tmp_path: Path
) -> None:
    library.answers["other"] = [[hit(9)]]
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, SearchScreen)
        screen.query_one(QueryInput).value = "other"
        screen.on_input_submitted()
        await settled(pilot)
        assert hits(pilot) == [hit(9)]
        assert "view" not in {what for what, *_ in library.asked}


async def test_a_click_chooses_and_a_double_click_opens(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.click(HitList, offset=(4, 6))
        await settled(pilot)
        assert pilot.app.screen.query_one(HitList).hit == TWO
        assert "view" not in {what for what, *_ in library.asked}
        await pilot.double_click(HitList, offset=(4, 11))
        await settled(pilot)
        assert library.asked[-1] == ("view", THREE.path, 1)


async def test_a_bad_filter_is_explained_and_the_hits_stay(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await type_query(pilot, "budget after:soon")
        await settled(pilot)
        message = text_of(pilot, "#status-message")
        assert "after:soon is not a date" in message
        assert "after:2024-01" in message
        assert notifications(pilot) == []


async def test_hostile_names_and_texts_are_shown_as_they_are(tmp_path: Path) -> None:
    evil = hit(
        1,
        title="[b]bold[/b] \x1b[31mred\u202egnp",
        path=Path("/papers/[red]x[/red]\udcff\n.pdf"),
        snippet=Snippet("[link=x]budget[/link] \x07", ((8, 14),)),
    )
    library = FakeLibrary(answers={"budget": [[evil]]})
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await pilot.press("ctrl+t")
        await settled(pilot)
        shown = screen_text(pilot)
        for part in ("[b]bold[/b] ␛[31mred\ufffdgnp", "[red]x[/red]\ufffd .pdf", "[link=x]budget[/link] ␇"):
            assert part in shown
        assert "the budget [b]grew[/b]␛[31m" in shown
        assert not set(shown) & set("\x1b\x07\u202e\udcff")


async def test_the_text_of_the_page_in_place_of_its_picture(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        preview = pilot.app.screen.query_one(Preview)
        assert preview.showing == "paper"
        await pilot.press("down", "ctrl+t")
        await settled(pilot)
        assert preview.showing == "page-text"
        assert library.asked[-1] == ("text", PageId(2, 4))
        await pilot.press("ctrl+t")
        await settled(pilot)
        assert preview.showing == "paper"


async def test_a_file_that_is_gone_is_said_in_the_preview(library: FakeLibrary, tmp_path: Path) -> None:
    library.broken["look"] = UnreadableDocument(FailureKind.UNREADABLE, "No such file")
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        assert "No such file" in text_of(pilot, "#message")
        assert notifications(pilot) == []


async def test_escape_goes_back_to_the_query_then_empties_it(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        query = pilot.app.screen.query_one(QueryInput)
        await pilot.press("tab", "escape")
        assert (query.has_focus, query.value) == (True, "budget")
        await pilot.press("escape")
        await settled(pilot)
        assert query.value == ""
        assert hits(pilot) == []
        assert "27 pages in 3 files" in screen_text(pilot)


async def test_the_path_is_copied(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("ctrl+y")
        assert pilot.app.clipboard == str(ONE.path)


async def test_a_narrow_terminal_shows_hits_or_preview(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path, NARROW) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        assert "Report 3" in screen_text(pilot)
        assert "look" not in {what for what, *_ in library.asked}
        await pilot.press("f3")
        await settled(pilot)
        assert "Report 3" not in screen_text(pilot)
        assert ("look", ONE.path, 1, 1.0) in library.asked
        await pilot.press("f3")
        await settled(pilot)
        assert "Report 3" in screen_text(pilot)


async def test_a_preview_that_comes_into_view_is_filled(library: FakeLibrary, tmp_path: Path) -> None:
    async with running(library, tmp_path, NARROW) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.resize_terminal(120, 36)
        await settled(pilot)
        assert pilot.app.screen.query_one(Preview).showing == "paper"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("nothing", "Try fewer or other words"),
        ("nothing in:invoices after:2024", "Searched only in invoices and since 2024-01-01"),
        ('"annual report"', "without the quotes"),
        ("report -draft", "Pages with draft are left out"),
    ],
)
async def test_no_hit_is_explained(library: FakeLibrary, tmp_path: Path, words: str, expected: str) -> None:
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, words)
        await settled(pilot)
        assert expected in text_of(pilot, "#notice-text")


async def test_no_hit_names_failed_files_folders_out_of_reach_and_corrections(tmp_path: Path) -> None:
    library = FakeLibrary(
        folders=[Root(Path("/disk"), online=False, files=2, pages=5, failures=2)],
        corrections={"invocie": ("invoice",)},
    )
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "invocie")
        await settled(pilot)
        notice = text_of(pilot, "#notice-text")
        assert "showing results for invoice instead of invocie" in notice
        assert "2 files could not be read" in notice
        assert "/disk cannot be reached now" in notice


async def test_corrected_words_are_told_beside_the_hits(library: FakeLibrary, tmp_path: Path) -> None:
    library.corrections = {"budgte": ("budget",)}
    library.answers["budgte"] = [[ONE]]
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budgte")
        await settled(pilot)
        assert "showing results for budget instead of budgte" in text_of(pilot, "#status-message")


async def test_an_error_of_ours_is_a_notification_with_its_hint(library: FakeLibrary, tmp_path: Path) -> None:
    library.broken["view"] = ModelUnavailable("no [b]viewer[/b]", hint="install one")
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert notifications(pilot) == ["no [b]viewer[/b]\ninstall one"]
        assert not (tmp_path / "cache").exists()


async def test_an_unexpected_error_goes_to_a_private_log(library: FakeLibrary, tmp_path: Path) -> None:
    library.broken["look"] = ZeroDivisionError("the cause")
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        [message] = notifications(pilot)
        assert message.startswith("Something went wrong, see ")
        log = tmp_path / "cache" / "docsearch.log"
        assert log.stat().st_mode & 0o777 == 0o600
        assert "ZeroDivisionError: the cause" in log.read_text()
        assert "Traceback" not in screen_text(pilot)
        assert isinstance(pilot.app.screen, SearchScreen)
        del library.broken["look"]
        await pilot.press("down")
        await settled(pilot)
        assert ("look", TWO.path, 4, 1.0) in library.asked


async def test_a_longer_title_does_not_move_the_rows(tmp_path: Path) -> None:
    long = replace(ONE, title="资产负债表 " * 40, snippet=Snippet("word " * 60))
    library = FakeLibrary(answers={"a b": [[long, TWO]]})
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "a b")
        await settled(pilot)
        lines = screen_text(pilot).splitlines()
        assert [number for number, line in enumerate(lines) if " of 9" in line[:58]] == [3, 8]


async def test_an_error_at_every_key_is_notified_once(library: FakeLibrary, tmp_path: Path) -> None:
    library.broken["search"] = IndexDamaged("the index is damaged")
    async with running(library, tmp_path) as pilot:
        for words in ("b", "bu"):
            await type_query(pilot, words)
            await settled(pilot)
        assert ("search", "bu") in library.asked
        assert notifications(pilot) == ["the index is damaged"]


async def test_the_page_turned_to_stays_when_the_order_changes(library: FakeLibrary, tmp_path: Path) -> None:
    library.answers["budget"] = [[ONE, TWO, THREE], [THREE, TWO, ONE]]
    gate = library.gates["budget", 1] = Event()
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await until(pilot, lambda: bool(hits(pilot)))
        await pilot.press("down", "pagedown")
        await until(pilot, lambda: "page 5 of 9" in place_shown(pilot))
        gate.set()
        await settled(pilot)
        assert "page 5 of 9" in place_shown(pilot)


async def test_pages_that_others_index_appear(tmp_path: Path) -> None:
    library = FakeLibrary(answers={"budget": [[hit(1)]]})
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        freshness = pilot.app.session.freshness  # type: ignore[attr-defined]
        freshness.look()
        await settled(pilot)
        library.answers["budget"] = [[hit(2), hit(1)]]
        library.revised += 1
        freshness.look()
        await until(pilot, lambda: len(hits(pilot)) == 2)
        assert [found.page.doc for found in hits(pilot)] == [2, 1]
