from __future__ import annotations

from pathlib import Path

from benchmarks import starter
from tests.benchmarks.measuring import Measure


def test_speeds_of_the_shipped_models(docs: Path, home: Path, measure: Measure) -> None:
    found = measure(starter.main, "--docs", docs, "--home", home, "--no-wheel")
    assert found["texts_per_second"] > 0
    assert found["images_per_second"] > 0
    assert found["query_ms"] > 0
    assert found["reranked_queries"] == 0, "no query has fifty candidates here"
    assert found["rerank50_ms"] is None
