"""The terminal app: opens the screens and keeps what fails from reaching the terminal.

Importing it loads no model, no PDF reader and no table library; that waits until the first frame is out.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme

from docsearch.config import ViewSettings, folders, load_settings
from docsearch.tui.boundary import ErrorLog
from docsearch.tui.garbage import Garbage
from docsearch.tui.graphics import BLOCKS, graphics_of, terminal_picture
from docsearch.tui.history import History
from docsearch.tui.learning_process import LearningProcess, LearningRunner
from docsearch.tui.opening import Libraries
from docsearch.tui.screens.answer_keys import AnswerKeys
from docsearch.tui.screens.page_keys import PageKeys
from docsearch.tui.screens.search import SearchScreen
from docsearch.tui.session import Session
from docsearch.tui.themes import DARK, HIGH_CONTRAST, NO_COLOUR, chosen_theme, own_themes
from docsearch.tui.watching import ScreenWatcher
from docsearch.tui.widgets.answer import AnswerPane
from docsearch.tui.widgets.block_image import IN_BLOCKS
from docsearch.tui.widgets.hits import HitList
from docsearch.tui.widgets.preview import Preview
from docsearch.tui.widgets.query_input import QueryInput

if TYPE_CHECKING:
    from docsearch.tui.indexing import IndexingState
    from docsearch.tui.ports import LibraryPort
    from docsearch.tui.screens.help import Section
    from docsearch.tui.screens.models import ModelsScreen
    from docsearch.tui.screens.settings import SettingsScreen

LOG_NAME = "docsearch.log"
HISTORY_NAME = "history"
SWITCH_SECONDS = 0.001
"""How long a thread that works keeps the screen waiting; Python's own 5 ms add up while results come."""
TERMINAL_SECONDS = 2.0
WATCH_AFTER_SECONDS = 3.0
"""The watcher starts when the first search is out of the way."""
CITED = Binding("1", "", "Show a page that the answer names", key_display="1 … 9")


class DocsearchApp(App[None]):
    """Search over one library.

    Args:
        open_library: opens a library; called once in each thread that needs one.
        log: the file for unexpected errors.
        graphics: what the terminal can draw pages with.
        watcher: keeps the index current while the app runs; none in tests.
        history: past queries.
        view: colours and the like.
        settings: the file of the settings.
        learner: runs rounds of learning; none in tests.
        garbage: keeps collections for when the user rests; none in tests.
    """

    TITLE = "docsearch"
    CSS_PATH = "docsearch.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", tooltip="This help"),
        Binding("f2", "folders", "Folders", tooltip="What is searched, what failed, indexing"),
        Binding("f9", "models", "Models", show=False, tooltip="Which there are, and which are in use"),
        Binding(
            "f10", "learning", "Learning", show=False, tooltip="What search learned from what you opened"
        ),
        Binding("f8", "settings", "Settings", show=False, tooltip="Every setting, and what it means"),
        Binding("ctrl+p", "command_palette", "All commands", show=False),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(
        self,
        open_library: Callable[[], LibraryPort],
        log: Path,
        graphics: str = BLOCKS,
        watcher: ScreenWatcher | None = None,
        history: History | None = None,
        view: ViewSettings | None = None,
        settings: Path | None = None,
        learner: LearningRunner | None = None,
        garbage: Garbage | None = None,
    ) -> None:
        view = view or ViewSettings()
        super().__init__()
        self._settings = settings
        self._graphics = graphics
        self._thumbnails = view.thumbnails
        for theme in own_themes():
            self.register_theme(theme)
        self._begin_with(chosen_theme(view.theme, os.environ))
        past = history or History()
        self.session = Session(self, open_library, ErrorLog(log), IN_BLOCKS, past, learner)
        self._welcomed = False
        self._early: list[events.Event] | None = []
        self._watcher = watcher
        self._garbage = garbage

    def get_default_screen(self) -> Screen[None]:
        """The search."""
        return SearchScreen(self.session)

    async def on_event(self, event: events.Event) -> None:
        """Keys that come before there is anything to type into are kept for then."""
        if isinstance(event, events.InputEvent):
            self.session.idle.touch()
            if self._garbage is not None:
                self._garbage.touch()
        if self._early is not None and isinstance(event, events.Key | events.Paste):
            self._early.append(event)
            return
        await super().on_event(event)

    def on_search_screen_ready(self) -> None:
        """Hands out the keys that came too early."""
        early, self._early = self._early or [], None
        for event in early:
            self.post_message(event)
        self.screen_stack[0].query_one(HitList).with_thumbnails = self._thumbnails
        if self._graphics != BLOCKS:
            self.session.boundary.start(self, self._use_graphics, "graphics")

    async def _use_graphics(self) -> None:
        picture = await asyncio.to_thread(terminal_picture, self._graphics)
        await self.screen_stack[0].query_one(Preview).use(picture)

    def on_search_screen_no_folders(self) -> None:
        """The first run asks for a folder, once."""
        if not self._welcomed:
            from docsearch.tui.screens.welcome import WelcomeScreen

            self._welcomed = True
            self.push_screen(WelcomeScreen(self.session))

    def on_mount(self) -> None:
        """The screen comes first, then what keeps it fresh."""
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        self._mark_contrast(self.current_theme)
        self.session.freshness.start()
        self.session.idle.start()
        if self._garbage is not None:
            self._garbage.start(self)
        if self._watcher is not None:
            self.set_timer(WATCH_AFTER_SECONDS, self._watcher.start)
            self.session.indexing.changed.subscribe(self, self._watch_again)

    async def on_unmount(self) -> None:
        """Leaves no library open."""
        if self._watcher is not None:
            self._watcher.stop()
        self.session.indexing.stop()
        self.session.rounds.stop()
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
        yield SystemCommand("Pause indexing", "What is done is kept", self.session.indexing.stop)
        yield SystemCommand("Settings", "Every setting, and what it means", self.action_settings)
        yield SystemCommand("Models", "Which there are, and which are in use", self.action_models)
        yield SystemCommand("Learning", "What search learned from what you opened", self.action_learning)
        yield SystemCommand("Forget past queries", "Here and on disk", self.session.history.forget)
        yield SystemCommand("Help", "Every key, and the query language", self.action_help)
        if isinstance(screen, SearchScreen):
            yield SystemCommand("Open the page", "In the desktop's viewer", screen.action_open)
            yield SystemCommand("Answer", "What was typed, from the pages found", screen.action_ask)
            yield SystemCommand("Search by picture", "For the page it shows", screen.action_pick_picture)
            yield SystemCommand("More like this page", "Pages about the same", screen.action_more_like)
            yield SystemCommand("Right", "This page was looked for", partial(screen.action_judge, True))
            yield SystemCommand("Wrong", "This page was not", partial(screen.action_judge, False))
            yield SystemCommand("Outline", "The bookmarks of the document", screen.action_outline)
            yield SystemCommand("Cite", "Copy title, page and file name", screen.action_copy_citation)
            yield SystemCommand("Copy the text", "Of the page", screen.action_copy_text)
            yield SystemCommand("Reveal", "Show the file in the file manager", screen.action_reveal)
            yield SystemCommand("Copy the path", "Of the chosen result", screen.action_copy_path)
            yield SystemCommand("Page as text or image", "In the preview", screen.action_toggle_text)
            yield SystemCommand("Preview", "Show or hide it", screen.action_toggle_preview)

    def action_settings(self) -> None:
        """The settings, from the search."""
        from docsearch.tui.screens.settings import SettingsScreen

        if isinstance(self.screen, SearchScreen) and self._settings is not None:
            self.push_screen(SettingsScreen(self.session, self._settings))

    def action_models(self) -> None:
        """The models, from the search."""
        from docsearch.tui.screens.models import ModelsScreen

        if isinstance(self.screen, SearchScreen):
            self.push_screen(ModelsScreen(self.session))

    def action_learning(self) -> None:
        """What was learned, from the search."""
        from docsearch.tui.screens.learning import LearningScreen

        if isinstance(self.screen, SearchScreen):
            self.push_screen(LearningScreen(self.session))

    def on_models_screen_switched(self, event: ModelsScreen.Switched) -> None:
        """Pages get the vectors of another embedder; the one before serves until they have."""
        if event.model.role == "embedder":
            self.session.boundary.start(self, self._embed_anew, "embed")

    async def _embed_anew(self) -> None:
        """A watcher knows the model before: it starts again when this run has ended."""
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.stop_and_wait)
        if not self.session.indexing.start():
            self.notify("The vectors are made by the next update of the index.", markup=False)

    def _watch_again(self, state: IndexingState) -> None:
        if self._watcher is not None and not state.running and not self._watcher.running:
            self._watcher.start()

    def on_settings_screen_changed(self, event: SettingsScreen.Changed) -> None:
        """Other colours at once."""
        self._take_theme(chosen_theme(event.settings.view.theme, os.environ))

    def _begin_with(self, theme: str) -> None:
        """The first theme is in the style sheet before that is read: set later, it would be read twice."""
        self._take_theme(theme)
        self._variables = self.get_css_variables()
        self.stylesheet.set_variables(self._variables)

    def refresh_css(self, animate: bool = True) -> None:
        """Other colours; Textual asks for it at the start too, when they are what they are already."""
        variables = self.get_css_variables()
        if variables != self._variables:
            self._variables = variables
            super().refresh_css(animate)

    def _take_theme(self, name: str) -> None:
        """A theme by its name."""
        self._theme_set = self.theme = self._known_theme(name)

    def _known_theme(self, name: str) -> str:
        """One that does not exist is the dark one."""
        return name if name in self.available_themes else DARK

    def _theme_changed(self, theme: Theme) -> None:
        """A theme that was chosen in the palette is the one to start with from now on."""
        self._mark_contrast(theme)
        if theme.name != self._theme_set:
            self._theme_set = theme.name
            if self._settings is not None:
                self.session.boundary.start(self, partial(self._save_theme, self._settings), "theme")

    async def _save_theme(self, path: Path) -> None:
        from docsearch.library.settings_file import save_setting, setting_named

        setting = setting_named(await asyncio.to_thread(load_settings, path), "view", "theme")
        await asyncio.to_thread(save_setting, path, setting, self._theme_set)

    def _mark_contrast(self, theme: Theme) -> None:
        """Where colours are few, edges are strong."""
        self.set_class(theme.name in (HIGH_CONTRAST, NO_COLOUR), "-contrast")

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
    from docsearch.tui.screens.learning import LearningScreen
    from docsearch.tui.screens.models import ModelsScreen
    from docsearch.tui.screens.settings import SettingsScreen

    return [
        ("Everywhere", DocsearchApp.BINDINGS),
        ("Search", [*QueryInput.BINDINGS, *SearchScreen.OWN_KEYS]),
        ("Results", HitList.BINDINGS),
        ("Page", [*PageKeys.KEYS, *Preview.BINDINGS]),
        ("Answer", [*AnswerKeys.KEYS[:1], CITED, *AnswerPane.BINDINGS]),
        ("Folders", FoldersScreen.BINDINGS),
        ("Models", ModelsScreen.BINDINGS),
        ("Learning", LearningScreen.BINDINGS),
        ("Settings", SettingsScreen.BINDINGS),
    ]


def run(home: Path | None = None) -> None:
    """Opens the app on the user's index, or on the one below `home`."""
    places = folders(home)
    log = places.cache / LOG_NAME
    settings = load_settings(places.settings)
    history = History(places.index.with_name(HISTORY_NAME) if settings.view.history else None)
    watcher = ScreenWatcher(home, places.cache) if settings.watch.screen else None
    sys.setswitchinterval(SWITCH_SECONDS)
    end_with_terminal()
    with native_messages_to(ErrorLog(log)):
        view, file, graphics = settings.view, places.settings, graphics_of(settings.view.images, os.environ)
        learner = LearningProcess(home)
        libraries = Libraries(home, settings.models)
        DocsearchApp(libraries, log, graphics, watcher, history, view, file, learner, Garbage()).run()


def end_with_terminal() -> None:
    """Ends the program when its terminal is gone and no signal said so, as where it was started without one.

    Textual would read on from nowhere, without rest, and wait for a last frame to be written.
    """

    def watch() -> None:
        while os.isatty(0):
            time.sleep(TERMINAL_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    if os.isatty(0):
        Thread(target=watch, name="docsearch-terminal", daemon=True).start()


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
        with suppress(OSError):  # it is gone
            terminal.flush()
        os.dup2(terminal.fileno(), 2)
        sys.__stderr__ = original  # type: ignore[misc]
        with suppress(OSError):
            terminal.close()
