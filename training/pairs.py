"""Query-passage pairs and running text from the training folder. Never reads judged documents."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

PER_PASSAGE = 3
HELD_OUT_OF_256 = 13
"""One passage in twenty is never learned from, with all its queries."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and a passage that answers it."""

    query: str
    passage: str
    kind: str = ""
    """How it was mined; for given pairs the name of the collection."""

    @property
    def held_out(self) -> bool:
        """Whether its passage is kept for measuring; the same in every run."""
        return hashlib.sha256(self.passage.encode()).digest()[0] < HELD_OUT_OF_256


def read_pairs(folder: Path, limit: int, rng: random.Random) -> list[Pair]:
    """Pairs to learn from in random order, at most `limit`, few per passage, no query twice."""
    pairs = [pair for pair in chain(read_given(folder), read_mined(folder)) if not pair.held_out]
    rng.shuffle(pairs)
    return _distinct(pairs)[:limit]


def read_held_out(folder: Path) -> list[Pair]:
    """All pairs of the passages that are kept for measuring, no query twice, in the order of the files."""
    return _distinct(pair for pair in chain(read_given(folder), read_mined(folder)) if pair.held_out)


def read_texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Title and text of every document of the corpus."""
    for path in sorted((folder / "corpus").glob("text-*.jsonl.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield row["title"] or "", row["text"]


def _distinct(pairs: Iterable[Pair]) -> list[Pair]:
    seen: set[str] = set()
    uses: Counter[str] = Counter()
    kept = []
    for pair in pairs:
        if pair.query in seen or uses[pair.passage] >= PER_PASSAGE or len(pair.query) < 8:
            continue
        seen.add(pair.query)
        uses[pair.passage] += 1
        kept.append(pair)
    return kept


def read_given(folder: Path) -> Iterator[Pair]:
    """The pairs of the collections, as they are."""
    for path in sorted(folder.glob("*.jsonl.gz")):
        for row in _gz(path):
            yield Pair(row["query"], row["passage"], path.name.partition(".")[0])


def read_mined(folder: Path) -> Iterator[Pair]:
    """The pairs mined from the corpus, as they are."""
    for path in sorted((folder / "corpus").glob("pairs-*.jsonl.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                yield Pair(row["query"], row["passage"], row["kind"])


def _gz(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
