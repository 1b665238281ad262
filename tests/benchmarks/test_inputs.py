from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import inputs
from tests.benchmarks.measuring import Measure


def test_figures_by_what_is_shown(docs: Path, home: Path, tmp_path: Path, measure: Measure) -> None:
    copied = shutil.copytree(home, tmp_path / "home")
    found = measure(inputs.main, "--docs", docs, "--home", copied, "--pictures", "2")
    assert found.pop("embedder") == "starter"
    assert list(found) == list(inputs.WAYS)
    both, picture, text = found.values()
    assert both["vectors_ndcg10"]["all"] > picture["vectors_ndcg10"]["all"]
    assert both["picture_hit10"] == picture["picture_hit10"] == 1, "there are fewer than ten pages"
    assert text["picture_hit1"] < both["picture_hit1"]
