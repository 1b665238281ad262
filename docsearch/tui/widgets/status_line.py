"""The line at the bottom: what was found on the left, what is being indexed on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from docsearch.tui.text import MUTED, counted, literal

if TYPE_CHECKING:
    from docsearch.tui.indexing import IndexingState

TIERS = {
    "scan": "Looking at",
    "text": "Reading",
    "ocr": "Recognising text",
    "vectors": "Embedding",
    "tokens": "Embedding tokens of",
}
"""What the steps of indexing are called."""
BAR_CELLS = 10


class StatusLine(Horizontal):
    """One line with a message and the progress of indexing."""

    def compose(self) -> ComposeResult:
        """Message and progress."""
        yield Static(id="status-message", markup=False)
        yield Static(id="status-progress", markup=False)

    def say(self, message: str | Content) -> None:
        """Shows a message."""
        content = message if isinstance(message, Content) else literal(message, MUTED)
        self.query_one("#status-message", Static).update(content, layout=False)

    def complain(self, message: str, hint: str = "") -> None:
        """Shows what is wrong with the query and how to put it right."""
        self.say(Content.assemble(literal(message, "bold $text-error"), "  ", literal(hint, MUTED)))

    def tell(self, message: str) -> None:
        """Says on the right what goes on beside, while nothing is indexed here."""
        self.query_one("#status-progress", Static).update(literal(message, MUTED))

    def show_progress(self, state: IndexingState) -> None:
        """Shows how far indexing is, nothing when it does not run."""
        self.query_one("#status-progress", Static).update(progress_text(state) if state.running else "")


def progress_text(state: IndexingState) -> Content:
    """How far a run has come, in a few words and a bar."""
    progress = state.progress
    if state.stopping:
        return literal("Pausing after this step", "$text-warning")
    if progress is None:
        return literal("Looking at the files", MUTED)
    what = TIERS.get(progress.tier, progress.tier)
    done, total = progress.pages_done, progress.pages_total
    if not total:
        return literal(f"{what} {counted(progress.files_total, 'file')}", MUTED)
    return Content.assemble(literal(f"{what} {done:,}/{total:,} pages ", MUTED), bar(done, total, BAR_CELLS))


def bar(done: int, total: int, cells: int) -> Content:
    """A bar of so many cells."""
    full = min(done * cells // max(total, 1), cells)
    return Content.assemble(("━" * full, "$success"), ("━" * (cells - full), "$foreground 20%"))


def pace_text(state: IndexingState) -> str:
    """'12 pages a second, 3 min left'; what of it can be told."""
    rate = state.pace.pages_a_second
    left = state.pace.seconds_left(state.progress) if state.progress else None
    parts = [f"{rate:.0f} pages a second" if rate >= 2 else f"{rate:.1f} pages a second"] if rate else []
    return ", ".join([*parts, *([f"{duration(left)} left"] if left is not None else [])])


def duration(seconds: float) -> str:
    """'40 s', '3 min', '2 h 5 min'."""
    if seconds < 60:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
