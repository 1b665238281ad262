from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.store.index import Index
from docsearch.store.vocabulary import Vocabulary, count_words

COUNTS = {"invoice": 9, "invoices": 4, "invoke": 1, "agreement": 5, "agreements": 2, "lease": 7, "least": 30}


@pytest.fixture
def vocabulary(index: Index) -> Vocabulary:
    """Some English words."""
    index.vocabulary.add({(word, "english"): count for word, count in COUNTS.items()}, {"english": 40})
    return index.vocabulary


def test_counts_are_by_stem_and_add_up(vocabulary: Vocabulary) -> None:
    vocabulary.add({("invoice", "english"): 1}, {"english": 1})
    assert vocabulary.page_counts(["invoic", "agreement", "nothing"]) == {"invoic": 14, "agreement": 7}
    assert vocabulary.page_counts([]) == {}


def test_spellings_are_the_words_of_a_stem(vocabulary: Vocabulary) -> None:
    assert vocabulary.spellings(["invoic", "leas", "nothing"]) == {
        "invoic": ["invoice", "invoices"],
        "leas": ["lease"],
    }
    assert vocabulary.spellings([]) == {}


def test_words_of_a_page_count_once(index: Index) -> None:
    assert count_words([("a b", "english"), ("a", "german")]) == Counter(
        {("a", "english"): 1, ("b", "english"): 1, ("a", "german"): 1}
    )


def test_languages_are_in_order_of_their_pages(index: Index) -> None:
    assert index.vocabulary.languages() == ("english",)
    index.vocabulary.add({}, {"french": 1, "german": 3})
    index.vocabulary.add({}, {"french": 1})
    assert index.vocabulary.languages() == ("german", "french")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("invoise", "invoice"),
        ("invocie", "invoice"),
        ("inoice", "invoice"),
        ("invooice", "invoice"),
        ("nvoice", "invoice"),
        ("agreemnet", "agreement"),
        ("agremeents", "agreements"),
        ("leese", "lease"),
    ],
)
def test_the_nearest_word(vocabulary: Vocabulary, typed: str, meant: str) -> None:
    assert vocabulary.unknown([typed]) == [typed]
    assert vocabulary.nearest(typed)[0] == meant


def test_of_equally_near_words_the_commonest_with_the_same_first_letter(vocabulary: Vocabulary) -> None:
    assert vocabulary.nearest("leasx")[0] == "least"
    assert vocabulary.nearest("zzzzzz") == ()


def test_a_half_typed_word_becomes_what_stands_on_most_pages(vocabulary: Vocabulary) -> None:
    assert vocabulary.completions("inv") == ("invoice", "invoices", "invoke")
    assert vocabulary.completions("agree", limit=1) == ("agreement",)
    assert vocabulary.completions("zz") == ()


def test_what_is_known_short_or_no_word_is_not_corrected(vocabulary: Vocabulary) -> None:
    assert vocabulary.unknown(["invoice", "xyz", "12345", "a1b2c3", ""]) == []


def test_words_too_long_to_be_kept_are_not_taken_for_mistakes(index: Index) -> None:
    compound = "strassenbahngesellschaftsaufsicht"
    index.vocabulary.add({(compound, "german"): 1, (compound[:30], "german"): 1}, {"german": 1})
    assert index.vocabulary.unknown([compound]) == []


@given(st.lists(st.text(), max_size=5))
def test_no_word_breaks_the_vocabulary(index: Index, words: list[str]) -> None:
    for word in index.vocabulary.unknown(words):
        assert index.vocabulary.nearest(word) == ()


def test_very_many_words_may_be_asked_for(vocabulary: Vocabulary) -> None:
    many = [f"w{number}" for number in range(20_000)]
    assert vocabulary.page_counts([*many, "invoic"]) == {"invoic": 13}
