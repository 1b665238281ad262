"""Full collections wait until nobody types."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from docsearch.tui.app import DocsearchApp
from docsearch.tui.garbage import OLD, Garbage
from tests.tui.fake import FakeLibrary, opens
from tests.tui.running import settled, until


class Knot:
    """Refers to itself, so only a collection frees it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """As it was, afterwards."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


async def test_what_is_there_at_the_first_rest_is_not_looked_through_again(tmp_path: Path) -> None:
    app = DocsearchApp(opens(FakeLibrary()), tmp_path / "log", garbage=Garbage(rest_seconds=0.01))
    async with app.run_test() as pilot:
        await until(pilot, lambda: gc.get_freeze_count() > 0)
        assert gc.get_threshold()[2] == OLD


async def test_garbage_that_grew_old_goes_at_the_next_rest(tmp_path: Path) -> None:
    app = DocsearchApp(opens(FakeLibrary()), tmp_path / "log", garbage=Garbage(rest_seconds=0.01))
    async with app.run_test() as pilot:
        await until(pilot, lambda: gc.get_freeze_count() > 0)
        knot = Knot()
        gone = weakref.ref(knot)
        gc.collect(1)  # it is old now: younger collections pass it by
        del knot
        await pilot.press("a")
        await until(pilot, lambda: gone() is None)


async def test_keys_put_the_collection_off(tmp_path: Path) -> None:
    garbage = Garbage(rest_seconds=3600)
    app = DocsearchApp(opens(FakeLibrary()), tmp_path / "log", garbage=garbage)
    async with app.run_test() as pilot:
        await pilot.press(*"words")
        await settled(pilot)
        assert gc.get_freeze_count() == 0
