"""Click memory: what was opened for a query stands first when the same is asked again, in other words too.

People look again for what they found before in 40 % of their queries, and a known answer that has moved
is often lost (Teevan et al., SIGIR 2006 and 2007). Queries are compared by their words, rare ones counting
more. A query with a number that the other one lacks asks for something else, however alike they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from docsearch.learn.clicks import ClickLog, relevance
from docsearch.records import Candidate, Impression, PageId, Query
from docsearch.search.terms import QueryTerms
from docsearch.store.catalog import Kind

OPENED = "opened before"
"""The name of this signal among the scores of a candidate."""
UNLIKE, SAME = 0.35, 0.65
"""Likeness of two queries up to which they have nothing to do with each other, and from which on they are
one (found on two wordings of judged queries)."""
DOUBT = 0.5
"""A single click is taken for an answer as if it were one of one and a half."""
AHEAD = 0.3
"""A sure answer is put before the best page by this share of what lies between the first and tenth."""
_HEAD = 10
_KEPT = 5000

Words = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Remembered:
    """A query with the pages that were chosen for it, and how often each was."""

    words: Words
    numbers: frozenset[tuple[str, ...]]
    length: float
    chosen: dict[Impression, float] = field(default_factory=dict)


class Memory:
    """What was chosen for which query. Reads the log again when it has changed."""

    def __init__(self, log: ClickLog, terms_of: Callable[[Query], QueryTerms]) -> None:
        """`terms_of` finds the index terms of a query."""
        self.log = log
        self.terms_of = terms_of
        self._analyzed: dict[tuple[str, tuple[str, ...]], Remembered] = {}

    def known(self, terms: QueryTerms) -> dict[PageId, float]:
        """Pages that were chosen for such a query, each with how surely it is the answer, from 0 to 1.

        A page that was called wrong for such a query is none, unless it was chosen for the same again.
        """
        asked = remembered(terms)
        sure: dict[PageId, float] = {}
        wrong: dict[PageId, float] = {}
        for past in self._candidates(asked):
            alike = min(max((likeness(asked, past) - UNLIKE) / (SAME - UNLIKE), 0.0), 1.0)
            pages = self._pages(past) if alike else {}
            total = sum(pages.values()) + DOUBT
            for page, times in pages.items():
                if times:
                    sure[page] = 1 - (1 - sure.get(page, 0.0)) * (1 - alike * times / total)
                else:
                    wrong[page] = max(wrong.get(page, 0.0), alike)
        kept = {page: value * (1 - wrong.get(page, 0.0)) for page, value in sure.items()}
        return {page: value for page, value in kept.items() if value}

    def _pages(self, past: Remembered) -> dict[PageId, float]:
        """The pages as they are indexed now, whatever they were called; a verdict ends what was before."""
        pages: dict[PageId, float] = {}
        for impression, times in past.chosen.items():
            page = self.log.page_of(impression)
            if page is not None:
                pages[page] = pages.get(page, 0.0) + times if times else 0.0
        return pages

    def _candidates(self, asked: Remembered) -> Iterable[Remembered]:
        """Past queries that share a word."""
        index = self.log.index
        name = " ".join(("click memory", *index.vocabulary.languages()))
        by_word = index.catalog.remember(name, self._read, Kind.CLICKS)
        found = {id(past): past for word in asked.words for past in by_word.get(word, ())}
        return found.values()

    def _read(self) -> dict[tuple[str, ...], list[Remembered]]:
        past: dict[str, Remembered] = {}
        for search in self.log.index.clicks.said(_KEPT):
            known = past.get(search.query)
            if known is None:
                known = past[search.query] = self._analyze(search.query)
            said = relevance(search)
            for impression in search.impressions:
                value = said.get(impression.rank)
                if value is not None:
                    page = Impression(0, impression.content, impression.page, impression.path)
                    before = known.chosen.pop(page, 0.0)
                    known.chosen[page] = before + value if value else 0.0
        by_word: dict[tuple[str, ...], list[Remembered]] = {}
        for known in past.values():
            for word in known.words:
                by_word.setdefault(word, []).append(known)
        return by_word

    def _analyze(self, query: str) -> Remembered:
        """The words of a past query, without what was chosen for it; analyzed once."""
        from docsearch.errors import UsageError
        from docsearch.search.parse import parse

        key = query, self.log.index.vocabulary.languages()
        if key not in self._analyzed:
            try:
                self._analyzed[key] = remembered(self.terms_of(parse(query)))
            except UsageError:  # a filter that is none any more
                self._analyzed[key] = Remembered({}, frozenset(), 1.0)
        return replace(self._analyzed[key], chosen={})


def recalled(
    candidates: Sequence[Candidate], known: Mapping[PageId, float], allowed: Callable[[PageId], bool]
) -> list[Candidate]:
    """The candidates with known answers moved up, and those that were no candidates put in.

    How far depends on how sure they are; scores are compared by where the first and the tenth stand. All
    others keep their order: what a reranker left below its head may have scores of another scale.
    """
    missing = known.keys() - {candidate.page for candidate in candidates}
    new = [
        Candidate(page, {}, 0.0) for page in sorted(missing, key=lambda p: (p.doc, p.page)) if allowed(page)
    ]
    if not new and not any(candidate.page in known for candidate in candidates):
        return list(candidates)
    scores = list(accumulate((candidate.score for candidate in candidates), min)) or [1.0]
    best, tenth = scores[0], scores[min(_HEAD, len(scores)) - 1]
    target = best + AHEAD * max(best - tenth, abs(best) * 0.1)
    last = scores[-1]
    placed = [*zip(candidates, scores, strict=False), *((candidate, last) for candidate in new)]
    moved = [_moved(c, known.get(c.page, 0.0), start, target) for c, start in placed]
    return [candidate for candidate, _ in sorted(moved, key=lambda pair: -pair[1])]


def _moved(candidate: Candidate, sure: float, start: float, target: float) -> tuple[Candidate, float]:
    """The candidate, and the score that says where it stands now."""
    if not sure:
        return candidate, start
    score = start + sure * (target - start)
    scores = {**candidate.scores, OPENED: score - candidate.score}
    return replace(candidate, score=score, scores=scores), score


def likeness(asked: Remembered, past: Remembered) -> float:
    """From 0 to 1: the mean of cosine and weighted Jaccard of the words; 0 with other numbers."""
    if asked.numbers - past.numbers:
        return 0.0
    shared = asked.words.keys() & past.words.keys()
    dot = sum(asked.words[word] * past.words[word] for word in shared)
    both = sum(max(asked.words[word], past.words[word]) for word in shared)
    either = sum(
        max(asked.words.get(word, 0.0), past.words.get(word, 0.0))
        for word in asked.words.keys() | past.words.keys()
    )
    return 0.5 * (dot / (asked.length * past.length) + both / either) if both else 0.0


def remembered(terms: QueryTerms) -> Remembered:
    """The words of a query, for `likeness`."""
    words = dict(zip(terms.groups, terms.group_weights, strict=True))
    numbers = frozenset(word for word in words if any(c.isdigit() for term in word for c in term))
    return Remembered(words, numbers, math.sqrt(sum(w * w for w in words.values())) or 1.0)
