"""The models screen: which there are, in use, their size and needs against this machine; enter switches."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

from docsearch.tui.screens.dialogs import Confirm
from docsearch.tui.text import MUTED, counted, literal, size_text, visible
from docsearch.tui.widgets.status_line import StatusLine, pace_text

if TYPE_CHECKING:
    from docsearch.records import ModelState
    from docsearch.tui.indexing import IndexingState
    from docsearch.tui.session import Session

ROLES = {
    "embedder": "finds by meaning",
    "reranker": "orders the best",
    "generator": "answers questions",
    "late-interaction": "compares in detail",
}
"""What models of a role do."""
EMBEDDER = "embedder"


class ModelsScreen(Screen[None]):
    """Lists models and switches them."""

    TITLE = "Models"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f9", "close", "Back", key_display="esc"),
        Binding("enter", "use", "Use", priority=True),
        Binding("j", "move(1)", "Next", show=False),
        Binding("k", "move(-1)", "Previous", show=False),
    ]

    class Switched(Message):
        """Another model is in use."""

        def __init__(self, model: ModelState) -> None:
            super().__init__()
            self.model = model

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.models: list[ModelState] = []

    def compose(self) -> ComposeResult:
        """A table, and more on the chosen row."""
        with Vertical(id="models-box", classes="panel") as box:
            box.border_title = "Models"
            yield DataTable[Text](id="models", cursor_type="row", zebra_stripes=True)
        yield Static(id="about-model", markup=False)
        yield StatusLine(id="status")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Columns first, rows when the library has told them."""
        self._table.add_columns(" ", "Model", "Role", "On disk", "Memory", "State")
        self._table.focus()
        self.session.indexing.changed.subscribe(self, self.on_indexing)
        self._show_indexing(self.session.indexing.state)
        self.load()

    def load(self) -> None:
        """Asks the library anew."""
        self.session.boundary.start(self, self._load, "models")

    async def _load(self) -> None:
        models = await self.session.facts.call(lambda library: library.models())
        roles = list(ROLES)
        self.models = sorted(models, key=lambda model: roles.index(model.role) if model.role in roles else 9)
        row = self._table.cursor_row
        self._table.clear()
        for model in self.models:
            self._table.add_row(*model_cells(model))
        self._table.move_cursor(row=min(row, len(self.models) - 1) if self.models else 0)
        self._tell_chosen()

    def on_indexing(self, state: IndexingState) -> None:
        """How far new vectors are; what is in use is asked anew when they are there."""
        self._show_indexing(state)
        if not state.running:
            self.load()

    def _show_indexing(self, state: IndexingState) -> None:
        line = self.query_one(StatusLine)
        line.show_progress(state)
        line.say(pace_text(state) if state.running else "")

    @property
    def chosen(self) -> ModelState | None:
        """The model under the cursor."""
        row = self._table.cursor_row
        return self.models[row] if 0 <= row < len(self.models) else None

    def on_data_table_row_highlighted(self) -> None:
        """More on the model under the cursor."""
        self._tell_chosen()

    def _tell_chosen(self) -> None:
        if self.chosen is not None:
            self.query_one("#about-model", Static).update(about(self.chosen))

    # -- keys ------------------------------------------------------------------------------------

    def on_data_table_row_selected(self) -> None:
        """Enter, or a click on the row that was chosen."""
        self.action_use()

    def action_use(self) -> None:
        """Takes the model under the cursor into use; asks first when every page needs a new vector."""
        model = self.chosen
        if model is None or model.in_use:
            return
        todo = model.pages_total - model.pages_embedded
        if model.role == EMBEDDER and model.installed and todo > 0:
            detail = f"{counted(todo, 'page')} get new vectors. Until then the model before it is used."
            self.app.push_screen(
                Confirm(f"Use {model.name}?", detail, "Use"), partial(self._confirmed, model)
            )
        else:
            self._use(model)

    def _confirmed(self, model: ModelState, yes: bool | None) -> None:
        if yes:
            self._use(model)

    def _use(self, model: ModelState) -> None:
        self.session.boundary.start(self, partial(self._switch, model), "models")

    async def _switch(self, model: ModelState) -> None:
        await self.session.use_model(model.name)
        self.notify(f"{visible(model.name)} is in use", markup=False, timeout=3)
        self.app.post_message(self.Switched(model))
        await self._load()

    def action_move(self, rows: int) -> None:
        """As the arrow keys do."""
        self._table.action_cursor_down() if rows > 0 else self._table.action_cursor_up()

    def action_close(self) -> None:
        """Back to the search."""
        self.app.pop_screen()

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one("#models", DataTable)


def model_cells(model: ModelState) -> tuple[Text, ...]:
    """A row of the table."""
    disk = size_text(model.disk_bytes) if model.disk_bytes else "with docsearch" if model.installed else "–"
    memory = size_text(model.memory_bytes) if model.memory_bytes else "–"
    state, style = state_of(model)
    return (
        Text("●" if model.in_use else " ", style="green"),
        Text(visible(model.name), style="bold" if model.in_use else ""),
        Text(visible(model.role)),
        Text(disk, justify="right"),
        Text(memory, justify="right", style="" if model.fits else "red"),
        Text(state, style=style),
    )


def state_of(model: ModelState) -> tuple[str, str]:
    """What is to be said of a model in a few words, and its colour."""
    waiting = model.pages_total - model.pages_embedded
    if model.in_use and model.role == EMBEDDER and waiting > 0 and model.pages_total:
        return f"in use, {model.pages_embedded / model.pages_total:.0%} of pages", "yellow"
    if model.in_use:
        return "in use", "green"
    if not model.fits:
        return "too large", "red"
    return ("installed", "") if model.installed else ("not here", "dim")


def about(model: ModelState) -> Content:
    """What there is to know about a model before it is chosen."""
    facts = [
        ROLES.get(model.role, model.role),
        f"reads {', '.join(model.modalities)}" if model.modalities else "",
        f"{model.parameters / 1e6:,.0f} million weights" if model.parameters else "",
        f"vectors of {model.dimensions}" if model.dimensions else "",
        model.licence,
    ]
    lines = [literal(" · ".join(filter(None, facts)), MUTED)]
    if model.note:
        lines.append(literal(model.note))
    if model.queries:
        lines.append(literal(model.queries))
    for reason in filter(None, (model.reason, *model.warnings)):
        lines.append(literal(reason, "$text-warning"))
    if not model.installed:
        lines.append(literal(f"To fetch it: docsearch models pull {model.name}", "$text-accent"))
    return Content("\n").join(lines)
