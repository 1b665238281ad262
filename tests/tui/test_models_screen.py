"""The models screen: what is listed, and switching."""

from __future__ import annotations

from pathlib import Path

from textual.pilot import Pilot

from docsearch.errors import ModelUnavailable
from docsearch.tui.screens.dialogs import Confirm
from docsearch.tui.screens.models import ModelsScreen
from tests.tui.fake import MODELS, FakeLibrary
from tests.tui.running import notifications, running, screen_text, settled


async def to_row(pilot: Pilot[None], name: str) -> None:
    """Opens the screen and goes to a model."""
    await pilot.press("f9")
    await settled(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, ModelsScreen)
    for _ in range([model.name for model in screen.models].index(name)):
        await pilot.press("down")
    await settled(pilot)


async def test_models_are_listed_with_what_they_need(tmp_path: Path) -> None:
    async with running(FakeLibrary(known_models=MODELS), tmp_path) as pilot:
        await to_row(pilot, "elsewhere")
        text = screen_text(pilot)
        assert "1.9 GB" in text
        assert "too large" in text
        assert "docsearch models pull elsewhere" in text
        assert "3.1 GB are free now" in text


async def test_another_embedder_is_confirmed_and_its_vectors_are_made(tmp_path: Path) -> None:
    library = FakeLibrary(known_models=MODELS)
    async with running(library, tmp_path) as pilot:
        await to_row(pilot, "larger")
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, Confirm)
        await pilot.press("y")
        await settled(pilot)
        assert ("use model", "larger") in library.asked
        assert ("index",) in library.asked
        assert "in use, 0% of pages" in screen_text(pilot)


async def test_a_switch_that_is_not_confirmed_does_nothing(tmp_path: Path) -> None:
    library = FakeLibrary(known_models=MODELS)
    async with running(library, tmp_path) as pilot:
        await to_row(pilot, "larger")
        await pilot.press("enter", "n")
        await settled(pilot)
        assert ("use model", "larger") not in library.asked


async def test_a_model_that_is_not_here_cannot_be_used(tmp_path: Path) -> None:
    library = FakeLibrary(known_models=MODELS)
    library.broken["use model"] = ModelUnavailable(
        "model 'elsewhere' is not on this machine", hint="fetch it"
    )
    async with running(library, tmp_path) as pilot:
        await to_row(pilot, "elsewhere")
        await pilot.press("enter")
        await settled(pilot)
        assert any("not on this machine" in notice for notice in notifications(pilot))
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, ModelsScreen)


async def test_a_model_in_use_stays_in_use(tmp_path: Path) -> None:
    library = FakeLibrary(known_models=MODELS)
    async with running(library, tmp_path) as pilot:
        await to_row(pilot, "starter")
        await pilot.press("enter")
        await settled(pilot)
        assert not [asked for asked in library.asked if asked[0] == "use model"]
