"""Runs the app without a terminal and waits for its background work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input, Static

from docsearch.records import Hit
from docsearch.tui.app import DocsearchApp
from docsearch.tui.learning_process import LearningRunner
from docsearch.tui.widgets.hits import HitList
from docsearch.tui.widgets.preview import Preview
from tests.tui.fake import FakeLibrary, opens

WIDE, NARROW = (120, 36), (80, 24)


@asynccontextmanager
async def running(
    library: FakeLibrary,
    tmp_path: Path,
    size: tuple[int, int] = WIDE,
    learner: LearningRunner | None = None,
) -> AsyncIterator[Pilot[None]]:
    """The app over a fake library, its first work done."""
    app = DocsearchApp(opens(library), tmp_path / "cache" / "docsearch.log", learner=learner)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        yield pilot


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Lets the app work until the condition holds; the test's own time limit ends a hopeless wait."""
    while not condition():
        await pilot.pause()


async def settled(pilot: Pilot[None]) -> None:
    """Lets the app work until nothing is left to do in the background."""
    await pilot.pause()
    await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers))
    await pilot.pause()
    await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers))


async def type_query(pilot: Pilot[None], words: str) -> None:
    """Replaces the query."""
    pilot.app.screen.query_one("#query", Input).value = words
    await pilot.pause()


def hits(pilot: Pilot[None]) -> list[Hit]:
    """The hits that are listed."""
    return pilot.app.screen.query_one(HitList).hits


def text_of(pilot: Pilot[None], selector: str) -> str:
    """What a static widget says."""
    return str(pilot.app.screen.query_one(selector, Static).visual)


def place_shown(pilot: Pilot[None]) -> str:
    """Which page the preview says it shows."""
    return str(pilot.app.screen.query_one(Preview).border_subtitle)


def screen_text(pilot: Pilot[None]) -> str:
    """Every character on the screen, line by line."""
    width, height = pilot.app.size
    strips = pilot.app.screen._compositor.render_strips()
    assert len(strips) == height
    assert width > 0
    return "\n".join(strip.text for strip in strips)


def notifications(pilot: Pilot[None]) -> list[str]:
    """What has been notified."""
    return [notice.message for notice in pilot.app._notifications]
