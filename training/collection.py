"""A folder of documents of many pages with queries whose page is known, made from the training folder.

Long texts of the corpus become a document each; passages of the given collections are put together to
documents of a dozen. A query's page is the one that holds most of its passage.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.pairs import Pair, read_given, read_mined, read_texts

LENGTHS = range(8_000, 60_000)
"""Characters of a text that becomes a document."""
KINDS = frozenset({"heading", "heading_later", "question_heading", "title_intro", "description"})
COLLECTIONS = frozenset({"tatqa", "wikitablequestions", "selqa", "pubmedqa", "medquad"})
PER_DOCUMENT = 12
"""Passages of a collection that are put together."""
FEWEST_WORDS = 4
_KEY = 60
_SHINGLE = 4


@dataclass(frozen=True, slots=True)
class Collection:
    """Texts of documents by file name, and pairs with the name of the document that holds the passage."""

    texts: Mapping[str, str]
    queries: Sequence[tuple[Pair, str]]

    def write(self, folder: Path) -> None:
        """A text file a document; files that are there are kept."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in self.texts.items():
            if not (folder / name).exists():
                (folder / name).write_text(text, "utf-8")


def make_collection(data: Path, documents: int, queries: int, seed: int) -> Collection:
    """Half of the queries over texts of the corpus, half over passages put together."""
    rng = random.Random(seed)
    halves = (_of_corpus(data, documents // 2, rng), _of_passages(data, documents // 2, rng))
    texts = {name: text for half in halves for name, text in half.texts.items()}
    drawn = [q for half in halves for q in rng.sample(half.queries, min(queries // 2, len(half.queries)))]
    return Collection(texts, drawn)


def page_of(passage: str, pages: Mapping[int, str]) -> int | None:
    """The page that holds most of a passage, by its runs of four words; None when that is less than half."""
    wanted = _shingles(passage)
    held = {page: len(wanted & _shingles(text)) for page, text in pages.items()}
    best = max(held, key=lambda page: (held[page], -page), default=None)
    return best if best is not None and held[best] * 2 >= max(len(wanted), 1) else None


def _of_corpus(data: Path, documents: int, rng: random.Random) -> Collection:
    long = [text for _, text in read_texts(data) if len(text) in LENGTHS]
    texts = {f"text {n:04}.txt": text for n, text in enumerate(rng.sample(long, min(documents, len(long))))}
    homes = {
        _key(line): name for name, text in texts.items() for line in text.split("\n") if len(line) > _KEY
    }
    found = [(pair, homes.get(_key(pair.passage))) for pair in read_mined(data) if pair.kind in KINDS]
    return Collection(texts, _asked((pair, name) for pair, name in found if name))


def _of_passages(data: Path, documents: int, rng: random.Random) -> Collection:
    pairs = [pair for pair in read_given(data) if pair.kind in COLLECTIONS]
    together: dict[str, list[str]] = {}
    for kind in sorted(COLLECTIONS):
        passages = sorted({pair.passage for pair in pairs if pair.kind == kind})
        for start in range(0, len(passages), PER_DOCUMENT):
            together[f"{kind} {start:05}.txt"] = passages[start : start + PER_DOCUMENT]
    drawn = rng.sample(sorted(together), min(documents, len(together)))
    homes = {passage: name for name in drawn for passage in together[name]}
    texts = {name: "\n\n".join(together[name]) for name in drawn}
    return Collection(texts, _asked((pair, homes[pair.passage]) for pair in pairs if pair.passage in homes))


def _asked(found: Iterable[tuple[Pair, str]]) -> list[tuple[Pair, str]]:
    """One pair a query, of a few words at least."""
    first = {pair.query: (pair, name) for pair, name in found if len(pair.query.split()) >= FEWEST_WORDS}
    return list(first.values())


def _key(text: str) -> str:
    return text.strip()[:_KEY]


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = text.split()
    return frozenset(zip(*(words[i:] for i in range(_SHINGLE)), strict=False))
