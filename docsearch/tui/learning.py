"""One round of learning at a time, told to whoever listens. Knows no screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.signal import Signal

from docsearch.tui.learning_process import DONE, Event, LearningRunner
from docsearch.tui.text import visible

if TYPE_CHECKING:
    from docsearch.records import LearningStep
    from docsearch.tui.boundary import Boundary

ASKING = ("--ask", "--json")
"""The user decides whether what was learned is used."""
TRAINING = ("finetune", *ASKING)
IF_DUE = ("--if-due", "--json")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a round came to.

    Attributes:
        state: number of the new state; 0 when none was written.
        queries: how many queries with a chosen page there were.
        parts: what was learned, in words.
        reasons: why nothing is to be used.
        went_back: why what was in use before was taken back; empty when it was not.
    """

    state: int
    queries: int
    parts: tuple[str, ...]
    reasons: tuple[str, ...]
    went_back: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoundState:
    """What is known of the current or the last round."""

    running: bool = False
    stopping: bool = False
    step: LearningStep | None = None
    outcome: Outcome | None = None
    stopped: bool = False
    """Whether the user ended the last one half-way."""
    training: bool = False
    """Whether a model is trained, which goes on another time when it is stopped."""

    def after(self, event: Event) -> RoundState:
        """The state when this was told."""
        if event.get("event") == DONE:
            return replace(self, outcome=_outcome(event))
        return replace(self, step=_step(event))


class Rounds:
    """Starts and stops rounds; `changed` tells every new state.

    Args:
        runner: runs them; None where there is nothing to run them with.
    """

    def __init__(self, app: App[Any], boundary: Boundary, runner: LearningRunner | None) -> None:
        self.state = RoundState()
        self.changed: Signal[RoundState] = Signal(app, "learning")
        self.watched = False
        """Whether what comes of a round can be seen without being told."""
        self._app = app
        self._boundary = boundary
        self._runner = runner

    @property
    def possible(self) -> bool:
        """Whether a round can be started here."""
        return self._runner is not None

    def start(self, options: tuple[str, ...] = ASKING) -> None:
        """A round whose result waits for the user, unless one is under way or none is possible."""
        if self._runner is not None and not self.state.running:
            self._boundary.start(self._app, partial(self._asked_for, options), "learning")

    def stop(self) -> None:
        """Ends the round half-way, which changes nothing; training is paused."""
        if self._runner is not None and self.state.running:
            self._tell(replace(self.state, stopping=True))
            self._runner.stop()

    async def run(self, *options: str, gentle: bool = False) -> None:
        """A round from its start to its end; raises what ended it early, unless it was stopped."""
        if self._runner is None or self.state.running:
            return
        self._tell(RoundState(running=True, training=options == TRAINING))
        try:
            async with aclosing(self._runner.events(*options, gentle=gentle)) as events:
                async for event in events:
                    self._tell(self.state.after(event))
        except Exception:
            if not self.state.stopping:
                raise
        finally:
            stopped = self.state.stopping and self.state.outcome is None
            self._tell(replace(self.state, running=False, stopping=False, stopped=stopped))

    async def _asked_for(self, options: tuple[str, ...]) -> None:
        await self.run(*options)
        for notice in _notices(self.state.outcome, self.watched) if self.state.outcome else ():
            self._app.notify(visible(notice), markup=False, timeout=10)

    def _tell(self, state: RoundState) -> None:
        self.state = state
        self.changed.publish(state)


def _step(event: Event) -> LearningStep:
    from docsearch.records import LearningStep

    if event.get("of"):
        done = float(event["step"] / event["of"])
        return LearningStep("training a model", done) if done < 1 else LearningStep("judging", 0.0)
    return LearningStep(str(event.get("what", "")), float(event.get("done", 0.0)))


def _outcome(event: Event) -> Outcome:
    parts, reasons, back = (
        tuple(map(str, event.get(name, ()))) for name in ("parts", "reasons", "went_back")
    )
    return Outcome(int(event.get("state", 0)), int(event.get("queries", 0)), parts, reasons, back)


def _notices(outcome: Outcome, watched: bool) -> Iterator[str]:
    """What came of a round, as far as it cannot be seen where the user is by now."""
    if outcome.went_back:
        yield f"What had been learned was taken back: {'; '.join(outcome.went_back)}"
    if outcome.state and not watched:
        yield f"Something was learned: state {outcome.state} waits for you on the Learning screen"
    elif not watched:
        yield "A round has ended; nothing changes. The Learning screen says why."
