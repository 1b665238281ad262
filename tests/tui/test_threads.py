"""A library in a thread of its own: one call after the other, answers dropped, iterators closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from docsearch.errors import SettingsError
from docsearch.records import Progress
from docsearch.tui.threads import LibraryThread
from docsearch.tui.widgets.path_input import FolderSuggester, problem_with
from tests.tui.fake import FakeLibrary, opens

STEPS = [Progress("text", number, 3, number, 3) for number in range(1, 4)]


async def test_every_call_runs_in_the_same_other_thread() -> None:
    thread = LibraryThread(opens(FakeLibrary()), "test")
    names = {await thread.call(lambda _: threading.current_thread().name) for _ in range(3)}
    assert names == {"docsearch-test"}
    thread.close(5)


async def test_a_stream_that_is_left_closes_its_iterator() -> None:
    library = FakeLibrary(events=list(STEPS))
    thread = LibraryThread(opens(library), "test")
    async with aclosing(thread.stream(lambda opened: opened.index())) as events:
        assert await anext(events) == STEPS[0]
    assert library.asked == [("index",), ("index ended",)]
    thread.close(5)
    assert library.asked[-1] == ("close",)


async def test_a_cancelled_caller_closes_the_iterator_after_the_step_it_is_at() -> None:
    gate = threading.Event()
    library = FakeLibrary(events=list(STEPS), index_gate=gate)
    thread = LibraryThread(opens(library), "test")
    seen: list[object] = []
    first = asyncio.Event()

    async def follow() -> None:
        async for event in thread.stream(lambda opened: opened.index()):
            seen.append(event)
            first.set()

    task = asyncio.create_task(follow())
    await first.wait()
    task.cancel()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == STEPS[:1]
    assert library.asked[-1] == ("index ended",)


async def test_a_library_that_does_not_open_is_tried_again() -> None:
    answers: Iterator[SettingsError | FakeLibrary] = iter([SettingsError("bad settings"), FakeLibrary()])

    def opening() -> FakeLibrary:
        answer = next(answers)
        if isinstance(answer, SettingsError):
            raise answer
        return answer

    thread = LibraryThread(opening, "test")
    with pytest.raises(SettingsError):
        await thread.call(lambda library: library.roots())
    assert len(await thread.call(lambda library: library.roots())) == 1


def test_a_thread_that_was_never_used_closes_at_once() -> None:
    LibraryThread(opens(FakeLibrary()), "test").close(5)


async def test_folders_are_suggested_and_files_are_not(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scan.pdf").touch()
    suggester = FolderSuggester(files=False)
    assert await suggester.get_suggestion(f"{tmp_path}/sc") == f"{tmp_path}/scans"
    for typed in (f"{tmp_path}/", f"{tmp_path}/x", "sc", "/no/such/folder", "\0/x"):
        assert await suggester.get_suggestion(typed) is None


@pytest.mark.parametrize("typed", ["", "  ", "/nowhere", "~nobody/x", "a\0b"])
def test_a_path_that_cannot_be_added_has_a_reason(typed: str) -> None:
    assert problem_with(typed)


def test_a_path_that_exists_has_no_problem(tmp_path: Path) -> None:
    assert problem_with(f" {tmp_path} ") is None


async def test_what_is_told_is_done_before_the_library_closes() -> None:
    library = FakeLibrary()
    thread = LibraryThread(opens(library), "test")
    thread.tell(lambda opened: library.asked.append(("told",)), failed=lambda _: None)
    thread.close(5.0)
    assert library.asked == [("told",), ("close",)]


async def test_what_is_told_and_fails_is_reported() -> None:
    errors: list[BaseException] = []
    thread = LibraryThread(opens(FakeLibrary(broken={"remove": OSError("gone")})), "test")
    thread.tell(lambda opened: opened.remove(Path("x")), failed=errors.append)
    thread.close(5.0)
    assert [str(error) for error in errors] == ["gone"]
