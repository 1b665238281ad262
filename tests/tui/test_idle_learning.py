"""Learning by itself while nobody types."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from textual.pilot import Pilot

from docsearch.errors import DocsearchError
from docsearch.tui.app import DocsearchApp
from docsearch.tui.idle_learning import AGAIN_SECONDS, IDLE_SECONDS, IdleLearning
from tests.tui.fake import FakeLearning, FakeLibrary, FakeRunner
from tests.tui.running import notifications, running, settled

DONE = {"event": "done", "state": 1, "queries": 40, "parts": [], "reasons": []}


@dataclass
class Scene:
    """An app over a library that learns, with a clock that a test turns."""

    pilot: Pilot[None]
    learning: FakeLearning
    runner: FakeRunner
    idle: IdleLearning
    now: list[float] = field(default_factory=lambda: [0.0])

    async def after(self, seconds: float) -> None:
        """Nobody types for so long, then it looks."""
        self.now[0] += seconds
        self.idle.look()
        await settled(self.pilot)


@asynccontextmanager
async def scene(
    tmp_path: Path, *, due: bool = True, runner: FakeRunner | None = None
) -> AsyncIterator[Scene]:
    learning, runner = FakeLearning(is_due=due), runner or FakeRunner((DONE,))
    async with running(FakeLibrary(learning=learning), tmp_path, learner=runner) as pilot:
        assert isinstance(pilot.app, DocsearchApp)
        session, now = pilot.app.session, [0.0]
        session.idle = IdleLearning(
            pilot.app, session.boundary, session.facts, session.indexing, session.rounds, lambda: now[0]
        )
        yield Scene(pilot, learning, runner, session.idle, now)


async def test_a_round_that_is_due_begins_after_a_pause_and_says_what_changed(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.runner.does = lambda: it.learning.happens("accepted", 1, live=1)
        await it.after(IDLE_SECONDS - 1)
        assert it.runner.asked == []
        await it.after(1)
        assert it.runner.asked == [("--if-due", "--json", "gently")]
        assert [notice for notice in notifications(it.pilot) if "has learned" in notice]


async def test_nothing_begins_while_somebody_types(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.after(IDLE_SECONDS - 1)
        await it.pilot.press("b")
        await it.after(IDLE_SECONDS - 1)
        assert it.runner.asked == []


async def test_nothing_begins_that_is_not_due_and_that_is_asked_once_a_pause(tmp_path: Path) -> None:
    async with scene(tmp_path, due=False) as it:
        await it.after(IDLE_SECONDS)
        it.learning.is_due = True
        await it.after(IDLE_SECONDS)
        assert it.runner.asked == []
        await it.pilot.press("b")
        await it.after(IDLE_SECONDS)
        assert it.runner.asked == [("--if-due", "--json", "gently")]


async def test_it_tries_at_most_once_an_hour(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        await it.after(IDLE_SECONDS)
        await it.pilot.press("b")
        await it.after(IDLE_SECONDS)
        assert len(it.runner.asked) == 1
        await it.pilot.press("b")
        await it.after(AGAIN_SECONDS)
        assert len(it.runner.asked) == 2


async def test_a_refusal_is_no_news_and_going_back_is(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.runner.does = lambda: it.learning.happens("refused", 0, "no gain")
        await it.after(IDLE_SECONDS)
        assert notifications(it.pilot) == []
        it.runner.does = lambda: it.learning.happens("went back", 0, "worse on [b]31[/b] queries since")
        await it.pilot.press("b")
        await it.after(AGAIN_SECONDS)
        [notice] = notifications(it.pilot)
        assert notice == "What had been learned was taken back: worse on [b]31[/b] queries since"


async def test_what_fails_unasked_is_for_the_log(tmp_path: Path) -> None:
    runner = FakeRunner(error=DocsearchError("the disk is full"))
    async with scene(tmp_path, runner=runner) as it:
        await it.after(IDLE_SECONDS)
        assert notifications(it.pilot) == []
        assert "the disk is full" in (tmp_path / "cache" / "docsearch.log").read_text()
