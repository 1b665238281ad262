from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.records import Box, Word
from docsearch.search.highlight import matching_boxes
from docsearch.search.matching import TermMatcher
from docsearch.search.snippet import make_snippet
from docsearch.search.terms import QueryTerms
from docsearch.store.analyzer import Analyzer, fold

LANGUAGES = ("english", "german")
ANALYZER = Analyzer()
PAGE_WORDS = ("invoice", "invoices", "grosse", "2018", "协议", "1234", "dying", "die", "sky", "skies")
TEXT = st.lists(
    st.one_of(
        st.text(st.characters(codec="utf-8"), max_size=5),
        st.sampled_from(
            [
                "invoice",
                "Invoices",
                "Größe",
                "gro\u0308ße",
                "FY2018",
                "本协议由甲方",
                "1,234",
                "\n",
                "\x1b[31m",
                "\u200b",
            ]
        ),
    ),
    max_size=150,
).flatmap(lambda parts: st.sampled_from([" ", ""]).map(lambda blank: blank.join(parts)))


def matcher(*words: str) -> TermMatcher:
    """Looks for these folded words, all of weight 1."""
    groups = tuple(ANALYZER.variants(word, LANGUAGES) for word in words)
    weights: Mapping[str, float] = {term: 1.0 for group in groups for term in group}
    spellings = {
        stem: [word for word in PAGE_WORDS if stem in ANALYZER.variants(word, LANGUAGES)] for stem in weights
    }
    return TermMatcher(QueryTerms(" ".join(words), groups, weights, (), (), {}), spellings)


QUERY = ("invoice", "grosse", "2018", "协议", "1234")
STEMS = {stem for word in QUERY for stem in ANALYZER.variants(word, LANGUAGES)}


@given(TEXT)
def test_marked_passages_are_words_of_the_query(text: str) -> None:
    snippet = make_snippet(text, matcher(*QUERY))
    end = 0
    for start, stop in snippet.spans:
        assert end <= start < stop <= len(snippet.text)
        marked = snippet.text[start:stop]
        words = ANALYZER.analyze(marked).words.split()
        assert any(STEMS & set(ANALYZER.variants(word, LANGUAGES)) for word in words), marked
        end = stop


@given(TEXT)
def test_a_snippet_is_one_printable_line_of_bounded_length(text: str) -> None:
    snippet = make_snippet(text, matcher(*QUERY))
    assert all(character.isprintable() for character in snippet.text)
    assert len(snippet.text) <= 240
    assert snippet.text == snippet.text.strip()
    assert "  " not in snippet.text


@given(TEXT)
def test_when_the_page_holds_a_word_of_the_query_the_snippet_marks_one(text: str) -> None:
    looking = matcher(*QUERY)
    assert bool(make_snippet(text, looking).spans) == looking.holds(text)


def test_the_best_passage_is_shown() -> None:
    text = (
        "invoice "
        + "filler words that say nothing " * 40
        + "the invoice of FY2018 is here "
        + "more text " * 60
    )
    snippet = make_snippet(text, matcher("invoice", "2018"))
    assert {snippet.text[start:end] for start, end in snippet.spans} == {"invoice", "2018"}


def test_the_beginning_is_shown_when_nothing_matches() -> None:
    snippet = make_snippet("  The first\n\nline. " + "x " * 500, matcher("absent"))
    assert snippet.text.startswith("The first line.")
    assert snippet.spans == ()
    assert make_snippet("", matcher("absent")).text == ""


def test_decomposed_text_is_marked_at_the_right_place() -> None:
    snippet = make_snippet(unicodedata.normalize("NFD", "Café für Größe und mehr"), matcher("grosse"))
    [(start, end)] = snippet.spans
    assert unicodedata.normalize("NFC", snippet.text[start:end]) == "Größe"


@pytest.mark.parametrize(
    ("query", "word"), [("dying", "dying"), ("die", "dying"), ("skies", "sky"), ("sky", "skies")]
)
def test_irregular_stems_are_marked_too(query: str, word: str) -> None:
    assert matcher(fold(query)).holds(f"the {word} light")


@pytest.mark.parametrize(("text", "marked"), [("中国人", ["中"]), ("在中", ["中"]), ("中", ["中"])])
def test_a_lone_character_is_marked_inside_longer_runs(text: str, marked: list[str]) -> None:
    snippet = make_snippet(text, matcher("中"))
    assert [snippet.text[start:end] for start, end in snippet.spans] == marked


def test_boxes_of_matching_words() -> None:
    words = [
        Word(text, Box(n / 10, 0, n / 10 + 0.1, 1))
        for n, text in enumerate(["Invoices,", "of", "FY2018", "不"])
    ]
    assert matching_boxes(words, matcher("invoice", "2018")) == (words[0].box, words[2].box)
    assert matching_boxes(words, matcher()) == ()
