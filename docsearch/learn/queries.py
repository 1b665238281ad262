"""Queries made from the user's own pages, of every kind that people type, and those of the log.

They need no answer, only to look like queries: a small encoder learns from them how a large one reads.
The same index and seed give the same queries, so that work on them can be gone on with.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docsearch.errors import DocsearchError
from docsearch.learn.clicks import ClickLog
from docsearch.learn.dataset import chosen_pages
from docsearch.records import PageId
from docsearch.search.parse import parse
from docsearch.store.index import Index

LONGEST = 200
"""Characters of a query."""
MOST_OF_A_PAGE = 60
_MOST_LOGGED = 5000
_BATCH = 500
_LONGEST_WORD = 24
_SENTENCE_END = re.compile(r"(?<=[.!?。！？;:])\s+")
_WORD = re.compile(r"\w[\w'’./-]*\w|\w")
_TELLING = 3
"""Letters of a word that is worth searching for."""
_QUESTIONS = (
    "what is {}",
    "how much {}",
    "who {}",
    "when {}",
    "where is {}",
    "which {}",
    "{}?",
    "find {}",
    "why {}?",
    "how many {}?",
)


@dataclass(frozen=True, slots=True)
class CorpusQuery:
    """A query, and the page it was made from or that was chosen for it; None where that is not known.

    Attributes:
        text: the words, without filters.
        page: the page it is after.
        content: of that page's document; of a logged query, nothing.
    """

    text: str
    page: PageId | None = None
    content: str = ""


def corpus_queries(index: Index, count: int, seed: int = 1) -> list[CorpusQuery]:
    """At most `count` different queries from pages drawn at random, in random order."""
    chance = random.Random(seed)
    places = _places(index, chance)
    each = min(max(-(-count // max(len(places), 1)), 4), MOST_OF_A_PAGE)
    found: dict[str, CorpusQuery] = {}
    for start in range(0, len(places), _BATCH):
        batch = places[start : start + _BATCH]
        texts = {page: text for page, (text, _) in index.pages.texts(page for page, _ in batch).items()}
        common = Counter(word for text in texts.values() for word in set(_words(text.lower())))
        for page, content in batch:
            for query in page_queries(texts.get(page, ""), each, common, chance):
                found.setdefault(query, CorpusQuery(query, page, content))
        if len(found) >= count:
            break
    made = list(found.values())
    chance.shuffle(made)
    return made[:count]


def logged_queries(log: ClickLog) -> list[CorpusQuery]:
    """What the user asked, the newest first, with the page that was chosen most."""
    wanted = {chosen.query: chosen.wanted for chosen in chosen_pages(log)}
    found: dict[str, CorpusQuery] = {}
    for search in log.index.clicks.latest(_MOST_LOGGED):
        try:
            query = parse(search.query)
        except DocsearchError:  # filters that make no sense any more
            continue
        text = " ".join(part for part in (query.text, *query.phrases) if part)[:LONGEST]
        pages = wanted.get(search.query, {})
        if text:
            found.setdefault(text, CorpusQuery(text, max(pages, key=lambda p: pages[p]) if pages else None))
    return list(found.values())


def page_queries(text: str, count: int, common: Counter[str], chance: random.Random) -> Iterator[str]:
    """So many queries of a page: headings, sentences, parts of them, telling words, questions.

    `common` says on how many pages a word stands, in lower case.
    """
    lines = [line.strip() for line in text.splitlines() if len(_words(line)) >= 2]
    sentences = [s for s in _SENTENCE_END.split(" ".join(text.split())) if 3 <= len(_words(s)) <= 40]
    headings = [line for line in lines if 2 <= len(_words(line)) <= 10]
    if not lines and not sentences:
        return
    for _ in range(count):
        source = chance.choice(sentences or lines)
        match chance.random():
            case x if x < 0.15 and headings:
                query = chance.choice(headings)
            case x if x < 0.35:
                query = source
            case x if x < 0.5:
                query = _part(source, chance)
            case x if x < 0.85:
                query = _keywords(chance.choice(lines or sentences), common, chance)
            case _:
                query = chance.choice(_QUESTIONS).format(_keywords(source, common, chance))
        if query := " ".join(query.split())[:LONGEST].strip():
            yield query.lower() if chance.random() < 0.5 else query


def _places(index: Index, chance: random.Random) -> list[tuple[PageId, str]]:
    """All searchable pages with the content of their document, shuffled."""
    documents = sorted(index.documents.get(index.documents.live()).values(), key=lambda d: d.id)
    places = [(PageId(d.id, page), d.content) for d in documents for page in range(1, d.pages + 1)]
    chance.shuffle(places)
    return places


def _words(text: str) -> list[str]:
    return [word[:_LONGEST_WORD] for word in _WORD.findall(text)]


def _part(text: str, chance: random.Random) -> str:
    """A few words in a row."""
    words = text.split()
    length = chance.randint(2, 8)
    start = chance.randrange(max(1, len(words) - length + 1))
    return " ".join(words[start : start + length])


def _keywords(text: str, common: Counter[str], chance: random.Random) -> str:
    """A few words in their order, rare ones more likely."""
    words: Sequence[str] = list(dict.fromkeys(w for w in _words(text) if len(w) >= _TELLING)) or _words(text)
    wanted = chance.randint(1, 6)
    drawn = sorted(words, key=lambda w: chance.random() ** (common[w.lower()] + 1) ** 0.5, reverse=True)
    kept = set(drawn[:wanted])
    return " ".join(word for word in words if word in kept)
