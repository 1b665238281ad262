from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

from benchmarks import storm, watching
from docsearch.library import Library
from tests.benchmarks.measuring import Measure

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the events are inotify's")


def test_a_small_storm_leaves_nothing_behind(measure: Measure) -> None:
    found = measure(storm.main, "--operations", "60", "--seconds", "3", "--patience", "60")
    assert sum(found["by_operation"].values()) == found["operations"] == 60
    wrong = {key: found[key] for key in ("differences", "failed_queries", "documents_without_pages")}
    assert wrong == {"differences": 0, "failed_queries": 0, "documents_without_pages": 0}
    assert found["queries"] > 0
    assert 0 < found["seconds_to_rest"] < 60


def test_a_storm_that_nobody_watched_is_seen(tmp_path: Path) -> None:
    folder, home = watching.watched_folder(tmp_path)
    storm.Deeds(folder, tmp_path / "outside", Random(3)).run(40, 0.0)
    with Library(home) as library:
        assert len(storm.differences(library.store, folder)) == sum(p.is_file() for p in folder.rglob("*"))
        assert list(library.index([folder]))
        assert storm.differences(library.store, folder) == []
        document = min(library.store.documents.live())
        library.store.pages.delete([document])
        assert storm.missing_pages(library.store) == 1


def test_what_watching_costs_is_measured(measure: Measure) -> None:
    small = ["--files", "30", "--idle", "1", "--saves", "1", "--pages", "3", "--updates", "3"]
    found = measure(watching.main, *small)
    assert (found["files"], found["updates"], found["saved_pages"]) == (30, 3, 3)
    for key in ("save_to_searchable_seconds", "idle_rss_mb", "sweep_seconds", "size_ratio_after_updates"):
        assert found[key] > 0
    assert 0 <= found["idle_cpu_percent"] <= 100
