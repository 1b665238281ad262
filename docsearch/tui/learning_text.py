"""What is said of learning: facts, events, how far a round is. Knows records, no screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.text import Text
from textual.content import Content

from docsearch.tui.plots import Candle, candles, curve
from docsearch.tui.text import MUTED, counted, literal, visible
from docsearch.tui.widgets.status_line import bar

if TYPE_CHECKING:
    from docsearch.records import LearningEvent, LearningStatus, TrainingStatus
    from docsearch.tui.learning import RoundState
    from docsearch.tui.widgets.facts import Fact

BAR_CELLS = 20
DATE_CELLS = 10
LISTED = "docsearch clicks lists what is kept, and forgets it"
COLOURS = {"learned": "$success", "refused": "$warning"}
"""Of rounds, by what became of them."""
DETAILS = {
    "gain surely over {:+.3f}": "surely",
    "known pages {:.3f} → {:.3f}": "guard_before",
    "time × {:.2f}": "latency",
}
"""What is said of a round beside its figures in the table, and the name of the figure."""
EVENT_COLOURS = {"accepted": "green", "learned": "green", "refused": "yellow", "went back": "yellow"}


def facts(status: LearningStatus) -> Iterator[Fact]:
    """What was learned so far, and what could be."""
    off = "" if status.logging else "; nothing more is kept: [learn] log is off"
    searches = "1 search" if status.searches == 1 else f"{status.searches:,} searches"
    yield "Kept", literal(f"{searches}, {counted(status.chosen, 'page')} chosen in them{off}")
    yield "Queries", _readiness(status)
    yield "Memory", literal("what you opened stands first when you ask again" if status.memory else "off")
    yield "In use", _in_use(status)
    for part in status.live_parts:
        yield "", literal(part)
    if status.waiting:
        waiting = f"state {status.waiting}: a takes it into use, r throws it away"
        yield "Waiting", literal(waiting, "bold $text-warning")
    if status.figures:
        yield from figures(status.figures)
    if status.training.state:
        yield "Finetuning", training(status.training)


def _readiness(status: LearningStatus) -> Content:
    """How much there is to learn from, with a bar as long as it is too little."""
    text = literal(f"{status.queries:,} with a chosen page, ")
    if status.queries < status.needed:
        done = bar(status.queries, status.needed, BAR_CELLS)
        return Content.assemble(text, f"{status.needed} are needed ", done)
    enough = f"{status.needed} are needed" + ("; time for a round" if status.due else "")
    return Content.assemble(text, enough)


def _in_use(status: LearningStatus) -> Content:
    if not status.live:
        return literal("nothing learned")
    learned = f", learned {when(status.live_at)} from {counted(status.live_queries, 'query')}"
    return Content.assemble((f"state {status.live}", "$text-success"), learned)


def figures(measured: Mapping[str, float]) -> Iterator[Fact]:
    """Before and after, as the gate measured it."""
    surely = f", gain surely over {measured['surely']:+.3f}" if "surely" in measured else ""
    yield "Your queries", _change(measured, "before", "after", "queries", surely)
    yield "Known pages", _change(measured, "guard_before", "guard_after", "guards")
    if "latency" in measured:
        yield "Time a query", literal(f"× {measured['latency']:.2f}")


def _change(measured: Mapping[str, float], before: str, after: str, queries: str, more: str = "") -> Content:
    start, end = measured.get(before, 0.0), measured.get(after, 0.0)
    colour = "$text-success" if end > start else "$text-warning" if end < start else ""
    of = f"  nDCG@10 of {round(measured.get(queries, 0)):,}{more}"
    return Content.assemble(f"{start:.3f} → ", (f"{end:.3f}", colour), (of, MUTED))


def training(status: TrainingStatus) -> Content:
    """How a finetuning stands."""
    steps = f", step {status.step:,}/{status.of:,}" if status.of else ""
    loss = f", loss {status.losses[-1][1]:.3f}" if status.losses else ""
    held_out = f", nDCG@10 {status.ndcg10[-1][1]:.3f}" if status.ndcg10 else ""
    reason = f": {status.reason}" if status.reason else ""
    return literal(f"{status.role} {status.state}{steps}{loss}{held_out}{reason}")


def round_text(state: RoundState) -> Content:
    """How far a round is, or what came of it."""
    if state.stopping:
        return literal("Pausing the training" if state.training else "Ending the round", "$text-warning")
    if state.running:
        return _progress(state)
    if state.stopped:
        ended = (
            "Training is paused; f goes on" if state.training else "The round was ended; nothing has changed"
        )
        return literal(ended, MUTED)
    outcome = state.outcome
    if outcome is None:
        return literal(LISTED, MUTED)
    if outcome.reasons:
        return literal(f"Nothing changes: {'; '.join(outcome.reasons)}", "$text-warning")
    learned = "; ".join(outcome.parts) or "nothing to change"
    return literal(f"Learned from {counted(outcome.queries, 'query')}: {learned}", "$text-success")


def _progress(state: RoundState) -> Content:
    if state.step is None:
        return literal("Looking for what to train on …" if state.training else "A round begins", MUTED)
    what = literal(state.step.what.capitalize())
    if not state.step.done:
        return what + " …"
    done = bar(round(state.step.done * 100), 100, BAR_CELLS)
    return Content.assemble(what, " ", done, (f" {state.step.done:.0%}", MUTED))


def event_cells(event: LearningEvent) -> tuple[Text, ...]:
    """A row of what happened."""
    change = f"{event.figures['before']:.3f} → {event.figures['after']:.3f}" if is_round(event) else ""
    return (
        Text(when(event.at)[:DATE_CELLS]),
        Text(visible(event.what), style=EVENT_COLOURS.get(event.what, "")),
        Text(str(event.state) if event.state else "–", justify="right"),
        Text(change),
        Text(visible("; ".join(event.reasons))),
    )


def about(event: LearningEvent) -> Content:
    """What else is known of an event: every reason, and what was measured."""
    measured = [f"at {when(event.at)[DATE_CELLS + 1 :]}"]
    for text, name in DETAILS.items():
        if name in event.figures:
            measured.append(text.format(event.figures[name], event.figures.get("guard_after", 0.0)))
    reasons = [literal(reason, "$text-warning") for reason in event.reasons]
    return Content("\n").join([*reasons, literal(" · ".join(measured), MUTED)])


def is_round(event: LearningEvent) -> bool:
    """Whether something was measured."""
    return {"before", "after"} <= event.figures.keys()


def when(at: float) -> str:
    """A time of the local clock."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


def rounds_plot(history: Sequence[LearningEvent], columns: int, rows: int) -> list[Content]:
    """nDCG@10 of the user's queries before and after each round."""
    shown = [_candle(event) for event in history if is_round(event)]
    return candles(shown, columns, rows) or [literal("no round yet", MUTED)]


def _candle(event: LearningEvent) -> Candle:
    before, after = event.figures["before"], event.figures["after"]
    colour = "$error" if after < before else COLOURS.get(event.what, "$foreground")
    return Candle(before, after, colour)


def training_plot(status: TrainingStatus, columns: int, rows: int) -> list[Content]:
    """The loss above, nDCG@10 of held-out queries below."""
    above = (rows - 2 + 1) // 2
    return [
        literal("loss", MUTED),
        *curve(status.losses, columns, above, "$text-warning"),
        literal("nDCG@10, held out", MUTED),
        *curve(status.ndcg10, columns, rows - 2 - above, "$text-success"),
    ]
