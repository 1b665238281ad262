"""Rounds of learning as real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from docsearch.errors import DocsearchError
from docsearch.library import Library
from docsearch.tui.app import DocsearchApp
from docsearch.tui.learning_process import GENTLE, NICEST, LearningProcess
from tests.tui.running import notifications, screen_text, settled, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and niceness are those of POSIX")


async def test_too_little_to_learn_from_is_told_on_the_screen(home: Path, tmp_path: Path) -> None:
    app = DocsearchApp(lambda: Library(home), tmp_path / "docsearch.log", learner=LearningProcess(home))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("escape")
        await pilot.press("f10")
        await settled(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "Nothing changes" in screen_text(pilot) or bool(notifications(pilot)))
        await settled(pilot)
        assert "0 queries with a chosen page; 20 are needed" in screen_text(pilot)


async def test_settings_that_cannot_be_read_end_it_with_the_reason(home: Path) -> None:
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_text("[learn]\nlog = 3\n")
    with pytest.raises(DocsearchError, match="log"):
        [event async for event in LearningProcess(home).events("--json")]


async def test_a_round_that_nobody_waits_for_is_gentle_and_can_be_stopped(home: Path) -> None:
    process = LearningProcess(home)
    async with aclosing(process.events("--if-due", "--json", gentle=True)) as events:
        first = asyncio.ensure_future(anext(events, None))
        while process._process is None:
            await asyncio.sleep(0)
        pid = process._process.pid
        nice = os.getpriority(os.PRIO_PROCESS, 0) + GENTLE
        assert os.getpriority(os.PRIO_PROCESS, pid) == min(nice, NICEST)
        process.stop()
        with pytest.raises((RuntimeError, DocsearchError)):
            await first


async def test_leaving_half_way_leaves_no_process(home: Path) -> None:
    process = LearningProcess(home)
    events = process.events("--json")
    first = asyncio.ensure_future(anext(events, None))
    while process._process is None:
        await asyncio.sleep(0)
    running = process._process
    first.cancel()
    assert await running.wait() in (-signal.SIGINT, 1, 130)
