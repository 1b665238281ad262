"""The learning screen: what it tells, a round, and the user's decisions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot

from docsearch.errors import DocsearchError, StorageFull
from docsearch.records import LearningEvent, TrainingStatus
from docsearch.tui.screens.dialogs import Confirm
from docsearch.tui.screens.learning import LearningScreen
from tests.tui.fake import LEARNED, NOON, NOTHING_LEARNED, FakeLearning, FakeLibrary, FakeRunner
from tests.tui.running import NARROW, notifications, running, screen_text, settled, until

STEPS = ({"event": "progress", "what": "asking your queries again", "done": 0.5},)
DONE = {"event": "done", "state": 2, "queries": 188, "parts": ["a query adapter"], "reasons": []}
REFUSED = {
    "event": "done",
    "state": 0,
    "queries": 188,
    "parts": [],
    "reasons": ["the gain is [b]not[/b] sure"],
}


async def opened(pilot: Pilot[None]) -> LearningScreen:
    """The screen with its facts."""
    await pilot.press("f10")
    await settled(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, LearningScreen)
    return screen


def keys_offered(pilot: Pilot[None]) -> set[str]:
    return {key for key, active in pilot.app.screen.active_bindings.items() if active.enabled}


async def test_it_tells_what_was_learned_and_measured(tmp_path: Path) -> None:
    async with running(FakeLibrary(learning=FakeLearning(LEARNED)), tmp_path) as pilot:
        await opened(pilot)
        text = screen_text(pilot)
        assert "334 searches, 300 pages chosen" in text
        assert "188 with a chosen page, 20 are needed; time for a round" in text
        assert "state 1, learned 2024-05-01 12:00 from 120 queries" in text
        assert "a query adapter of rank 16" in text
        assert "0.869 → 0.888  nDCG@10 of 188, gain surely over +0.008" in text
        assert "0.605 → 0.606" in text
        assert "× 1.10" in text
        assert "docsearch clicks" in text
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, LearningScreen)


async def test_what_happened_stands_newest_first_with_its_reasons(tmp_path: Path) -> None:
    async with running(FakeLibrary(learning=FakeLearning(LEARNED)), tmp_path, NARROW) as pilot:
        screen = await opened(pilot)
        assert [event.what for event in screen.events] == ["refused", "accepted", "learned"]
        assert "the gain is [b]not[/b] sure" in screen_text(pilot)
        await pilot.press("j", "j")
        await settled(pilot)
        assert "the gain is" not in screen_text(pilot)


async def test_how_much_is_missing_is_told(tmp_path: Path) -> None:
    async with running(FakeLibrary(), tmp_path) as pilot:
        await opened(pilot)
        text = screen_text(pilot)
        assert "4 with a chosen page, 20 are needed ━━━━" in text
        assert "nothing learned" in text
        assert "no round yet" in text
        assert not keys_offered(pilot) & {"t", "a", "r", "b"}


async def test_a_round_shows_how_far_it_is_and_its_result_waits(tmp_path: Path) -> None:
    learning = FakeLearning(LEARNED)
    runner = FakeRunner((*STEPS, DONE), does=lambda: learning.happens("learned", 2, waiting=2))
    async with running(FakeLibrary(learning=learning), tmp_path, learner=runner) as pilot:
        await opened(pilot)
        assert not keys_offered(pilot) & {"a", "r"}
        await pilot.press("t")
        await settled(pilot)
        assert runner.asked == [("--ask", "--json")]
        assert "Learned from 188 queries: a query adapter" in screen_text(pilot)
        assert "state 2: a takes it into use, r throws it away" in screen_text(pilot)
        assert notifications(pilot) == []
        await pilot.press("a")
        await settled(pilot)
        assert learning.decided == [("accepted", 2)]
        assert "state 2, learned" in screen_text(pilot)
        assert not keys_offered(pilot) & {"a", "r"}


async def test_a_round_that_runs_can_be_ended_and_runs_on_beside_other_screens(tmp_path: Path) -> None:
    runner = FakeRunner(STEPS, held=True)
    async with running(FakeLibrary(learning=FakeLearning(LEARNED)), tmp_path, learner=runner) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "Asking your queries again ━━━━━━━━━━━━━━━━━━━━ 50%" in screen_text(pilot))
        await pilot.press("escape")
        await pilot.press("f10")
        await until(pilot, lambda: "Asking your queries again" in screen_text(pilot))
        await pilot.press("t")
        await settled(pilot)
        assert runner.asked == [("--ask", "--json"), ("stop",)]
        assert "The round was ended; nothing has changed" in screen_text(pilot)
        assert notifications(pilot) == []


async def test_what_comes_of_a_round_is_told_elsewhere(tmp_path: Path) -> None:
    gate = asyncio.Event()
    runner = FakeRunner((*STEPS, DONE), gate=gate)
    async with running(FakeLibrary(learning=FakeLearning(LEARNED)), tmp_path, learner=runner) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "Asking your queries again" in screen_text(pilot))
        await pilot.press("escape")
        gate.set()
        await settled(pilot)
        assert any("state 2 waits" in notice for notice in notifications(pilot))


async def test_a_model_is_trained_and_paused(tmp_path: Path) -> None:
    runner = FakeRunner(
        ({"event": "progress", "step": 30, "of": 120, "loss": 1.0, "ndcg10": None},), held=True
    )
    async with running(FakeLibrary(learning=FakeLearning(LEARNED)), tmp_path, learner=runner) as pilot:
        await opened(pilot)
        await pilot.press("f")
        await until(pilot, lambda: "Training a model ━━━━━━━━━━━━━━━━━━━━ 25%" in screen_text(pilot))
        assert "t" not in keys_offered(pilot)
        await pilot.press("f")
        await settled(pilot)
        assert runner.asked == [("finetune", "--ask", "--json"), ("stop",)]
        assert "Training is paused; f goes on" in screen_text(pilot)
        assert {"t", "f"} <= keys_offered(pilot)


async def test_leaving_the_program_ends_the_round(tmp_path: Path) -> None:
    runner = FakeRunner(STEPS, held=True)
    async with running(FakeLibrary(), tmp_path, learner=runner) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "Asking your queries again" in screen_text(pilot))
    assert runner.asked[-1] == ("stop",)


async def test_a_refusal_is_told_literally(tmp_path: Path) -> None:
    runner = FakeRunner((REFUSED,))
    async with running(FakeLibrary(), tmp_path, learner=runner) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await settled(pilot)
        assert "Nothing changes: the gain is [b]not[/b] sure" in screen_text(pilot)


async def test_that_what_was_learned_was_taken_back_is_said(tmp_path: Path) -> None:
    runner = FakeRunner((REFUSED | {"went_back": ["worse on 31 queries since"]},))
    async with running(FakeLibrary(), tmp_path, learner=runner) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await settled(pilot)
        assert any("taken back: worse on 31 queries" in notice for notice in notifications(pilot))


async def test_a_round_that_fails_says_why_and_another_can_begin(tmp_path: Path) -> None:
    runner = FakeRunner(STEPS, error=DocsearchError("the disk is full", hint="make room"))
    async with running(FakeLibrary(), tmp_path, learner=runner) as pilot:
        await opened(pilot)
        await pilot.press("t")
        await settled(pilot)
        assert notifications(pilot) == ["the disk is full\nmake room"]
        await pilot.press("t")
        await settled(pilot)
        assert runner.asked == [("--ask", "--json"), ("--ask", "--json")]


async def test_what_waits_can_be_thrown_away(tmp_path: Path) -> None:
    learning = FakeLearning(replace(LEARNED, waiting=2))
    async with running(FakeLibrary(learning=learning), tmp_path) as pilot:
        await opened(pilot)
        await pilot.press("r")
        await settled(pilot)
        assert learning.decided == [("rejected", 2)]
        assert "Waiting" not in screen_text(pilot)


async def test_going_back_asks_once(tmp_path: Path) -> None:
    learning = FakeLearning(LEARNED)
    async with running(FakeLibrary(learning=learning), tmp_path) as pilot:
        await opened(pilot)
        await pilot.press("b")
        assert isinstance(pilot.app.screen, Confirm)
        await pilot.press("n")
        await settled(pilot)
        assert learning.decided == []
        await pilot.press("b", "y")
        await settled(pilot)
        assert learning.decided == [("went back", 0)]
        assert "nothing learned" in screen_text(pilot)


async def test_a_decision_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    learning = FakeLearning(
        replace(LEARNED, waiting=2), broken=StorageFull("no space is left", hint="make room")
    )
    async with running(FakeLibrary(learning=learning), tmp_path) as pilot:
        await opened(pilot)
        await pilot.press("a")
        await settled(pilot)
        assert notifications(pilot) == ["no space is left\nmake room"]


async def test_hostile_words_are_shown_as_they_are(tmp_path: Path) -> None:
    event = LearningEvent(NOON, "refused", 0, ("[red]\x1b]0;x\x07",))
    known = replace(NOTHING_LEARNED, live=1, live_parts=("[b]x[/b]\x1b[2J",), history=(event,))
    async with running(FakeLibrary(learning=FakeLearning(known)), tmp_path) as pilot:
        await opened(pilot)
        assert "[b]x[/b]␛[2J" in screen_text(pilot)
        assert "[red]␛]0;x␇" in screen_text(pilot)


async def test_a_finetuning_shows_its_curves(tmp_path: Path) -> None:
    training = TrainingStatus("embedder", "running", "", 2, 9, ((0, 2.5), (1, 1.25)), ((0, 0.5), (1, 0.75)))
    learning = FakeLearning(replace(LEARNED, training=training))
    async with running(FakeLibrary(learning=learning), tmp_path) as pilot:
        await opened(pilot)
        text = screen_text(pilot)
        assert "embedder running, step 2/9, loss 1.250, nDCG@10 0.750" in text
        assert "2.500" in text
        assert "0.750 " in text


async def test_the_palette_opens_it(tmp_path: Path) -> None:
    async with running(FakeLibrary(), tmp_path) as pilot:
        names = [command.title for command in pilot.app.get_system_commands(pilot.app.screen)]
        assert "Learning" in names
