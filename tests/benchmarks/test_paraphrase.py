from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from benchmarks import paraphrase
from docsearch.store.analyzer import Analyzer
from tests.benchmarks.measuring import Measure
from training.pairs import Pair, read_held_out

ROWS = [
    (
        "how to diagnose high blood sugar",
        "Doctors measure glucose in a fasting patient; diabetes is likely above {}.",
    ),
    ("what does the tenant owe each month", "The rent of {} is due on the first day and paid by the lessee."),
    (
        "ways to make a website quicker",
        "Pages load faster when pictures are small; cache them for {} seconds.",
    ),
]


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """Enough pairs that some of their passages are held out."""
    with gzip.open(tmp_path / "medquad.jsonl.gz", "wt") as lines:
        for number in range(300):
            query, passage = ROWS[number % 3]
            row = {"query": f"{query} {number}", "passage": passage.format(number)}
            lines.write(json.dumps(row) + "\n")
    return tmp_path


def test_only_queries_that_share_few_words_are_asked(train: Path) -> None:
    pairs = read_held_out(train)
    kept = list(paraphrase.few_words_shared(pairs, frozenset(pair.passage for pair in pairs)))
    assert kept
    analyzer = Analyzer()
    for pair in kept:
        query = paraphrase.content_stems(pair.query, analyzer)
        shared = query & paraphrase.content_stems(pair.passage, analyzer)
        assert len(shared) * 3 <= len(query)
    word_for_word = Pair("rent due first day", "The rent is due on the first day", "medquad")
    assert not list(paraphrase.few_words_shared([word_for_word], frozenset([word_for_word.passage])))


def test_recall_beside_that_of_full_text(train: Path, tmp_path: Path, measure: Measure) -> None:
    (tmp_path / "home").mkdir()
    found = measure(paraphrase.main, "--train", train, "--home", tmp_path / "home", "--examples", 1)
    assert found["pages"] == len({pair.passage for pair in read_held_out(train)})
    assert 0 < found["queries"] <= found["pages"]
    assert 0 <= found["bm25_recall10"] <= 1
    assert 0 < found["recall10"] <= 1
