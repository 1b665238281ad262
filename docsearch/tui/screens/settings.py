"""The settings screen: every setting with what it means, to be changed in place."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from docsearch.config import Settings, load_settings
from docsearch.errors import SettingsError
from docsearch.library.settings_file import Setting, Value, all_settings, save_setting, typed_value
from docsearch.tui.text import MUTED, literal

if TYPE_CHECKING:
    from docsearch.tui.session import Session


class EditSetting(ModalScreen[Value | None]):
    """Asks for the value of a setting."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Cancel")]

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._setting = setting

    def compose(self) -> ComposeResult:
        """What it means, and a line."""
        with Vertical(classes="dialog") as box:
            box.border_title = literal(f"{self._setting.section} · {self._setting.key}")
            yield Static(literal(self._setting.meaning), markup=False)
            yield Input(shown(self._setting.value), id="value", password=self._setting.secret)
            hint = f"enter saves, esc cancels · by default {shown(self._setting.default) or 'empty'}"
            yield Static(literal(hint, MUTED), id="problem", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes a value of the right kind."""
        try:
            self.dismiss(typed_value(self._setting, event.value))
        except SettingsError as error:
            self.query_one("#problem", Static).update(literal(error.message, "$text-error"))


class SettingsScreen(Screen[None]):
    """Lists all settings.

    Args:
        path: the file they are in.
    """

    TITLE = "Settings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f8", "close", "Back", key_display="esc"),
        Binding("enter", "edit", "Change"),
        Binding("backspace,delete", "default", "Back to the default"),
        Binding("j", "move(1)", "Next", show=False),
        Binding("k", "move(-1)", "Previous", show=False),
    ]

    class Changed(Message):
        """Settings have changed."""

        def __init__(self, settings: Settings) -> None:
            super().__init__()
            self.settings = settings

    def __init__(self, session: Session, path: Path) -> None:
        super().__init__()
        self.session = session
        self.settings: list[Setting] = []
        self._path = path

    def compose(self) -> ComposeResult:
        """A list, and what the chosen one means."""
        with Vertical(classes="panel", id="settings-box") as box:
            box.border_title = "Settings"
            box.border_subtitle = literal(str(self._path))
            yield OptionList(id="settings", markup=False)
        yield Static(id="meaning", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Reads the file."""
        self.query_one(OptionList).focus()
        self.session.boundary.start(self, self._load, "settings")

    async def _load(self) -> None:
        settings = await asyncio.to_thread(load_settings, self._path)
        self._show(await asyncio.to_thread(all_settings, settings))

    def _show(self, settings: Sequence[Setting]) -> None:
        self.settings = list(settings)
        options = self.query_one(OptionList)
        row = options.highlighted or 0
        options.clear_options()
        options.add_options(Option(line) for line in setting_lines(self.settings))
        options.highlighted = min(row, len(self.settings) - 1)

    @property
    def chosen(self) -> Setting | None:
        """The setting under the cursor."""
        row = self.query_one(OptionList).highlighted
        return self.settings[row] if row is not None and row < len(self.settings) else None

    def on_option_list_option_highlighted(self) -> None:
        """Tells what it means."""
        if self.chosen is not None:
            self.query_one("#meaning", Static).update(literal(self.chosen.meaning, MUTED))

    def on_option_list_option_selected(self) -> None:
        """Enter or a click."""
        self.action_edit()

    def action_edit(self) -> None:
        """Changes a setting: what can only be yes or no at once, others in a line."""
        setting = self.chosen
        if setting is None:
            return
        if isinstance(setting.value, bool):
            self._save(setting, not setting.value)
        else:
            self.app.push_screen(EditSetting(setting), partial(self._save, setting))

    def action_default(self) -> None:
        """Sets what it is when nothing is set."""
        if self.chosen is not None:
            self._save(self.chosen, self.chosen.default)

    def action_move(self, rows: int) -> None:
        """As the arrow keys do."""
        options = self.query_one(OptionList)
        options.action_cursor_down() if rows > 0 else options.action_cursor_up()

    def _save(self, setting: Setting, value: Value | None) -> None:
        if value is not None and value != setting.value:
            self.session.boundary.start(self, partial(self._write, setting, value), "settings")

    async def _write(self, setting: Setting, value: Value) -> None:
        settings = await asyncio.to_thread(save_setting, self._path, setting, value)
        self._show(await asyncio.to_thread(all_settings, settings))
        self.app.post_message(self.Changed(settings))
        if setting.section != "view":
            self.notify("Saved. It counts from the next start.", markup=False, timeout=3)

    def action_close(self) -> None:
        """Back to the search."""
        self.app.pop_screen()


def setting_lines(settings: Sequence[Setting]) -> list[Content]:
    """A line each: the section where it begins, the key, and the value, bold when it is not the default."""
    lines, section = [], ""
    for setting in settings:
        name = setting.section if setting.section != section else ""
        section = setting.section
        value = "••••" if setting.secret and setting.value else shown(setting.value)
        style = "bold $text-accent" if setting.value != setting.default else MUTED
        heading = (f"{name:<9}", "bold $text-primary")
        lines.append(Content.assemble(heading, f" {setting.key:<22} ", literal(value, style)))
    return lines


def shown(value: Value) -> str:
    """A value as a person writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
