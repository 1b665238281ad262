"""The folders screen: what is searched, what could not be read, and indexing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.coordinate import Coordinate
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

from docsearch.tui.indexing import IndexingState
from docsearch.tui.screens.dialogs import AddFolder, Confirm
from docsearch.tui.text import MUTED, counted, literal, short_path, size_text, visible
from docsearch.tui.widgets.status_line import StatusLine, duration, pace_text

if TYPE_CHECKING:
    from docsearch.records import Failure, Root, Status
    from docsearch.tui.session import Session
    from docsearch.watch.state import WatcherState

FIGURE_CELLS = 52
"""What the figures beside a path take of a table."""
MIN_PATH_CELLS = 16
STATE_COLUMN = 4
LOOK_SECONDS = 2.0
"""How often the figures of folders are asked for."""


class FoldersScreen(Screen[None]):
    """Roots and failures."""

    TITLE = "Folders"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f2", "close", "Back", key_display="esc"),
        Binding("a,insert", "add", "Add"),
        Binding("d,delete", "remove", "Remove"),
        Binding("u", "update", "Update index"),
        Binding("r", "retry", "Retry failed"),
        Binding("s,space", "pause", "Pause/resume"),
        Binding("enter", "reveal", "Reveal", tooltip="Show the folder or the file in the file manager"),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.roots: tuple[Root, ...] = ()
        self.failures: tuple[Failure, ...] = ()
        self._marks: list[Text] = []

    def compose(self) -> ComposeResult:
        """Two tables and a summary."""
        with Vertical(id="roots-box", classes="panel") as box:
            box.border_title = "Folders that are searched"
            yield DataTable[Text](id="roots", cursor_type="row", zebra_stripes=True)
        yield Static(id="summary", markup=False)
        with Vertical(id="failures-box", classes="panel") as box:
            box.border_title = "Files that could not be read"
            yield DataTable[Text](id="failures", cursor_type="row", zebra_stripes=True)
        yield Vertical(id="rest")
        yield StatusLine(id="status")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Columns first, rows when the library has told them."""
        self._roots_table.add_columns("Path", "Files", "Pages", "Failed", "                 ")
        self._failures_table.add_columns("File", "Why")
        self._roots_table.focus()
        self.session.indexing.changed.subscribe(self, self.on_indexing)
        self.session.freshness.changed.subscribe(self, lambda _: self.load())
        self._show_indexing(self.session.indexing.state)
        self.set_interval(LOOK_SECONDS, self._look)
        self.load()

    def _look(self) -> None:
        """While pages come in, the figures of the folders grow, and the watcher tells what it does."""
        self.session.boundary.start(self, self._load_roots, "roots")

    async def _load_roots(self) -> None:
        watcher = await self.session.facts.call(lambda library: library.watcher())
        if not self.session.indexing.state.running:
            self.query_one(StatusLine).tell(watching_text(watcher))
        roots = await self.session.facts.call(lambda library: library.roots())
        if roots != self.roots:
            self._show_roots(roots)
            self._marks = []
            self._mark_current(self.session.indexing.state)

    def load(self) -> None:
        """Asks the library anew."""
        self.session.boundary.start(self, self._load, "facts")

    async def _load(self) -> None:
        self._show_roots(await self.session.facts.call(lambda library: library.roots()))
        status = await self.session.facts.call(lambda library: library.status())
        self._show_failures(status.failures)
        self.query_one("#summary", Static).update(_summary(status))

    def on_indexing(self, state: IndexingState) -> None:
        """Progress while it runs, new figures when it ends."""
        self._show_indexing(state)
        if not state.running:
            self.load()

    def _show_indexing(self, state: IndexingState) -> None:
        line = self.query_one(StatusLine)
        line.show_progress(state)
        self._mark_current(state)
        if state.running:
            line.say("" if state.stopping else pace_text(state) or "s pauses; what is done is kept")
        elif state.paused:
            line.say("Paused. s goes on where it stopped.")
        else:
            line.say(f"Last run: {counted(len(state.failures), 'new failure')}" if state.failures else "")

    def _mark_current(self, state: IndexingState) -> None:
        """Says at which folder a run is."""
        marks = [_state_of(root, state) for root in self.roots]
        if marks != self._marks and len(marks) == self._roots_table.row_count:
            self._marks = marks
            for row, mark in enumerate(marks):
                self._roots_table.update_cell_at(Coordinate(row, STATE_COLUMN), mark)

    # -- keys ------------------------------------------------------------------------------------

    def action_close(self) -> None:
        """Back to the search."""
        self.app.pop_screen()

    def action_add(self) -> None:
        """Asks for a folder and indexes it."""
        self.app.push_screen(AddFolder(), self._add)

    def _add(self, path: Path | None) -> None:
        if path is not None:
            self._index([path])

    def action_update(self) -> None:
        """Brings the index up to date with the files."""
        self._index()

    def action_retry(self) -> None:
        """Reads failed files again."""
        self._index(retry=True)

    def _index(self, paths: Sequence[Path] = (), retry: bool = False) -> None:
        if not self.session.indexing.start(paths, retry=retry):
            self.notify("Indexing is under way; s pauses it.", severity="warning", markup=False)

    def action_pause(self) -> None:
        """Stops indexing after the step it is at, or goes on."""
        if self.session.indexing.state.running:
            self.session.indexing.stop()
        else:
            self._index()

    def on_data_table_row_selected(self) -> None:
        """Enter or a click on a row that was chosen before."""
        self.action_reveal()

    def action_reveal(self) -> None:
        """Shows what is under the cursor in the file manager."""
        of_failures = self._failures_table.has_focus
        table = self._failures_table if of_failures else self._roots_table
        things: Sequence[Root | Failure] = self.failures if of_failures else self.roots
        if 0 <= table.cursor_row < len(things):
            work = partial(self._reveal, things[table.cursor_row].path)
            self.session.boundary.start(self, work, "reveal")

    async def _reveal(self, path: Path) -> None:
        program = await self.session.facts.call(lambda library: library.reveal(path))
        self.notify(f"Shown in {program}", markup=False, timeout=3)

    def action_remove(self) -> None:
        """Forgets the folder under the cursor, once that is confirmed."""
        row = self._roots_table.cursor_row
        if not 0 <= row < len(self.roots):
            return
        if self.session.indexing.state.running:
            self.notify("Pause indexing first, with s.", severity="warning", markup=False)
            return
        path = self.roots[row].path
        ask = Confirm(f"Stop searching {path}?", "The files themselves are not touched.", "Remove")
        self.app.push_screen(ask, partial(self._remove, path))

    def _remove(self, path: Path, confirmed: bool | None) -> None:
        if confirmed:
            self.session.boundary.start(self, partial(self._forget, path), "remove")

    async def _forget(self, path: Path) -> None:
        files = await self.session.writer.call(lambda library: library.remove(path))
        self.notify(f"{counted(files, 'file')} no longer searched", markup=False)
        self.load()

    # -- tables ----------------------------------------------------------------------------------

    @property
    def _roots_table(self) -> DataTable[Text]:
        return self.query_one("#roots", DataTable)

    @property
    def _failures_table(self) -> DataTable[Text]:
        return self.query_one("#failures", DataTable)

    def on_resize(self) -> None:
        """Paths are shortened to the width there is."""
        self._show_roots(self.roots)
        self._show_failures(self.failures)

    def _show_roots(self, roots: tuple[Root, ...]) -> None:
        self.roots = roots
        table = self._roots_table
        row = table.cursor_row
        table.clear()
        for root in roots:
            table.add_row(*_root_cells(root, max(self.size.width - FIGURE_CELLS, MIN_PATH_CELLS)))
        table.move_cursor(row=min(row, len(roots) - 1) if roots else 0)

    def _show_failures(self, failures: tuple[Failure, ...]) -> None:
        self.failures = failures
        self.set_class(bool(failures), "-failures")
        self._failures_table.clear()
        for failure in failures:
            self._failures_table.add_row(*_failure_cells(failure, max(self.size.width // 2, MIN_PATH_CELLS)))


def _root_cells(root: Root, width: int) -> tuple[Text, ...]:
    numbers = (Text(f"{number:,}", justify="right") for number in (root.files, root.pages, root.failures))
    return (Text(short_path(root.path, width, Path.home())), *numbers, _state_of(root, IndexingState()))


def _state_of(root: Root, state: IndexingState) -> Text:
    """What is to be said of a root: that it cannot be reached, or how far a run in it is."""
    if not root.online:
        return Text("not reachable", style="yellow")
    progress = state.progress if state.running else None
    current = progress.current if progress else None
    if progress is None or current is None or not (current == root.path or root.path in current.parents):
        return Text("")
    share = f" {progress.pages_done / progress.pages_total:.0%}" if progress.pages_total else ""
    left = state.pace.seconds_left(progress)
    return Text(f"reading{share}" + (f", {duration(left)}" if left else ""), style="green")


def watching_text(watcher: WatcherState | None) -> str:
    """What a watcher does, or what troubles it."""
    if watcher is None:
        return ""
    return visible(watcher.trouble or (f"watching: {watcher.doing}" if watcher.doing else "watching"))


def _failure_cells(failure: Failure, width: int) -> tuple[Text, Text]:
    page = f", page {failure.page}" if failure.page is not None else ""
    where = short_path(failure.path, width - len(page), Path.home())
    return Text(where + page), Text(visible(failure.reason))


def _summary(status: Status) -> Content:
    parts = [
        counted(status.documents, "document"),
        counted(status.pages, "page"),
        f"index {size_text(status.index_bytes)} for {size_text(status.document_bytes)} of documents",
    ]
    if status.pages_waiting_for_ocr:
        parts.append(f"{counted(status.pages_waiting_for_ocr, 'page')} without text yet")
    if status.pages_waiting_for_vectors:
        parts.append(f"{counted(status.pages_waiting_for_vectors, 'page')} not yet found by meaning")
    return literal("  ·  ".join(parts), MUTED)
