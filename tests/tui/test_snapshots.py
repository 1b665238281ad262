"""Every screen as it looks, in two sizes and two themes, compared with what it looked like before.

A snapshot is the text of the screen, and for each theme how many cells have which colours. SVG pictures
would change with every version of the toolkit and say less about what changed.

    DOCSEARCH_SNAPSHOTS=write python -m pytest tests/tui/test_snapshots.py    takes them anew
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from docsearch.config import ViewSettings
from docsearch.records import (
    Answer,
    AnswerState,
    Citation,
    Failure,
    FailureKind,
    Root,
    Snippet,
    Statement,
    TextSource,
    TrainingStatus,
)
from docsearch.tui.app import DocsearchApp
from tests.tui.fake import LEARNED, MODELS, FakeLearning, FakeLibrary, FakeRunner, hit, opens
from tests.tui.running import screen_text, settled

FOLDER = Path(__file__).parent / "snapshots"
WRITES = os.environ.get("DOCSEARCH_SNAPSHOTS") == "write"
SIZES = ((80, 24), (120, 36))
THEMES = ("dark", "light")

QUOTE = Snippet("The budget of year 1 grew\nby a tenth.", ((4, 10),))
SAID = Answer(
    "did the budget grow?",
    AnswerState.DONE,
    (Statement(QUOTE.text, (1,)),),
    (Citation(1, hit(1).page, hit(1).path, "Report 1", 9, QUOTE, TextSource.LAYER),),
)
HITS = [
    hit(1),
    replace(hit(2, page=4), source=TextSource.OCR, copies=(Path("/copies/report 2.pdf"),)),
    *(hit(1, page=page) for page in (3, 5, 6, 8)),
    hit(3),
]

NO_TRAINING = TrainingStatus()
TRAINING = TrainingStatus(
    "embedder",
    "running",
    step=40,
    of=120,
    losses=tuple((step, 2.4 / (1 + step / 9)) for step in range(41)),
    ndcg10=((0, 0.71), (10, 0.74), (20, 0.78), (30, 0.775), (40, 0.79)),
)


@dataclass(frozen=True)
class Scene:
    """How to come to a screen: what is typed, then which keys are pressed."""

    name: str
    words: str = ""
    keys: Sequence[str] = ()
    empty: bool = False
    training: TrainingStatus = NO_TRAINING


SCENES = [
    Scene("welcome", empty=True),
    Scene("idle"),
    Scene("results", "budget"),
    Scene("results-chosen", "budget", ("tab", "down", "down")),
    Scene("page", "budget", ("f3",)),
    Scene("text", "budget", ("f3", "f3", "ctrl+t")),
    Scene("nothing", "zebra in:invoices"),
    Scene("completion", "type:"),
    Scene("answer", "did the budget grow?"),
    Scene("outline", "budget", ("tab", "o")),
    Scene("folders", keys=("f2",)),
    Scene("settings", keys=("f8",)),
    Scene("models", keys=("f9", "down")),
    Scene("learning", keys=("f10",)),
    Scene("training", keys=("f10", "down"), training=TRAINING),
    Scene("judged", "budget", ("tab", "plus", "down", "minus")),
    Scene("help", keys=("f1",)),
]


def library_for(scene: Scene) -> FakeLibrary:
    return FakeLibrary(
        answers={"budget": [HITS], "did the budget grow?": [HITS]},
        folders=[] if scene.empty else [Root(Path("/papers"), True, 3, 27, 1), Root(Path("/disk"), False)],
        failures=(Failure(Path("/papers/locked.pdf"), FailureKind.PASSWORD),),
        bookmarks=((1, "Opening", 1), (2, "Budget", 4), (1, "Closing", 9)),
        known={"type": ("pdf", "png", "image")},
        said=(SAID,),
        known_models=MODELS,
        learning=FakeLearning(replace(LEARNED, waiting=2, training=scene.training)),
    )


async def looks(scene: Scene, size: tuple[int, int], theme: str, tmp_path: Path) -> tuple[str, str]:
    """The text of the screen, and its colours."""
    app = DocsearchApp(
        opens(library_for(scene)),
        tmp_path / "log",
        view=ViewSettings(theme=theme),
        settings=Path("/nowhere/settings.toml"),
        learner=FakeRunner(),
    )
    app.animation_level = "none"
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        if scene.words:
            await pilot.press(*("space" if character == " " else character for character in scene.words))
            await settled(pilot)
        for key in scene.keys:
            await pilot.press(key)
            await settled(pilot)
        return "\n".join(line.rstrip() for line in screen_text(pilot).splitlines()), colours(pilot)


def colours(pilot: Pilot[None]) -> str:
    """How many cells have which colours, the commonest first."""
    cells: Counter[str] = Counter()
    for strip in pilot.app.screen._compositor.render_strips():
        for text, style, _ in strip:
            if style is not None:
                front, back = (c.name if c else "-" for c in (style.color, style.bgcolor))
                cells[f"{front} on {back}{' bold' if style.bold else ''}"] += len(text)
    return "\n".join(f"{number:6} {name}" for name, number in cells.most_common())


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_screens_look_as_before(scene: Scene, size: tuple[int, int], tmp_path: Path) -> None:
    taken = {theme: await looks(scene, size, theme, tmp_path) for theme in THEMES}
    assert len({text for text, _ in taken.values()}) == 1, "themes change more than colours"
    text = taken[THEMES[0]][0]
    parts = [text, *(f"-- {theme}\n{found}" for theme, (_, found) in taken.items())]
    now = "\n".join(parts) + "\n"
    path = FOLDER / f"{scene.name}-{size[0]}x{size[1]}.txt"
    if WRITES:
        path.parent.mkdir(exist_ok=True)
        path.write_text(now, encoding="utf-8")
    assert now == path.read_text(encoding="utf-8")
