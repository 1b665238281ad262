"""Pictures of the screens for the README, made of the sample documents.

    python -m benchmarks.screenshots docs --learned HOME

They are SVG files without fonts of their own, so that looking at them fetches nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from docsearch.config import ViewSettings
from docsearch.ingest.samples import make_samples
from docsearch.library import Library
from docsearch.tui.app import DocsearchApp
from docsearch.tui.learning_process import LearningProcess

_LOOK_SECONDS = 0.1
_QUIET_LOOKS = 5
_FONT = "DejaVu Sans Mono, Menlo, Consolas, monospace"


@dataclass(frozen=True, slots=True)
class Shot:
    """A screen: its name, what is typed, which keys are pressed, and in which theme and size."""

    name: str
    words: str = ""
    keys: tuple[str, ...] = ()
    theme: str = "dark"
    size: tuple[int, int] = (118, 34)
    learned: bool = False
    """Whether it is of an index that search has learned for."""


SHOTS = (
    Shot("search", "rent deposit lease"),
    Shot("answer", "how much is the security deposit?"),
    Shot("models", keys=("f9",)),
    Shot("learning", keys=("f10",), size=(118, 28), learned=True),
    Shot("light", "revenue by region", ("ctrl+t",), theme="light"),
)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the pictures go")
    parser.add_argument(
        "--learned", type=Path, metavar="HOME", help="an index where something was learned, for its picture"
    )
    options = parser.parse_args(argv)
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="docsearch-") as base:
        home, documents = Path(base) / "home", Path(base) / "Documents"
        make_samples(documents)
        with Library(home) as library:
            list(library.index([documents]))
        for shot in SHOTS:
            if shot.learned and options.learned is None:
                continue
            picture = asyncio.run(taken(shot, options.learned if shot.learned else home))
            (options.folder / f"{shot.name}.svg").write_text(without_fonts(picture), encoding="utf-8")


async def taken(shot: Shot, home: Path) -> str:
    """The screen as an SVG picture."""
    app = DocsearchApp(
        lambda: Library(home),
        home / "log",
        view=ViewSettings(theme=shot.theme),
        settings=home / "settings.toml",
        learner=LearningProcess(home),
    )
    async with app.run_test(size=shot.size) as pilot:
        await quiet(pilot)
        await pilot.press(*("space" if character == " " else character for character in shot.words))
        await quiet(pilot)
        for key in shot.keys:
            await pilot.press(key)
            await quiet(pilot)
        return app.export_screenshot(title="docsearch")


async def quiet(pilot: Pilot[None]) -> None:
    """Waits until nothing has been done in the background for a while."""
    looks = 0
    while looks < _QUIET_LOOKS:
        await pilot.pause(_LOOK_SECONDS)
        looks = looks + 1 if all(worker.is_finished for worker in pilot.app.workers) else 0


def without_fonts(svg: str) -> str:
    """The picture in fonts that are there, instead of one that would be fetched."""
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.S)
    return svg.replace("Fira Code", _FONT)


if __name__ == "__main__":
    main()
