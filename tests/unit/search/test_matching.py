"""Words of a text that match a query: the same ones, at the same places, as reading word by word finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.search.matching import TermMatcher
from docsearch.search.terms import QueryTerms
from docsearch.store.analyzer import tokens

GROUPS = (("rent",), ("leas", "mietvertrag"), ("1234",), ("2018",), ("grosse",))
SPELLINGS = {"leas": ["lease", "leases"], "rent": ["rent", "rents"]}
PIECES = (
    "rent rents current Lease leases 1,234 1234 12,345 1,234,567 FY2018 2018 20181 Größe große ﬁnance - _ ² "
    "1,2 , . Mietvertrag é".split()
)
TEXT = st.lists(st.sampled_from([*PIECES, " ", ", "]), max_size=30).map("".join)


def matcher() -> TermMatcher:
    weights = {term: 1.0 for group in GROUPS for term in group}
    return TermMatcher(QueryTerms("", GROUPS, weights, (), (), {}), SPELLINGS)


@given(TEXT)
def test_the_same_words_are_found_as_by_reading_all(text: str) -> None:
    groups = {term: number for number, group in enumerate(GROUPS) for term in group}
    groups |= {word: groups[term] for term, words in SPELLINGS.items() for word in words}
    read = [(groups[word], start, end) for word, start, end in tokens(text) if word in groups]
    assert list(matcher().matches(text)) == read
    assert matcher().holds(text) == bool(read)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("current rent", [(8, 12)]),
        ("FY2018: 1,234 and 11,234", [(2, 6), (8, 13)]),
        ("Größe", [(0, 5)]),
        ("rent-rent", [(0, 4), (5, 9)]),
    ],
)
def test_words_are_found_where_they_stand(text: str, places: list[tuple[int, int]]) -> None:
    assert [(start, end) for _, start, end in matcher().matches(text)] == places
