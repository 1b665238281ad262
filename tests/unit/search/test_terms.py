from __future__ import annotations

import pytest

from docsearch.search.parse import parse
from docsearch.search.terms import QueryTerms, query_terms
from docsearch.store.index import Index

COUNTS = {
    ("invoice", "english"): 40,
    ("house", "english"): 30,
    ("miete", "german"): 20,
    ("mieten", "german"): 10,
    ("information", "english"): 60,
}


@pytest.fixture
def bilingual(index: Index) -> Index:
    """The words of a hundred English and German pages."""
    index.vocabulary.add(COUNTS, {"english": 60, "german": 40})
    return index


def terms(index: Index, raw: str) -> QueryTerms:
    return query_terms(parse(raw), index.analyzer, index.vocabulary, 100)


def test_question_words_and_function_words_do_not_count(bilingual: Index) -> None:
    assert terms(bilingual, "What is the invoice of the Miete und von?").groups == (("invoic",), ("miet",))


def test_when_there_are_no_other_words_they_do(bilingual: Index) -> None:
    assert terms(bilingual, "what is the").groups == (("what",), ("is",), ("the",))


def test_a_word_may_stand_under_the_stem_of_each_language(bilingual: Index) -> None:
    [group] = terms(bilingual, "information").groups
    assert set(group) == {"inform", "information"}


def test_a_word_weighs_the_same_under_each_of_its_stems(bilingual: Index) -> None:
    weights = terms(bilingual, "information invoice").weights
    assert weights["inform"] == weights["information"] < weights["invoic"]


def test_rare_words_weigh_more_and_none_weighs_nothing(bilingual: Index) -> None:
    weights = terms(bilingual, "information invoice miete unheardof").weights
    assert weights["information"] < weights["invoic"] < weights["unheardof"]
    assert min(weights.values()) > 0


def test_mistyped_words_are_looked_for_as_typed_and_as_meant(bilingual: Index) -> None:
    found = terms(bilingual, "invoise")
    assert found.corrections == {"invoise": ("invoice",)}
    assert found.groups == (("invois", "invoise", "invoic"),) or set(found.groups[0]) >= {"invois", "invoic"}


def test_phrases_keep_all_their_words_and_are_looked_for_in_each_language(bilingual: Index) -> None:
    found = terms(bilingual, '"information of the house"')
    assert set(found.phrases[0]) == {("inform", "of", "the", "hous"), ("information", "of", "the", "hous")}
    assert {group[0] for group in found.groups} == {"inform", "hous"}


def test_excluded_words_exclude_every_stem(bilingual: Index) -> None:
    assert set(terms(bilingual, "house -information").excluded) == {("inform",), ("information",)}


@pytest.mark.parametrize("raw", ["", '""', '"?!"', "-?!", "...", "in:folder", "-only"])
def test_queries_without_words(bilingual: Index, raw: str) -> None:
    found = terms(bilingual, raw)
    assert not found.groups
    assert not found.phrases
    assert not found.full_text()


def test_what_a_model_reads_has_no_filters(bilingual: Index) -> None:
    assert terms(bilingual, 'the invoice "of May" in:x -house').text == "the invoice of May"


@pytest.mark.parametrize(
    ("raw", "asks"),
    [
        ("How much was invoiced in 2018?", True),
        ("what is the total rent", True),
        ("Wieviel Miete", True),
        ("¿Cuánto cuesta la casa?", True),
        ("total quality", False),
        ("number theory", False),
        ("how to invoice", False),
        ("", False),
    ],
)
def test_questions_that_a_number_answers(bilingual: Index, raw: str, asks: bool) -> None:
    assert terms(bilingual, raw).asks_for_number is asks
