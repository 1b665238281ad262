"""From the click log to what can be learned from it: every query answered again, with what was chosen.

A page that was chosen far down counts more: of many queries whose page stood there only few users came to
see it (inverse propensity weighting, Joachims et al., WSDM 2017). How likely a place is looked at is what the
log itself says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from docsearch.errors import DocsearchError
from docsearch.learn.clicks import ClickLog, examined, relevance
from docsearch.learn.examples import Asked, Vectors
from docsearch.learn.fit import Space
from docsearch.learn.memory import SAME, Remembered, likeness, remembered
from docsearch.records import LoggedSearch, PageId, Query
from docsearch.search.engine import Engine
from docsearch.search.parse import parse

MOST_QUERIES = 2000
"""The newest ones are learned from."""
_LEAST_PROPENSITY = 0.2
_SMOOTHING = 5.0
_SAMPLE = 256


@dataclass(frozen=True, slots=True)
class Chosen:
    """A query as it was typed, and what was chosen for it in all searches together."""

    query: str
    at: float
    wanted: dict[PageId, float] = field(default_factory=dict)
    refused: set[PageId] = field(default_factory=set)
    ranks: list[int] = field(default_factory=list)


def chosen_pages(log: ClickLog, since: float = 0.0) -> list[Chosen]:
    """The queries for which pages were chosen that are still indexed, in order of time; since a time only."""
    found: dict[str, Chosen] = {}
    for search in log.index.clicks.said(100 * MOST_QUERIES):
        if search.at > since:
            chosen = found.setdefault(search.query, Chosen(search.query, search.at))
            _add(chosen, search, log)
    taught = [chosen for chosen in found.values() if any(chosen.wanted.values())]
    return taught[-MOST_QUERIES:]


def _add(chosen: Chosen, search: LoggedSearch, log: ClickLog) -> None:
    said = relevance(search)
    for impression in search.impressions:
        value = said.get(impression.rank)
        page = log.page_of(impression) if value is not None else None
        if page is None or value is None:
            continue
        if value:
            chosen.wanted[page] = chosen.wanted.get(page, 0.0) + value
            chosen.ranks.append(impression.rank)
        else:
            chosen.wanted.pop(page, None)
            chosen.refused.add(page)


def propensities(searches: Iterable[LoggedSearch]) -> dict[int, float]:
    """How likely each rank is looked at: the share of lists long enough in which it was."""
    shown: dict[int, float] = {}
    looked: dict[int, float] = {}
    for search in searches:
        seen = examined(search)
        if seen:
            for impression in search.impressions:
                shown[impression.rank] = shown.get(impression.rank, 0.0) + 1
                looked[impression.rank] = looked.get(impression.rank, 0.0) + (impression.rank in seen)
    return {
        rank: max((looked[rank] + _SMOOTHING) / (shown[rank] + _SMOOTHING), _LEAST_PROPENSITY)
        for rank in shown
    }


class Asker:
    """Answers queries as they are answered without anything learned, in numbers to learn from.

    Args:
        engine: whose models and index are used.
        signals: the names of what scores are made of.
    """

    def __init__(self, engine: Engine, signals: Sequence[str]) -> None:
        self.engine = engine.variant(engine.weights, rerank=True)
        self.signals = tuple(signals)
        self._asked: dict[str, Asked | None] = {}
        self._space: tuple[Space | None] | None = None
        self._revision: tuple[int, ...] = ()

    @property
    def space(self) -> Space | None:
        """What the vectors are; None without vectors."""
        self._forget_outdated()
        if self._space is None:
            self._space = (_space(self.engine),)
        return self._space[0]

    def all(self, queries: Iterable[Chosen], counts: Mapping[int, float]) -> Iterator[Asked]:
        """Each query with its candidates; those that cannot be asked any more are left out."""
        for chosen in queries:
            asked = self.ask(chosen.query)
            if asked is not None:
                weights = [1 / counts.get(rank, 1.0) for rank in chosen.ranks]
                yield replace(
                    asked,
                    at=chosen.at,
                    wanted=chosen.wanted,
                    refused=frozenset(chosen.refused),
                    counts=float(np.mean(weights)) if weights else 1.0,
                )

    def ask(self, text: str) -> Asked | None:
        """A query with its candidates, asked once; None when it makes no sense or finds nothing."""
        self._forget_outdated()
        if text not in self._asked:
            try:
                self._asked[text] = self._ask(parse(text))
            except DocsearchError:
                self._asked[text] = None
        return self._asked[text]

    def _forget_outdated(self) -> None:
        """Answers from an index that has changed since are no answers any more."""
        revision = self.engine.index.documents.revision()
        if revision != self._revision:
            self._asked, self._space, self._revision = {}, None, revision

    def _ask(self, query: Query) -> Asked | None:
        ranking = self.engine.rank(query)
        head = ranking.candidates[: self.engine.settings.rerank]
        if len(head) < 2:
            return None
        pages = tuple(candidate.page for candidate in head)
        signals = np.array([[c.scores.get(name, 0.0) for name in self.signals] for c in head])
        vector = np.zeros(0, np.float32)
        vectors = np.zeros((len(head), 0), np.float32)
        if ranking.vector is not None and self.space is not None:
            vector = ranking.vector.vector
            vectors = self._centred(ranking.vector.table.begin_vectors(pages).result(), pages, self.space)
        return Asked(query.raw, 0.0, pages, signals, vector, vectors, ranking.terms.weight, {})

    def _centred(self, found: Mapping[PageId, Vectors], pages: Sequence[PageId], space: Space) -> Vectors:
        rows = [found[page] - space.mean if page in found else np.zeros_like(space.mean) for page in pages]
        return np.stack(rows)

    def words(self, text: str) -> Remembered | None:
        """The words of a query, to compare it with others; None when it makes no sense."""
        try:
            return remembered(self.engine.terms(parse(text)))
        except DocsearchError:
            return None


def in_order_of_groups(asked: Sequence[Asked], words: Callable[[str], Remembered | None]) -> list[Asked]:
    """Queries in order of time, but wordings of one query together, where the first of them stands.

    So a query never helps to answer another wording of itself that is held out.
    """
    groups: list[tuple[Remembered | None, list[Asked]]] = []
    for one in sorted(asked, key=lambda a: a.at):
        mine = words(one.query)
        group = next((g for said, g in groups if said and mine and likeness(mine, said) >= SAME), None)
        if group is None:
            groups.append((mine, [one]))
        else:
            group.append(one)
    return [replace(one, group=number) for number, (_, group) in enumerate(groups) for one in group]


def _space(engine: Engine) -> Space | None:
    """The vectors the engine compares with, and their mean over pages drawn at random."""
    if engine.embedder is None or not engine.weights.meaning:
        return None
    embedder = engine.embedder()
    table = engine.index.vectors(embedder.fingerprint, embedder.dimensions)
    if not table.exists():
        return None
    drawn = table.begin_sample().result()
    return Space(embedder.fingerprint, np.asarray(drawn.mean(axis=0), np.float32)) if len(drawn) else None
