from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import quality
from benchmarks.samples import read_samples
from docsearch.evaluate.judged import JudgedQuery
from docsearch.library import Library
from tests.benchmarks.measuring import Measure

GROUPS = {"all", "text", "image", "filings", "contracts", "receipts"}


def test_every_group_is_measured_by_stage_and_under_opaque_names(
    docs: Path, home: Path, measure: Measure
) -> None:
    found = measure(quality.main, "--docs", docs, "--home", home)
    for key in ("ndcg10", "opaque", "plain_bm25", "above_plain_bm25"):
        assert set(found[key]) == GROUPS
    assert found["ndcg10"]["all"] == found["opaque"]["all"] == 1.0
    assert found["stages"]["search"] == found["ndcg10"]
    assert set(found["opaque_stages"]) == set(found["stages"]) > {"full text", "vectors", "text + documents"}
    assert found["queries"] == 3
    assert found["latency_p95_ms"] >= found["latency_p50_ms"] > 0


def test_opaque_copy_forgets_names_and_keeps_what_ocr_read(docs: Path, home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "index", tmp_path / "index")
    quality.opaque_copy(tmp_path, read_samples(docs))
    with Library(tmp_path) as named, Library(tmp_path / "opaque") as opaque:
        assert best_score(named, "zephyr 2021") > 0
        assert best_score(opaque, "zephyr 2021") == 0
        assert recognised(opaque) == recognised(named) > 0
        assert any("Coffee" in text for text in quality.page_texts(opaque.store, root_of(opaque)).values())


def test_plain_bm25_ranks_pages_by_their_words(tmp_path: Path) -> None:
    texts = {"a#1": "red apples", "a#2": "green pears and red apples, red apples", "b#1": "nothing"}
    search = quality.PlainBm25(tmp_path, texts)
    assert {page for page, _ in search(JudgedQuery("1", "red apple"))} == {"a#1", "a#2"}


def best_score(library: Library, words: str) -> float:
    """How well the best document's title, name or folders match."""
    return max(library.store.evidence.name_scores(words.split(), 10).values(), default=0.0)


def recognised(library: Library) -> int:
    count: int = library.store.catalog.connection.execute("SELECT count(*) FROM recognised").fetchone()[0]
    return count


def root_of(library: Library) -> Path:
    [root] = library.roots()
    return root.path
