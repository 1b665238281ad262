"""The line the query is typed into; keys that mean nothing in a line go to the results."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import Reactive
from textual.suggester import Suggester
from textual.widgets import Input

from docsearch.config import is_there, typed_path
from docsearch.tui.completion import Choice, choices
from docsearch.tui.history import History, Walk

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".pdf"})


class PastQueries(Suggester):
    """Suggests the last query that begins as typed."""

    def __init__(self, history: History) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._history = history

    async def get_suggestion(self, value: str) -> str | None:
        """The whole query."""
        return self._history.beginning(value) if len(value) > 1 else None


class QueryInput(Input):
    """A search box from which the results can be walked through.

    Args:
        history: past queries.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "screen.move_cursor(-1)", "Previous result, or past query", show=False),
        Binding("down", "screen.move_cursor(1)", "Next result, or past query", show=False),
        Binding("alt+up,ctrl+up", "past(1)", "Past query", show=False),
        Binding("alt+down,ctrl+down", "past(-1)", "Back to newer queries", show=False),
    ]

    virtual_size: Reactive[Size] = Reactive(Size(0, 0))
    """What is typed grows inside the line: nothing around it is laid out anew, as Textual's own would be."""

    @dataclass
    class PicturePasted(Message):
        """The path of a picture was pasted: it is to be searched with."""

        path: Path

    @dataclass
    class Completing(Message):
        """The word at the cursor can be completed to these; empty when it can not."""

        choices: list[Choice]

    def __init__(self, history: History, *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, id=id, suggester=PastQueries(history))
        self.cursor_blink = False
        self._history = history
        self._walk: Walk | None = None
        self._walked = ""
        self.completions: Callable[[], Mapping[str, Sequence[str]]] = dict

    def take(self, choice: Choice) -> None:
        """Completes the word at the cursor."""
        self.value = choice.line
        self.cursor_position = choice.cursor

    def watch_cursor_position(self) -> None:
        """Tells what can be completed where the cursor is now."""
        self._tell_choices()

    def on_input_changed(self) -> None:
        """Tells what can be completed; typing ends a walk through the past."""
        self._tell_choices()
        if self.value != self._walked:
            self._walk = None

    def _tell_choices(self) -> None:
        found = choices(self.value, self.cursor_position, self.completions()) if self.has_focus else []
        self.post_message(self.Completing(found))

    def action_past(self, back: int) -> None:
        """Walks through past queries."""
        if self._walk is None:
            self._walk = Walk(self._history.queries, self.value)
        self._walked = self._walk.step(back)
        self.value = self._walked
        self.cursor_position = len(self.value)

    def on_paste(self, event: events.Paste) -> None:
        """A path of a picture is one to search with; anything else is text."""
        path = pasted_picture(event.text)
        if path is not None:
            event.prevent_default()
            event.stop()
            self.post_message(self.PicturePasted(path))


def pasted_picture(text: str) -> Path | None:
    """The picture that a pasted text names, as file managers and terminals write paths; None for words."""
    text = text.strip()
    if not text or "\n" in text or len(text) > 4096:
        return None
    found = [text]
    with suppress(ValueError):
        found += [unquote(urlsplit(text).path)] if text.startswith("file://") else shlex.split(text)[:1]
    for name in found:
        path = Path(name)
        if path.suffix.lower() in PICTURES and ("/" in name or "\\" in name):
            path = typed_path(path)
            if is_there(path) and path.is_file():
                return path
    return None
