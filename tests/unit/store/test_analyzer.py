from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docsearch.store.analyzer import Analyzer, analyze_page, fold, tokens

LANGUAGES = ("english", "german", "french")
ANALYZER = Analyzer()

SCRIPTS = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from("aeßÄé́̈1,23ｆﬁ½²本协約カｶﾞ한국ไทยعَرَבִּनमस्ते _-\n\x00\u00ad"),
    ),
    max_size=40,
)
"""Any text, with many of the characters that fold to something else or have no spaces around them."""


def terms(text: str) -> list[str]:
    return ANALYZER.analyze(text).terms.split()


def words(text: str) -> list[str]:
    return [token.word for token in tokens(text)]


@given(SCRIPTS)
@example("m² ½ ŉ ㎞ ﬁn FY2018 1,234")
@example(unicodedata.normalize("NFD", "한국어 für Ångström が"))
@example("ㅎㅏㄴ ｶﾞ゛")
def test_a_page_holds_the_stems_of_every_word_a_query_could_take_from_it(text: str) -> None:
    on_page = set(terms(text))
    for word in words(text):
        assert on_page & set(ANALYZER.variants(word, LANGUAGES)), word


@given(SCRIPTS)
def test_pages_and_queries_are_cut_into_the_same_words(text: str) -> None:
    analyzed = ANALYZER.analyze(text)
    assert set(words(text)) == set(analyzed.words.split())
    stems = [ANALYZER.stem(word, analyzed.language) for word in words(text)]
    assert analyzed.terms.split()[: len(stems)] == stems


@given(SCRIPTS)
@example(unicodedata.normalize("NFD", "Größe café 한국"))
def test_places_of_words_point_into_the_text_as_it_was_given(text: str) -> None:
    found = list(tokens(text))
    for token in found:
        assert 0 <= token.start < token.end <= len(text)
        assert token.word in fold(text[token.start : token.end]).replace(",", "")
    assert [token.start for token in found] == sorted(token.start for token in found)


def test_places_in_decomposed_text() -> None:
    text = unicodedata.normalize("NFD", "Ein Café für Ångström")
    found = {token.word: text[token.start : token.end] for token in tokens(text)}
    assert {word: unicodedata.normalize("NFC", place) for word, place in found.items()} == {
        "ein": "Ein",
        "cafe": "Café",
        "fur": "für",
        "angstrom": "Ångström",
    }


@given(SCRIPTS)
def test_composed_and_decomposed_text_give_the_same_terms(text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert terms(composed) == terms(decomposed)
    assert words(composed) == words(decomposed)


@given(SCRIPTS)
@example("नमस्ते। ราคา๏ ខ្មែរ។ データ・ベース")
def test_no_term_can_be_taken_for_two_or_steer_a_terminal(text: str) -> None:
    for term in terms(text):
        assert term.split() == [term]
        assert not {"Cc", "Zs", "Po"} & {unicodedata.category(character) for character in term}


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("grosse", "Größe"),
        ("STRASSE", "Straße"),
        ("cafe", "CAFÉ"),
        ("naïve", "naive"),
        ("abc123", "ＡＢＣ１２３"),
        ("fine", "ﬁne"),
        ("istanbul", "İSTANBUL"),
        ("1234567", "1,234,567"),
        ("1,234", "1234"),
        ("m2", "m²"),
        ("kitab", "kitāb"),
        ("كتاب", "كِتَابٌ"),
        ("محمد", "محـــمد"),
        ("رحمن", "رحمٰن"),
        ("שלום", "שָׁלוֹם"),
        ("ガイド", "ｶﾞｲﾄﾞ"),
    ],
)
def test_what_is_typed_finds_what_is_printed(typed: str, printed: str) -> None:
    assert set(words(typed)) <= set(words(printed))
    assert set(words(printed)) <= set(words(typed))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FY2018", ["fy", "2018"]),
        ("x86_64", ["x", "86", "64"]),
        ("1,234,567", ["1234567"]),
        ("12,3456", ["12", "3456"]),
        ("1234,567", ["1234", "567"]),
        ("3,141.59", ["3141", "59"]),
        ("well-known", ["well", "known"]),
        ("a\x00b\x07c", ["a", "b", "c"]),
        ("", []),
        (" \t\n\x00…—", []),
    ],
)
def test_letters_digits_and_separators(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("北京签订", ["北京", "京签", "签订"]),
        ("京", ["京"]),
        ("한국어", ["한국", "국어"]),
        ("สวัสดี", ["สว", "วั", "ัส", "สด", "ดี"]),
        ("甲2方", ["甲", "2", "方"]),
        ("PDF文書", ["pdf", "文書"]),
    ],
)
def test_scripts_without_spaces_become_pairs(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=12))
def test_every_single_character_of_an_unspaced_script_can_be_found(text: str) -> None:
    assert set(fold(text)) <= set(terms(text))


@given(SCRIPTS)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The rent of the house is to be paid by the tenant", "english"),
        ("Die Miete für das Haus ist von dem Mieter zu zahlen, und nicht von der Firma", "german"),
        ("Le loyer de la maison est payé par le locataire dans les délais", "french"),
        ("Договор аренды и условия на срок не более года, что по закону для всех", "russian"),
        ("4711 0815", "english"),
        ("", "english"),
    ],
)
def test_the_language_of_a_page(text: str, language: str) -> None:
    assert analyze_page(text).language == language


def test_no_language_hides_another() -> None:
    pages = {
        "english": "The houses of the tenants are in the city and the rents are paid",
        "german": "Die Häuser der Mieter sind in der Stadt und die Mieten werden nicht bezahlt",
        "french": "Les maisons des locataires sont dans la ville et les loyers sont payés",
    }
    for language, text in pages.items():
        analyzed = ANALYZER.analyze(text)
        assert analyzed.language == language
        on_page = set(analyzed.terms.split())
        for word in words(text):
            assert on_page & set(ANALYZER.variants(word, LANGUAGES)), word


def test_inflected_words_share_a_stem() -> None:
    assert ANALYZER.stem("rents", "english") == ANALYZER.stem("rent", "english")
    assert ANALYZER.stem("mieten", "german") == ANALYZER.stem("miete", "german")
    assert set(ANALYZER.variants("rents", ("english", "english"))) == {"rent"}


def test_the_end_of_a_sentence_is_no_part_of_its_last_word() -> None:
    assert terms("यह किताब है। वह किताब।").count(terms("किताब")[0]) == 2
