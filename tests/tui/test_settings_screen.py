"""The settings screen: what is listed, changed, refused, and seen at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import OptionList

from docsearch.config import load_settings
from docsearch.tui.app import DocsearchApp
from docsearch.tui.screens.settings import SettingsScreen
from docsearch.tui.themes import HIGH_CONTRAST
from tests.tui.fake import FakeLibrary, opens
from tests.tui.running import WIDE, screen_text, settled, text_of


@asynccontextmanager
async def at_setting(path: Path, key: str) -> AsyncIterator[Pilot[None]]:
    """The settings screen with the cursor on a setting."""
    app = DocsearchApp(opens(FakeLibrary()), path.with_name("log"), settings=path)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("f8")
        await settled(pilot)
        screen = app.screen
        assert isinstance(screen, SettingsScreen)
        rows = [setting.key for setting in screen.settings]
        screen.query_one(OptionList).highlighted = rows.index(key)
        await settled(pilot)
        yield pilot


async def test_a_setting_is_changed_and_counts_at_once(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    async with at_setting(path, "theme") as pilot:
        assert "Colours of the search screen" in text_of(pilot, "#meaning")
        await pilot.press("enter")
        await pilot.pause()
        pilot.app.screen.query_one("#value").value = HIGH_CONTRAST  # type: ignore[attr-defined]
        await pilot.press("enter")
        await settled(pilot)
        assert load_settings(path).view.theme == HIGH_CONTRAST
        assert pilot.app.theme == HIGH_CONTRAST
        await pilot.press("backspace")
        await settled(pilot)
        assert load_settings(path).view.theme == "auto"


async def test_yes_becomes_no(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    async with at_setting(path, "thumbnails") as pilot:
        await pilot.press("enter")
        await settled(pilot)
        assert load_settings(path).view.thumbnails is False
        await pilot.press("escape")
        await settled(pilot)
        assert not isinstance(pilot.app.screen, SettingsScreen)


async def test_a_wrong_value_is_explained_and_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    async with at_setting(path, "workers") as pilot:
        await pilot.press("enter", "x", "enter")
        await pilot.pause()
        assert "must be a whole number" in text_of(pilot, "#problem")
        await pilot.press("escape")
        await settled(pilot)
    assert not path.exists()


async def test_passwords_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[index]\npasswords = ["hunter2"]\n')
    async with at_setting(path, "passwords") as pilot:
        assert "hunter2" not in screen_text(pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert "hunter2" not in screen_text(pilot)


async def test_a_theme_chosen_in_the_palette_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    app = DocsearchApp(opens(FakeLibrary()), tmp_path / "log", settings=path)
    async with app.run_test() as pilot:
        await settled(pilot)
        app.theme = "nord"
        await settled(pilot)
    assert load_settings(path).view.theme == "nord"
