from __future__ import annotations

from pathlib import Path

from benchmarks import picture
from benchmarks.distort import DISTORTIONS
from docsearch.library import Library
from tests.benchmarks.measuring import Measure


def test_figures_by_distortion(docs: Path, home: Path, measure: Measure) -> None:
    found = measure(picture.main, "--docs", docs, "--home", home, "--pages", "3")
    assert found["pages"] == 3
    assert list(found["hit1_by_distortion"]) == list(DISTORTIONS)[:3]
    assert found["hit10"] == 1, "there are fewer than ten pages"
    assert found["hit1"] >= 2 / 3
    assert found["seconds_p50"] > 0


def test_pages_are_drawn_in_an_order_that_the_seed_decides(home: Path) -> None:
    with Library(home) as library:
        first, again, other = (picture.drawn_pages(library, seed) for seed in (0, 0, 3))
    assert first == again != other
    assert sorted(map(str, first)) == sorted(map(str, other))
