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
    for figures in found.values():  # among so few pages each is found in every way
        assert figures["search_ndcg10"]["all"] == 1
        assert figures["picture_hit10"] == 1
        assert figures["embedding_seconds"] > 0
