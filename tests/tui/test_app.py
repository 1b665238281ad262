"""Help, themes, leaving, and what opening the app costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.widgets import Static

from docsearch.tui.app import DocsearchApp, help_sections, native_messages_to
from docsearch.tui.boundary import MAX_LOG_BYTES, ErrorLog
from docsearch.tui.screens.help import HelpScreen
from docsearch.tui.themes import DARK, LIGHT, NO_COLOUR, chosen_theme
from tests.tui.fake import FakeLibrary, opens
from tests.tui.running import running, settled

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ["lancedb", "torch", "pymupdf", "sentence_transformers", "numpy", "PIL"]
LATER = ["docsearch.library", "docsearch.models", "docsearch.records.answers", "docsearch.records.learning"]


def test_importing_the_app_loads_nothing_heavy() -> None:
    code = f"import sys, docsearch.tui.app; print([m for m in {HEAVY + LATER} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_help_lists_every_key_with_a_description(tmp_path: Path) -> None:
    async with running(FakeLibrary(), tmp_path) as pilot:
        await pilot.press("f1")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HelpScreen)
        shown = str(pilot.app.screen.query_one("#help Static", Static).visual)
        bindings = [b for _, section in help_sections() for b in section if isinstance(b, Binding)]
        assert len(bindings) > 15
        for binding in bindings:
            assert binding.description
            assert (binding.tooltip or binding.description) in shown
        assert "after:2024-01" in shown
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, HelpScreen)


async def test_leaving_closes_every_library_that_was_opened(tmp_path: Path) -> None:
    library = FakeLibrary()
    async with running(library, tmp_path) as pilot:
        await pilot.press("ctrl+q")
    assert library.asked.count(("close",)) == 3


async def test_the_palette_has_our_commands(tmp_path: Path) -> None:
    async with running(FakeLibrary(), tmp_path) as pilot:
        titles = {command.title for command in pilot.app.get_system_commands(pilot.app.screen)}
        assert {"Folders", "Add a folder", "Update the index", "Open the page", "Theme"} <= titles


async def test_a_failure_of_the_interface_leaves_a_line_and_a_log(tmp_path: Path) -> None:
    app = DocsearchApp(opens(FakeLibrary()), tmp_path / "docsearch.log")

    def fail() -> None:
        raise ZeroDivisionError("the cause")

    async def use() -> None:
        async with app.run_test() as pilot:
            await settled(pilot)
            app.call_later(fail)
            await pilot.pause()

    with pytest.raises(ZeroDivisionError):
        await use()
    assert "ZeroDivisionError: the cause" in (tmp_path / "docsearch.log").read_text()


@pytest.mark.parametrize(
    ("setting", "environment", "theme"),
    [
        ("auto", {"COLORFGBG": "15;0"}, DARK),
        ("auto", {"COLORFGBG": "0;15"}, LIGHT),
        ("auto", {"COLORFGBG": "0;default;15"}, LIGHT),
        ("auto", {}, DARK),
        ("auto", {"NO_COLOR": "1", "COLORFGBG": "0;15"}, NO_COLOUR),
        ("light", {"NO_COLOR": "1"}, LIGHT),
        ("dracula", {}, "dracula"),
    ],
)
def test_the_theme_follows_settings_and_terminal(
    setting: str, environment: dict[str, str], theme: str
) -> None:
    assert chosen_theme(setting, environment) == theme


def test_a_long_log_starts_afresh(tmp_path: Path) -> None:
    log = ErrorLog(tmp_path / "folder" / "docsearch.log")
    log.write(ValueError("first"))
    with log.path.open("a") as file:
        file.write("x" * MAX_LOG_BYTES)
    log.write(ValueError("second"))
    assert "first" not in log.path.read_text()
    assert "second" in log.path.read_text()
    assert log.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_log_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ErrorLog(tmp_path / "file" / "docsearch.log").write(ValueError("lost"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_native_code_writes_to_stderr_goes_to_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = ErrorLog(tmp_path / "docsearch.log")
    with native_messages_to(log):
        os.write(2, b"a warning of some library\n")
        print("drawn by the app", file=sys.__stderr__, flush=True)
    os.write(2, b"after\n")
    assert log.path.read_text() == "a warning of some library\n"
    assert capfd.readouterr().err == "drawn by the app\nafter\n"
