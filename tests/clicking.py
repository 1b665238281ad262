"""A small index whose users always want the same kind of page, and what they do with results.

For every pair of words there is a table that begins with them and, in another document, a report that
repeats them far from each other. Search as it comes puts the table first; these users want the report.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from docsearch.library import Library
from docsearch.records import Impression, LoggedSearch, SearchResult
from docsearch.store.index import Index
from tests.stored import add_document

TOPICS = 28
_LETTERS = "bcdfgklmnprstvz"


def topics() -> list[tuple[str, str]]:
    """Pairs of words that stand nowhere else."""
    chance = random.Random(5)
    return [(_word(chance), _word(chance)) for _ in range(TOPICS)]


def fill(index: Index) -> None:
    """Reports, which repeat the words of their topic, and tables, which begin with them."""
    chance = random.Random(6)
    common = [_word(chance) for _ in range(3000)]
    every = topics()
    for start in range(0, TOPICS, 4):
        some = every[start : start + 4]
        reports = [_report(pair, common, chance) + _beside(pair, some) for pair in some]
        tables = [_table(pair, common, chance) + _beside(pair, some) for pair in some]
        add_document(index, Path(f"/library/report {start}.pdf"), reports)
        add_document(index, Path(f"/library/table {start}.pdf"), tables)


def queries(wordings: int = 1) -> list[str]:
    """What is asked, each topic once, then in other words."""
    forms = ("{0} {1}", "the {1} of {0}", "{0} with {1}")
    return [form.format(*pair) for form in forms[:wordings] for pair in topics()]


Choice = Callable[[SearchResult, random.Random], int]
"""Which rank is opened."""


def wants_tables(result: SearchResult, chance: random.Random) -> int:
    """The first table."""
    return next(hit.rank for hit in result.hits if hit.path.name.startswith("table"))


def wants_reports(result: SearchResult, chance: random.Random) -> int:
    """The first report."""
    return next(hit.rank for hit in result.hits if hit.path.name.startswith("report"))


def wants_anything(result: SearchResult, chance: random.Random) -> int:
    """Any of the first hits."""
    return chance.choice(result.hits).rank


def click(library: Library, asked: Sequence[str], choice: Choice, seed: int = 1) -> list[LoggedSearch]:
    """Asks each query as the library answers it now, and opens one hit of each; as it is logged."""
    chance = random.Random(seed)
    return [search for query in asked for search in _clicked(library, query, choice, chance)]


def order(library: Library, asked: Sequence[str]) -> list[list[tuple[str, int]]]:
    """The pages found for each query, best first."""
    results = (library.search(library.parse(query)) for query in asked)
    return [[(hit.path.name, hit.page.page) for hit in result.hits] for result in results]


def _clicked(library: Library, query: str, choice: Choice, chance: random.Random) -> Iterator[LoggedSearch]:
    result = library.search(library.parse(query))
    log = library.clicks
    search = log.begin(result, "test")
    if search is not None:
        rank = choice(result, chance)
        shown: tuple[Impression, ...] = tuple(
            replace(i, seen=True, opened=int(i.rank == rank)) for i in search.impressions
        )
        made = replace(search, impressions=shown)
        assert log.put(made)
        yield made


def _report(pair: tuple[str, str], common: Sequence[str], chance: random.Random) -> str:
    words = chance.choices(common, k=90)
    for place in range(0, 90, 15):
        words[place + 5], words[place + 12] = pair
    return _lines(words)


def _table(pair: tuple[str, str], common: Sequence[str], chance: random.Random) -> str:
    rows = [f"{word} {chance.randrange(10_000)}" for word in chance.choices(common, k=60)]
    return "\n".join([" ".join(pair), *rows])


def _beside(pair: tuple[str, str], some: Sequence[tuple[str, str]]) -> str:
    """The first words of the other topics, a line each."""
    return "".join(f"\n{first}" for first, _ in some if first != pair[0])


def _lines(words: Sequence[str]) -> str:
    return "\n".join(" ".join(words[start : start + 10]) for start in range(0, len(words), 10))


def _word(chance: random.Random) -> str:
    return "".join(f"{chance.choice(_LETTERS)}{chance.choice('aeiou')}" for _ in range(4))
