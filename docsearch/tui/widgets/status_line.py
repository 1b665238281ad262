"""The line at the bottom: what was found on the left, what is being indexed on the right."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from docsearch.tui.indexing import IndexingState
from docsearch.tui.text import MUTED, counted, literal

TIERS = {"scan": "Looking at", "text": "Reading", "ocr": "Recognising text", "vectors": "Embedding"}
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

    def show_progress(self, state: IndexingState) -> None:
        """Shows how far indexing is, nothing when it does not run."""
        self.query_one("#status-progress", Static).update(progress_text(state) if state.running else "")


def progress_text(state: IndexingState) -> Content:
    """How far a run has come, in a few words and a bar."""
    progress = state.progress
    if state.stopping:
        return literal("Stopping after this step", "$text-warning")
    if progress is None:
        return literal("Looking at the files", MUTED)
    what = TIERS.get(progress.tier, progress.tier)
    done, total = progress.pages_done, progress.pages_total
    if not total:
        return literal(f"{what} {counted(progress.files_total, 'file')}", MUTED)
    full = min(done * BAR_CELLS // total, BAR_CELLS)
    return Content.assemble(
        literal(f"{what} {done:,}/{total:,} pages ", MUTED),
        ("━" * full, "$success"),
        ("━" * (BAR_CELLS - full), "$foreground 20%"),
    )
