"""From the words of a query to index terms: question words dropped, stems for every language of the
index, mistyped words replaced by the nearest ones the index knows, half-typed ones completed, weights from
page counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass

from docsearch.records import Query
from docsearch.store.analyzer import Analyzer, tokens
from docsearch.store.pages import TermQuery
from docsearch.store.vocabulary import Vocabulary

_QUESTION_WORDS = frozenset(
    "a about according all also am an and answer any are as at based be been being but by can could did "
    "do does each find following for from get give had has have he her how i if in into is it its just "
    "list many may me might more most much must my no not of on one only or other our out over own per "
    "please question same she should show so some such tell than that the their them then there these "
    "they this those to too under up us very was we were what when where which who whom whose why will "
    "with would you your".split()
)
_ASKING = frozenset({"how", "what", "which"})
_AMOUNTS = frozenset(
    "amount average count many margin much number percent percentage rate ratio sum total value".split()
)
_HOW_MUCH = frozenset(
    "combien cuanta cuantas cuanto cuantos hoeveel quanta quante quanti quanto quantos wieviel".split()
)


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """What a query looks for.

    Attributes:
        text: words and phrases as they were typed, without filters: what a model reads.
        groups: for each word that counts, in order, the terms it may stand as on a page.
        weights: inverse document frequency of each term's group: ln(1 + (N - n + 0.5) / (n + 0.5)),
            the one of Robertson and Zaragoza (2009), over pages.
        phrases: exact phrases, each for every language of the index.
        excluded: words and phrases no page may hold, likewise.
        corrections: what unknown words were taken for.
        asks_for_number: whether it is a question that a number answers.
    """

    text: str
    groups: tuple[tuple[str, ...], ...]
    weights: Mapping[str, float]
    phrases: tuple[tuple[tuple[str, ...], ...], ...]
    excluded: tuple[tuple[str, ...], ...]
    corrections: Mapping[str, tuple[str, ...]]
    asks_for_number: bool = False

    @property
    def terms(self) -> tuple[str, ...]:
        """All terms of all groups, without repeats."""
        return tuple(dict.fromkeys(term for group in self.groups for term in group))

    @property
    def group_weights(self) -> list[float]:
        """What each group weighs: as much as its heaviest term."""
        return [max((self.weights[term] for term in group), default=0.0) for group in self.groups]

    @property
    def weight(self) -> float:
        """What all words weigh together."""
        return sum(self.group_weights)

    def full_text(self) -> TermQuery:
        """The query for the full-text index."""
        return TermQuery(self.terms, self.phrases, self.excluded)


def query_terms(query: Query, analyzer: Analyzer, vocabulary: Vocabulary, pages: int) -> QueryTerms:
    """Terms of a query against an index of `pages` pages."""
    languages = vocabulary.languages()
    phrase_words = [word for phrase in query.phrases for word in _words(phrase)]
    typed = _words(query.text)
    words = _content_words(typed, languages, analyzer)
    corrections = {word: _meant(word, vocabulary) for word in vocabulary.unknown(words)}
    corrections = {word: near for word, near in corrections.items() if near}
    groups = []
    for word in dict.fromkeys([*words, *_content_words(phrase_words, languages, analyzer)]):
        forms = (word, *corrections.get(word, ()))
        groups.append(tuple(dict.fromkeys(v for form in forms for v in analyzer.variants(form, languages))))
    weights = _weights(groups, vocabulary, pages)
    phrases = tuple(_phrase_variants(phrase, languages, analyzer) for phrase in query.phrases)
    excluded = [v for phrase in query.excluded for v in _phrase_variants(phrase, languages, analyzer)]
    text = " ".join(part for part in (query.text, *query.phrases) if part)
    return QueryTerms(
        text,
        tuple(groups),
        weights,
        tuple(p for p in phrases if p),
        tuple(excluded),
        corrections,
        _asks_for_number(set(typed)),
    )


def _meant(word: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """What an unknown word may be: mistyped, or not typed to its end yet."""
    return tuple(dict.fromkeys((*vocabulary.nearest(word), *vocabulary.completions(word))))


def _asks_for_number(words: Set[str]) -> bool:
    """By folded words: how much, how many, what amount, which share."""
    return bool(words & _HOW_MUCH or (words & _ASKING and words & _AMOUNTS))


def _words(text: str) -> list[str]:
    return [token.word for token in tokens(text)]


def _content_words(words: list[str], languages: tuple[str, ...], analyzer: Analyzer) -> list[str]:
    """Words without question and function words, unless nothing else is there."""
    common = _QUESTION_WORDS.union(
        *(analyzer.stop_words.get(language, frozenset()) for language in languages)
    )
    return [word for word in words if word not in common] or words


def _phrase_variants(
    phrase: str, languages: tuple[str, ...], analyzer: Analyzer
) -> tuple[tuple[str, ...], ...]:
    words = _words(phrase)
    variants = (tuple(analyzer.stem(word, language) for word in words) for language in languages)
    return tuple(dict.fromkeys(variant for variant in variants if variant))


def _weights(groups: list[tuple[str, ...]], vocabulary: Vocabulary, pages: int) -> dict[str, float]:
    """A word is kept under its stem in one language only, so the terms of a group count together."""
    counts = vocabulary.page_counts(list({term for group in groups for term in group}))
    weights: dict[str, float] = {}
    for group in groups:
        holding = sum(counts.get(term, 0) for term in group)
        weights |= dict.fromkeys(group, _idf(min(holding, pages), pages))
    return weights


def _idf(holding: int, pages: int) -> float:
    return math.log(1 + (pages - holding + 0.5) / (holding + 0.5))
