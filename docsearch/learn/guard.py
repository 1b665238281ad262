"""The guard set: known-item queries made from the user's own pages, which learning must not answer worse.

Made once and kept, so that what is compared over time stays the same. A query is a few words of one line
of a page, rare ones more likely than common ones, as somebody remembers them who has seen the page.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from docsearch.config import whole_file
from docsearch.errors import StorageFull
from docsearch.learn.dataset import Chosen
from docsearch.records import PageId
from docsearch.store.analyzer import tokens
from docsearch.store.index import Index

QUERIES = 150
FEWEST, MOST = 3, 5
_LONG_ENOUGH = 3
_TRIES = 6
_FILE = "guard.jsonl"


def guard_set(folder: Path, index: Index) -> list[Chosen]:
    """The queries with their pages, as far as those are still indexed; made when there are none yet."""
    stored = list(_read(folder / _FILE))
    alive = list(_known(stored, index))
    if len(alive) < min(QUERIES, len(index.documents.live())) / 2:
        stored = make_queries(index, QUERIES)
        _write(folder / _FILE, stored)
        alive = list(_known(stored, index))
    return alive


def make_queries(index: Index, count: int, seed: int = 1) -> list[tuple[str, str, int]]:
    """(query, content, page): from pages drawn at random, the same ones for the same index and seed."""
    chance = random.Random(seed)
    documents = list(index.documents.get(index.documents.live()).values())
    places = [(d.id, d.content, page) for d in documents for page in range(1, d.pages + 1)]
    chance.shuffle(places)
    made: dict[str, tuple[str, str, int]] = {}
    for start in range(0, min(len(places), _TRIES * count), count):
        batch = places[start : start + count]
        texts = index.pages.texts(PageId(number, page) for number, _, page in batch)
        for number, content, page in batch:
            text, _ = texts.get(PageId(number, page), ("", None))
            query = _query(text, index, chance)
            if query:
                made.setdefault(query, (query, content, page))
        if len(made) >= count:
            break
    return list(made.values())[:count]


def _query(text: str, index: Index, chance: random.Random) -> str:
    """A few telling words of one line, in their order; nothing when no line has enough."""
    lines = [line for line in text.splitlines() if len(line.split()) >= FEWEST]
    for line in chance.sample(lines, min(_TRIES, len(lines))):
        words = list(dict.fromkeys(token.word for token in tokens(line) if len(token.word) >= _LONG_ENOUGH))
        counts = index.vocabulary.page_counts([t for w in words for t in _stems(index, w)])
        known = {w: max(counts.get(t, 0) for t in _stems(index, w)) for w in words}
        telling = [word for word in words if known[word]]
        if len(telling) >= FEWEST:
            wanted = chance.randint(FEWEST, MOST)
            drawn = sorted(telling, key=lambda w: chance.random() ** known[w] ** 0.5, reverse=True)[:wanted]
            return " ".join(word for word in words if word in drawn)
    return ""


def _stems(index: Index, word: str) -> tuple[str, ...]:
    return tuple(index.analyzer.variants(word, index.vocabulary.languages()))


def _known(stored: Sequence[tuple[str, str, int]], index: Index) -> Iterator[Chosen]:
    for query, content, page in stored:
        document = index.documents.by_content(content)
        if document is not None and document.id in index.documents.live():
            yield Chosen(query, 0.0, {PageId(document.id, page): 1.0})


def _read(path: Path) -> Iterator[tuple[str, str, int]]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        try:
            query, content, page = json.loads(line)
            yield str(query), str(content), int(page)
        except (ValueError, TypeError):
            continue


def _write(path: Path, queries: Sequence[tuple[str, str, int]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with whole_file(path) as file:
            file.writelines(json.dumps(query).encode() + b"\n" for query in queries)
    except OSError as error:
        raise StorageFull(f"cannot write {path}: {error.strerror}") from error
