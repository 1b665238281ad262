"""The learning screen: what search learned, before and after, rounds, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

from docsearch.tui.learning import ASKING, TRAINING, RoundState
from docsearch.tui.learning_text import about, event_cells, facts, round_text, rounds_plot, training_plot
from docsearch.tui.screens.dialogs import Confirm
from docsearch.tui.text import visible
from docsearch.tui.widgets.facts import Facts
from docsearch.tui.widgets.plot import Plot
from docsearch.tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from docsearch.records import LearningEvent, LearningStatus
    from docsearch.tui.ports import LearningPort
    from docsearch.tui.session import Session

LOOK_SECONDS = 2.0
"""How often it is asked how a finetuning stands."""


class LearningScreen(Screen[None]):
    """Shows what was learned, and lets the user decide."""

    TITLE = "Learning"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f10", "close", "Back", key_display="esc"),
        Binding("t", "train", "Train now/stop", tooltip="Learn from what was opened, or end that half-way"),
        Binding("f", "finetune", "Finetune/pause", tooltip="Train a model on it, pause that, or go on"),
        Binding("a", "accept", "Accept", tooltip="Use what was learned, from the next search on"),
        Binding("r", "reject", "Reject", tooltip="Throw away what was learned"),
        Binding("b", "go_back", "Go back", tooltip="Use what was in use before"),
        Binding("j", "move(1)", "Next", show=False),
        Binding("k", "move(-1)", "Previous", show=False),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.status: LearningStatus | None = None
        self.events: list[LearningEvent] = []

    def compose(self) -> ComposeResult:
        """Facts, what happened with a plot beside it, more on the chosen row."""
        with VerticalScroll(id="learned-box", classes="panel", can_focus=False) as box:
            box.border_title = "Learned from what you opened"
            yield Facts(id="learned")
        with Horizontal(id="rounds"):
            with Vertical(id="events-box", classes="panel") as box:
                box.border_title = "What happened"
                yield DataTable[Text](id="events", cursor_type="row", zebra_stripes=True)
            with Vertical(id="rounds-box", classes="panel plot") as box:
                box.border_title = "nDCG@10 by round"
                yield Plot(id="rounds-plot")
            with Vertical(id="training-box", classes="panel plot") as box:
                box.border_title = "Finetuning"
                yield Plot(id="training-plot")
        yield Static(id="about-event", markup=False)
        yield StatusLine(id="status")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Columns first, rows when the library has told them."""
        self._table.add_columns("When", "What", "State", "nDCG@10", "Why")
        self._table.focus()
        self.session.rounds.changed.subscribe(self, self.on_round)
        self.session.rounds.watched = True
        self.session.indexing.changed.subscribe(self, self.query_one(StatusLine).show_progress)
        self.query_one(StatusLine).show_progress(self.session.indexing.state)
        self._say(self.session.rounds.state)
        self.set_interval(LOOK_SECONDS, self._look)
        self.load()

    def on_unmount(self) -> None:
        """What comes of a round has to be told elsewhere."""
        self.session.rounds.watched = False

    def load(self) -> None:
        """Asks the library anew."""
        self.session.boundary.start(self, self._load, "learning")

    async def _load(self) -> None:
        self.status = status = await self.session.facts.call(lambda library: library.learning.status())
        self.query_one(Facts).show(facts(status))
        self.query_one("#rounds-plot", Plot).show(partial(rounds_plot, status.history))
        self.query_one("#training-plot", Plot).show(partial(training_plot, status.training))
        self.set_class(bool(status.training.state), "-training")
        self._show_events(list(reversed(status.history)))
        self.refresh_bindings()

    def _show_events(self, events: list[LearningEvent]) -> None:
        if events == self.events:
            return
        self.events = events
        self._table.clear()
        for event in events:
            self._table.add_row(*event_cells(event))
        self._tell_chosen()

    def _look(self) -> None:
        """While a model is trained, its figures grow."""
        running = self.status is not None and self.status.training.state in ("waiting", "running")
        if running or (self.session.rounds.state.running and self.session.rounds.state.training):
            self.load()

    def on_round(self, state: RoundState) -> None:
        """How far a round is; what came of it is asked for when it has ended."""
        self._say(state)
        self.refresh_bindings()
        if not state.running:
            self.load()

    def _say(self, state: RoundState) -> None:
        self.query_one(StatusLine).say(round_text(state))

    def on_data_table_row_highlighted(self) -> None:
        """More on the event under the cursor."""
        self._tell_chosen()

    def _tell_chosen(self) -> None:
        row = self._table.cursor_row
        if 0 <= row < len(self.events):
            self.query_one("#about-event", Static).update(about(self.events[row]))

    # -- keys ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys that can do nothing now are not offered."""
        status, rounds = self.status, self.session.rounds
        needs = {
            "train": rounds.possible and not (rounds.state.running and rounds.state.training),
            "finetune": rounds.possible and (rounds.state.training or not rounds.state.running),
            "accept": bool(status and status.waiting),
            "reject": bool(status and status.waiting),
            "go_back": bool(status and status.live),
        }
        return needs.get(action, True)

    def action_train(self) -> None:
        """Begins a round, or ends the one that runs half-way."""
        self._start_or_stop(ASKING)

    def action_finetune(self) -> None:
        """Trains a model, pauses that, or goes on with it."""
        self._start_or_stop(TRAINING)

    def _start_or_stop(self, options: tuple[str, ...]) -> None:
        if self.session.rounds.state.running:
            self.session.rounds.stop()
        else:
            self.session.rounds.start(options)

    def action_accept(self) -> None:
        """Takes into use what waits."""
        if self.status is not None:
            state = self.status.waiting
            self._decide(lambda learning: learning.accept(state), f"State {state} is in use; b goes back")

    def action_reject(self) -> None:
        """Throws away what waits."""
        if self.status is not None:
            state = self.status.waiting
            self._decide(lambda learning: learning.reject(state), f"State {state} is thrown away")

    def action_go_back(self) -> None:
        """Takes into use what was before, once that is confirmed."""
        if self.status is not None:
            detail = "Searches are answered as before it, at once. What you opened is kept."
            ask = Confirm(f"Go back from state {self.status.live}?", detail, "Go back")
            self.app.push_screen(ask, self._go_back)

    def _go_back(self, yes: bool | None) -> None:
        if yes:
            self._decide(lambda learning: learning.go_back(), "What was before is in use again")

    def _decide(self, decision: Callable[[LearningPort], object], said: str) -> None:
        self.session.boundary.start(self, partial(self._decided, decision, said), "decision")

    async def _decided(self, decision: Callable[[LearningPort], object], said: str) -> None:
        await self.session.facts.call(lambda library: decision(library.learning))
        self.notify(visible(said), markup=False, timeout=3)
        self.load()

    def action_move(self, rows: int) -> None:
        """As the arrow keys do."""
        self._table.action_cursor_down() if rows > 0 else self._table.action_cursor_up()

    def action_close(self) -> None:
        """Back to the search."""
        self.app.pop_screen()

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one("#events", DataTable)
