"""Folders, failures, indexing from the app, and the first run."""

from __future__ import annotations

from pathlib import Path
from threading import Event

from docsearch.errors import IndexBusy
from docsearch.records import Failure, FailureKind, Progress, Root
from docsearch.tui.screens.folders import FoldersScreen
from docsearch.tui.screens.search import SearchScreen
from docsearch.tui.screens.welcome import WelcomeScreen
from tests.tui.fake import FakeLibrary, hit
from tests.tui.running import (
    hits,
    notifications,
    running,
    screen_text,
    settled,
    text_of,
    type_query,
    until,
)

DONE = Progress("text", 4, 8, 1, 2)
ALL_DONE = Progress("text", 8, 8, 2, 2)
FAILED = Failure(Path("/papers/[b]locked[/b].pdf"), FailureKind.PASSWORD)


def indexed(library: FakeLibrary) -> list[tuple[object, ...]]:
    return [asked for asked in library.asked if asked[0] == "index"]


async def test_folders_and_failures_are_listed(tmp_path: Path) -> None:
    library = FakeLibrary(
        folders=[Root(Path("/papers/[i]new[/i]"), True, 3, 27, 1), Root(Path("/disk"), False, 1_200, 9)],
        failures=(FAILED,),
    )
    async with running(library, tmp_path) as pilot:
        await pilot.press("f2")
        await settled(pilot)
        shown = screen_text(pilot)
        for part in ("/papers/[i]new[/i]", "1,200", "not reachable", "/papers/[b]locked[/b].pdf"):
            assert part in shown
        assert "needs a password" in shown
        assert "2 pages without text yet" in text_of(pilot, "#summary")


async def test_a_folder_is_added_only_if_it_exists(tmp_path: Path) -> None:
    library = FakeLibrary()
    folder = tmp_path / "scans"
    folder.mkdir()
    async with running(library, tmp_path) as pilot:
        await pilot.press("f2", "a", *"/nowhere/x", "enter")
        await pilot.pause()
        assert "There is no /nowhere/x" in text_of(pilot, "#problem")
        pilot.app.screen.query_one("#path").value = str(folder)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await settled(pilot)
        assert indexed(library) == [("index", folder)]
        assert "scans" in screen_text(pilot)


async def test_a_folder_is_removed_once_that_is_confirmed(tmp_path: Path) -> None:
    library = FakeLibrary()
    async with running(library, tmp_path) as pilot:
        await pilot.press("f2")
        await settled(pilot)
        await pilot.press("d")
        await pilot.pause()
        assert "Stop searching /papers?" in screen_text(pilot)
        await pilot.press("n")
        await settled(pilot)
        assert library.folders
        await pilot.press("d", "y")
        await settled(pilot)
        assert ("remove", Path("/papers")) in library.asked
        assert notifications(pilot) == ["3 files no longer searched"]


async def test_progress_is_shown_and_a_stop_ends_the_run_where_it_stands(tmp_path: Path) -> None:
    gate = Event()
    library = FakeLibrary(events=[DONE, FAILED, ALL_DONE], index_gate=gate)
    async with running(library, tmp_path) as pilot:
        await pilot.press("f2", "u")
        await until(pilot, lambda: "Reading 4/8 pages" in text_of(pilot, "#status-progress"))
        await pilot.press("u")
        await pilot.pause()
        assert notifications(pilot) == ["Indexing is under way; s pauses it."]
        await pilot.press("s")
        await until(pilot, lambda: "Pausing" in text_of(pilot, "#status-progress"))
        gate.set()
        await settled(pilot)
        assert library.asked.count(("index ended",)) == 1
        assert text_of(pilot, "#status-progress") == ""
        assert "Paused" in text_of(pilot, "#status-message")
        await pilot.press("s")
        await settled(pilot)
        assert len(indexed(library)) == 2


async def test_a_run_tells_how_many_files_failed(tmp_path: Path) -> None:
    library = FakeLibrary(events=[DONE, FAILED, ALL_DONE])
    async with running(library, tmp_path) as pilot:
        await pilot.press("f2", "r")
        await settled(pilot)
        assert indexed(library) == [("index", "retry")]
        assert "1 new failure" in text_of(pilot, "#status-message")


async def test_another_writer_is_named(tmp_path: Path) -> None:
    library = FakeLibrary()
    library.broken["index"] = IndexBusy("another docsearch (process 7) is writing", hint="wait")
    async with running(library, tmp_path) as pilot:
        await pilot.press("f2", "u")
        await settled(pilot)
        assert notifications(pilot) == ["another docsearch (process 7) is writing\nwait"]
        assert isinstance(pilot.app.screen, FoldersScreen)


async def test_the_query_is_asked_again_when_indexing_ends(tmp_path: Path) -> None:
    library = FakeLibrary(events=[DONE])
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        assert hits(pilot) == []
        library.answers["budget"] = [[hit(1)]]
        await pilot.press("f2", "u")
        await settled(pilot)
        await pilot.press("escape")
        await settled(pilot)
        assert hits(pilot) == [hit(1)]


async def test_the_first_run_asks_for_a_folder_and_searches_with_the_first_document(tmp_path: Path) -> None:
    gate = Event()
    library = FakeLibrary(folders=[], events=[DONE, ALL_DONE], index_gate=gate)
    library.answers["budget"] = [[hit(1)]]
    async with running(library, tmp_path) as pilot:
        assert isinstance(pilot.app.screen, WelcomeScreen)
        await pilot.press(*"/nowhere", "enter")
        await pilot.pause()
        assert "There is no /nowhere" in text_of(pilot, "#problem")
        pilot.app.screen.query_one("#path").value = str(tmp_path)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SearchScreen))
        await until(pilot, lambda: "4/8 pages" in text_of(pilot, "#status-progress"))
        await type_query(pilot, "budget")
        await until(pilot, lambda: hits(pilot) == [hit(1)])
        gate.set()
        await settled(pilot)
        assert text_of(pilot, "#status-progress") == ""


async def test_the_first_run_with_nothing_to_read_stays_and_says_so(tmp_path: Path) -> None:
    library = FakeLibrary(folders=[])
    async with running(library, tmp_path) as pilot:
        pilot.app.screen.query_one("#path").value = str(tmp_path)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await settled(pilot)
        assert isinstance(pilot.app.screen, WelcomeScreen)
        assert "Nothing was found there" in text_of(pilot, "#problem")


async def test_the_first_run_can_be_put_off(tmp_path: Path) -> None:
    async with running(FakeLibrary(folders=[]), tmp_path) as pilot:
        await pilot.press("escape")
        await settled(pilot)
        assert isinstance(pilot.app.screen, SearchScreen)
        await type_query(pilot, "budget")
        await settled(pilot)
        assert "press F2, then a" in text_of(pilot, "#notice-text")


async def test_a_watcher_that_is_at_work_takes_new_folders(tmp_path: Path) -> None:
    library = FakeLibrary(watched=True, broken={"index": IndexBusy("another docsearch is writing")})
    async with running(library, tmp_path) as pilot:
        pilot.app.session.indexing.start([tmp_path])  # type: ignore[attr-defined]
        await until(pilot, lambda: ("hand over", tmp_path) in library.asked)
        await settled(pilot)
        assert notifications(pilot) == []


async def test_a_root_or_a_failed_file_is_shown_in_the_file_manager(tmp_path: Path) -> None:
    library = FakeLibrary(failures=(FAILED,))
    async with running(library, tmp_path) as pilot:
        await pilot.press("f2")
        await settled(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("tab", "enter")
        await settled(pilot)
        assert [asked for asked in library.asked if asked[0] == "reveal"] == [
            ("reveal", Path("/papers")),
            ("reveal", FAILED.path),
        ]


async def test_what_a_watcher_does_is_told(tmp_path: Path) -> None:
    library = FakeLibrary(watcher_does="reading 3 files")
    async with running(library, tmp_path) as pilot:
        await pilot.press("f2")
        await settled(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, FoldersScreen)
        screen._look()
        await settled(pilot)
        assert "watching: reading 3 files" in screen_text(pilot)


async def test_figures_of_a_folder_grow_while_it_is_read(tmp_path: Path) -> None:
    library = FakeLibrary()
    async with running(library, tmp_path) as pilot:
        await pilot.press("f2")
        await settled(pilot)
        library.folders = [Root(Path("/papers"), True, 5, 4321)]
        screen = pilot.app.screen
        assert isinstance(screen, FoldersScreen)
        screen._look()
        await settled(pilot)
        assert "4,321" in screen_text(pilot)
