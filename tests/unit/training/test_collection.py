from __future__ import annotations

import gzip
import json
import lzma
import random
from pathlib import Path

import pytest

from training.collection import Collection, make_collection, page_of
from training.pairs import read_held_out, read_pairs

PASSAGES = [
    f"the {n}th passage tells what the number {n} stands for and nothing else at all" for n in range(200)
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A collection of 200 passages, and five long texts with headings."""
    with gzip.open(tmp_path / "tatqa.jsonl.gz", "wt") as lines:
        for n, passage in enumerate(PASSAGES):
            lines.write(json.dumps({"query": f"what does number {n} stand for", "passage": passage}) + "\n")
    (tmp_path / "corpus").mkdir()
    with (
        lzma.open(tmp_path / "corpus" / "text-01.jsonl.xz", "wt") as texts,
        lzma.open(tmp_path / "corpus" / "pairs-01.jsonl.xz", "wt") as pairs,
    ):
        for n in range(5):
            section = f"Section {n} begins with a sentence that is long enough to be told from others. " * 3
            texts.write(
                json.dumps({"title": f"{n}", "text": ("filler words " * 1000) + "\n" + section}) + "\n"
            )
            row = {"query": f"How does section {n} begin?", "passage": section, "kind": "heading"}
            pairs.write(json.dumps(row) + "\n")
    return tmp_path


def test_no_passage_is_both_learned_from_and_measured_on(data: Path) -> None:
    learned = {pair.passage for pair in read_pairs(data, 10_000, random.Random(1))}
    measured = {pair.passage for pair in read_held_out(data)}
    assert learned
    assert measured
    assert not learned & measured
    assert set(PASSAGES) <= learned | measured


def test_queries_name_the_document_that_holds_their_passage(data: Path, tmp_path: Path) -> None:
    collection = make_collection(data, 20, 60, seed=1)
    assert {pair.kind for pair, _ in collection.queries} == {"tatqa", "heading"}
    for pair, name in collection.queries:
        assert pair.passage.strip() in collection.texts[name]
    collection.write(tmp_path / "documents")
    written = {path.name: path.read_text() for path in (tmp_path / "documents").iterdir()}
    assert written == dict(collection.texts)


def test_the_same_seed_makes_the_same_collection(data: Path) -> None:
    first, second, other = (make_collection(data, 6, 20, seed) for seed in (1, 1, 2))
    assert first == second
    assert first != other
    assert isinstance(first, Collection)


def test_the_page_of_a_passage_is_the_one_that_holds_most_of_it() -> None:
    passage = "one two three four five six seven eight nine ten"
    pages = {
        1: "nothing of it",
        2: "zero one two three",
        3: "three four five six seven eight nine ten eleven",
    }
    assert page_of(passage, pages) == 3
    assert page_of("words that stand on no page at all", pages) is None
    assert page_of(passage, {}) is None
