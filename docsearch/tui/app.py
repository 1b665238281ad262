"""The terminal app: opens the screens and keeps what fails from reaching the terminal.

Importing it loads no model, no PDF reader and no table library; that waits until the first frame is out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget

from docsearch.config import folders, load_settings
from docsearch.library import Library
from docsearch.tui.boundary import ErrorLog
from docsearch.tui.history import History
from docsearch.tui.ports import LibraryPort
from docsearch.tui.screens.answer_keys import AnswerKeys
from docsearch.tui.screens.page_keys import PageKeys
from docsearch.tui.screens.search import SearchScreen
from docsearch.tui.session import Session
from docsearch.tui.watching import ScreenWatcher
from docsearch.tui.widgets.answer import AnswerPane
from docsearch.tui.widgets.block_image import BlockImage
from docsearch.tui.widgets.hits import HitList
from docsearch.tui.widgets.preview import Preview
from docsearch.tui.widgets.query_input import QueryInput

if TYPE_CHECKING:
    from docsearch.tui.screens.help import Section

LOG_NAME = "docsearch.log"
HISTORY_NAME = "history"
WATCH_AFTER_SECONDS = 3.0
"""The watcher starts when the first search is out of the way."""
CITED = Binding("1", "", "Show a page that the answer names", key_display="1 … 9")
DARK, LIGHT = "tokyo-night", "atom-one-light"


class DocsearchApp(App[None]):
    """Search over one library.

    Args:
        open_library: opens a library; called once in each thread that needs one.
        log: the file for unexpected errors.
        picture: the widget class for page images.
        watcher: keeps the index current while the app runs; none in tests.
        history: past queries.
    """

    TITLE = "docsearch"
    CSS_PATH = "docsearch.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", tooltip="This help"),
        Binding("f2", "folders", "Folders", tooltip="What is searched, what failed, indexing"),
        Binding("ctrl+p", "command_palette", "All commands", show=False),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(
        self,
        open_library: Callable[[], LibraryPort],
        log: Path,
        picture: type[Widget] = BlockImage,
        watcher: ScreenWatcher | None = None,
        history: History | None = None,
    ) -> None:
        super().__init__()
        self.theme = preferred_theme(os.environ.get("COLORFGBG", ""))
        self.session = Session(self, open_library, ErrorLog(log), picture, history or History())
        self._welcomed = False
        self._early: list[events.Event] | None = []
        self._watcher = watcher

    def get_default_screen(self) -> Screen[None]:
        """The search."""
        return SearchScreen(self.session)

    async def on_event(self, event: events.Event) -> None:
        """Keys that come before there is anything to type into are kept for then."""
        if self._early is not None and isinstance(event, events.Key | events.Paste):
            self._early.append(event)
            return
        await super().on_event(event)

    def on_search_screen_ready(self) -> None:
        """Hands out the keys that came too early."""
        early, self._early = self._early or [], None
        for event in early:
            self.post_message(event)

    def on_search_screen_no_folders(self) -> None:
        """The first run asks for a folder, once."""
        if not self._welcomed:
            from docsearch.tui.screens.welcome import WelcomeScreen

            self._welcomed = True
            self.push_screen(WelcomeScreen(self.session))

    def on_mount(self) -> None:
        """The screen comes first, then what keeps it fresh."""
        self.session.freshness.start()
        if self._watcher is not None:
            self.set_timer(WATCH_AFTER_SECONDS, self._watcher.start)

    async def on_unmount(self) -> None:
        """Leaves no library open."""
        if self._watcher is not None:
            self._watcher.stop()
        self.session.indexing.stop()
        await self.session.close()

    def action_help(self) -> None:
        """Every key there is."""
        from docsearch.tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(help_sections()))

    def action_folders(self) -> None:
        """The folders, from the search."""
        from docsearch.tui.screens.folders import FoldersScreen

        if isinstance(self.screen, SearchScreen):
            self.push_screen(FoldersScreen(self.session))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: Textual's commands and ours."""
        yield from super().get_system_commands(screen)
        yield SystemCommand("Folders", "What is searched, and what could not be read", self.action_folders)
        yield SystemCommand("Add a folder", "Make a folder or a file searchable", self._ask_for_folder)
        yield SystemCommand("Update the index", "Read what has changed", self.session.indexing.start)
        yield SystemCommand("Stop indexing", "What is done is kept", self.session.indexing.stop)
        yield SystemCommand("Help", "Every key, and the query language", self.action_help)
        if isinstance(screen, SearchScreen):
            yield SystemCommand("Open the page", "In the desktop's viewer", screen.action_open)
            yield SystemCommand("Copy the path", "Of the chosen result", screen.action_copy_path)
            yield SystemCommand("Page as text or image", "In the preview", screen.action_toggle_text)
            yield SystemCommand("Preview", "Show or hide it", screen.action_toggle_preview)

    def _ask_for_folder(self) -> None:
        from docsearch.tui.screens.dialogs import AddFolder

        self.push_screen(AddFolder(), self._add_folder)

    def _add_folder(self, path: Path | None) -> None:
        if path is not None:
            self.session.indexing.start([path])

    def _fatal_error(self) -> None:
        """What fails in the interface itself ends it, with a line instead of a traceback."""
        error = sys.exc_info()[1] or self._exception
        if error is not None:
            self.session.boundary.log.write(error)
        self.panic(f"docsearch stopped: something went wrong, see {self.session.boundary.log.path}")


def help_sections() -> list[Section]:
    """The keys of every screen."""
    from docsearch.tui.screens.folders import FoldersScreen

    return [
        ("Everywhere", DocsearchApp.BINDINGS),
        ("Search", [*QueryInput.BINDINGS, *SearchScreen.BINDINGS]),
        ("Results", HitList.BINDINGS),
        ("Page", [*PageKeys.BINDINGS, *Preview.BINDINGS]),
        (
            "Answer",
            [
                *AnswerKeys.BINDINGS[:1],
                Binding("1", "", "", key_display="1 … 9", tooltip="Show a page that the answer names"),
                *AnswerPane.BINDINGS,
            ],
        ),
        ("Folders", FoldersScreen.BINDINGS),
    ]


def preferred_theme(colours: str) -> str:
    """Light when the terminal says, in COLORFGBG, that its background is; dark otherwise."""
    return LIGHT if colours.rpartition(";")[2] in {"7", "15"} else DARK


def run(home: Path | None = None) -> None:
    """Opens the app on the user's index, or on the one below `home`."""
    places = folders(home)
    log = places.cache / LOG_NAME
    picture = BlockImage
    history = History(places.index.with_name(HISTORY_NAME))
    watches = load_settings(places.settings).watch.screen
    watcher = ScreenWatcher(home, places.cache) if watches else None
    with native_messages_to(ErrorLog(log)):
        DocsearchApp(lambda: Library(home), log, picture, watcher, history).run()


@contextmanager
def native_messages_to(log: ErrorLog) -> Iterator[None]:
    """Sends what C and Rust libraries and child processes write to stderr to the log, not over the screen.

    Textual draws on `sys.__stderr__`, which keeps the terminal.
    """
    original = sys.__stderr__
    try:
        target = log.open()
    except OSError:
        yield
        return
    terminal = os.fdopen(os.dup(2), "w", encoding="utf-8")
    os.dup2(target, 2)
    os.close(target)
    sys.__stderr__ = terminal  # type: ignore[misc]
    try:
        yield
    finally:
        terminal.flush()
        os.dup2(terminal.fileno(), 2)
        sys.__stderr__ = original  # type: ignore[misc]
        terminal.close()
