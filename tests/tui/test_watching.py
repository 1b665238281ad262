"""The watcher that lives as long as the screen, as a real process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from docsearch.library import Library
from docsearch.tui.app import DocsearchApp
from docsearch.tui.watching import LOG_NAME, ScreenWatcher
from tests.documents import text_file
from tests.tui.running import WIDE, hits, settled, type_query, until
from tests.watching import SETTINGS
from tests.watching import until as until_true

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the events are inotify's")


async def test_the_screen_watches_by_itself_and_shows_what_is_new(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (home / "settings.toml").write_text(SETTINGS)
    folder = tmp_path / "papers"
    folder.mkdir()
    with Library(home) as library:
        library.store.files.add_root(folder)
    watcher = ScreenWatcher(home, home / "cache")
    app = DocsearchApp(lambda: Library(home), tmp_path / "docsearch.log", watcher=watcher)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await type_query(pilot, "lighthouse")
        await settled(pilot)
        assert hits(pilot) == []
        text_file(folder / "letter.txt", "A letter about a lighthouse")
        await until(pilot, lambda: [hit.path.name for hit in hits(pilot)] == ["letter.txt"])
        with Library(home) as library:
            assert library.watcher() is not None
    with Library(home) as library:
        until_true(lambda: library.watcher() is None, "the end of the watcher")
    assert "Traceback" not in (home / "cache" / LOG_NAME).read_text()
