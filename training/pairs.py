"""Query-passage pairs and running text from the training folder. Never reads judged documents."""

from __future__ import annotations

import gzip
import json
import lzma
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KEEP = {"first_sentence": 0.3, "heading_later": 0.7}
"""Share of mined pairs of a kind that is used: a first sentence is a statement, not a question."""
MANUALS = ("MicrosoftDocs/", "SAP-docs/", "awsdocs/")
KEEP_MANUALS = 0.5
"""A third of the mined pairs come from business-software manuals."""
PER_PASSAGE = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and a passage that answers it."""

    query: str
    passage: str


def read_pairs(folder: Path, limit: int, rng: random.Random) -> list[Pair]:
    """Given and mined pairs in random order, at most `limit`, few per passage, no query twice."""
    given = [
        Pair(row["query"], row["passage"]) for path in sorted(folder.glob("*.jsonl.gz")) for row in _gz(path)
    ]
    mined = [Pair(r["query"], r["passage"]) for r in _mined(folder) if rng.random() < _share(r)]
    rng.shuffle(mined)
    pairs = _distinct(given + mined)[:limit]
    rng.shuffle(pairs)
    return pairs


def read_texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Title and text of every document of the corpus."""
    for path in sorted((folder / "corpus").glob("text-*.jsonl.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield row["title"] or "", row["text"]


def _distinct(pairs: list[Pair]) -> list[Pair]:
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


def _share(row: dict[str, str]) -> float:
    share = KEEP.get(row["kind"], 1.0)
    return share * KEEP_MANUALS if row["source"].startswith(MANUALS) else share


def _mined(folder: Path) -> Iterator[dict[str, str]]:
    for path in sorted((folder / "corpus").glob("pairs-*.jsonl.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def _gz(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
