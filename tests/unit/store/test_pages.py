from __future__ import annotations

from pathlib import Path

import pytest

from docsearch.errors import IndexDamaged
from docsearch.records import PageId, TextSource
from docsearch.store.index import Index
from docsearch.store.pages import StoredPage, TermQuery
from docsearch.store.tables import Selection
from tests.stored import add_document, add_pages, stored_page

FILLER = [f"filler page about report number {number}" for number in range(250)]


@pytest.fixture(params=["unindexed", "indexed", "partly indexed"])
def library(request: pytest.FixtureRequest, index: Index) -> Index:
    """Document 1 before, document 2 after the full-text index is made, where there is one."""
    add_pages(
        index,
        1,
        ["annual report of lights", "report annual", "本协议由甲乙双方于北京签订", "the to be or not"],
    )
    add_pages(index, 9, FILLER)
    if request.param == "indexed":
        add_pages(index, 2, ["annual report again", "갑은 을에게 한국어"])
    if request.param != "unindexed":
        index.compact()
    if request.param != "indexed":
        add_pages(index, 2, ["annual report again", "갑은 을에게 한국어"])
    return index


def terms(index: Index, text: str) -> tuple[str, ...]:
    return tuple(index.analyzer.analyze(text).terms.split())


def found(index: Index, query: TermQuery, selection: Selection | None = None) -> set[tuple[int, int]]:
    pages = index.pages.match(query, 400, selection or Selection())
    return {(page.doc, page.page) for page, _ in pages}


def test_any_term_is_enough_and_more_are_better(library: Index) -> None:
    ranked = library.pages.match(TermQuery(terms(library, "annual lights")), 10)
    assert {(page.doc, page.page) for page, _ in ranked} == {(1, 1), (1, 2), (2, 1)}
    assert ranked[0][0] == PageId(1, 1)
    scores = [score for _, score in ranked]
    assert scores == sorted(scores, reverse=True)


def test_phrases_want_their_words_in_order(library: Index) -> None:
    phrase = terms(library, "annual report")
    assert found(library, TermQuery(phrases=((phrase,),))) == {(1, 1), (2, 1)}
    assert found(library, TermQuery(("lights",), phrases=((phrase,),))) == {(1, 1), (2, 1)}
    either = (phrase, phrase[::-1])
    assert found(library, TermQuery(phrases=(either,))) == {(1, 1), (1, 2), (2, 1)}
    assert found(library, TermQuery(phrases=((phrase,), (terms(library, "of lights"),)))) == {(1, 1)}


def test_a_phrase_of_common_words(library: Index) -> None:
    assert found(library, TermQuery(phrases=((terms(library, "to be or not"),),))) == {(1, 4)}
    assert found(library, TermQuery(phrases=((terms(library, "be to or not"),),))) == set()


def test_excluded_words_and_phrases(library: Index) -> None:
    phrase = terms(library, "annual report")
    assert found(library, TermQuery(("annual",), excluded=(phrase,))) == {(1, 2)}
    assert found(library, TermQuery(("annual",), excluded=(terms(library, "lights"), ("again",)))) == {(1, 2)}
    assert found(library, TermQuery((), ((phrase,),), (("again",),))) == {(1, 1)}


@pytest.mark.parametrize(
    ("text", "page"), [("甲乙双方", (1, 3)), ("北京", (1, 3)), ("签", (1, 3)), ("한국어", (2, 2))]
)
def test_scripts_without_spaces(library: Index, text: str, page: tuple[int, int]) -> None:
    wanted = tuple(library.analyzer.analyze(text).terms.split()[: max(1, len(text) - 1)])
    assert found(library, TermQuery(wanted)) == {page}
    assert found(library, TermQuery(phrases=((wanted,),))) == {page}


def test_characters_in_another_order_are_no_phrase(library: Index) -> None:
    assert found(library, TermQuery(phrases=((("双方", "甲乙"),),))) == set()


def test_terms_are_never_query_syntax(library: Index) -> None:
    for word in ("AND", "annual*", '"annual"', "annual~", "(", "+", "'", "terms:annual"):
        assert found(library, TermQuery((word,))) <= {(1, 1), (1, 2), (2, 1)}


def test_nothing_asked_nothing_found(library: Index) -> None:
    assert library.pages.match(TermQuery(), 10) == []
    assert library.pages.match(TermQuery(excluded=(("annual",),)), 10) == []
    assert found(library, TermQuery(("absent",))) == set()


def test_the_selection_is_applied_before_the_cut(library: Index) -> None:
    add_pages(library, 3, ["the longest page of them all, which says report once and then goes on and on"])
    query = TermQuery(("report",))
    everything = [page for page, _ in library.pages.match(query, 400)]
    assert len(everything) == 254
    assert everything[-1] == PageId(3, 1)
    assert library.pages.match(query, 10, Selection(frozenset())) == []
    assert found(library, query, Selection(frozenset({3}))) == {(3, 1)}
    chosen = library.pages.match(query, 2, Selection(frozenset({2, 3})))
    assert [page for page, _ in chosen] == [PageId(2, 1), PageId(3, 1)]
    assert found(library, query, Selection(leading_pages=1)) == {(1, 1), (2, 1), (3, 1), (9, 1)}
    assert found(library, query, Selection(frozenset({9}), leading_pages=2)) == {(9, 1), (9, 2)}


def test_texts_and_terms_of_pages(library: Index) -> None:
    wanted = [PageId(2, 1), PageId(1, 2), PageId(9, 250), PageId(9, 251), PageId(77, 1)]
    texts = library.pages.texts(wanted)
    assert texts == {
        PageId(2, 1): ("annual report again", TextSource.LAYER),
        PageId(1, 2): ("report annual", TextSource.LAYER),
        PageId(9, 250): (FILLER[-1], TextSource.LAYER),
    }
    assert library.pages.terms(wanted[:1]) == {PageId(2, 1): "annual report again"}
    assert library.pages.texts([]) == {}
    assert library.pages.terms([]) == {}


def test_replacing_pages(library: Index) -> None:
    scan = StoredPage(PageId(1, 2), "a scan was read", "scan was read", TextSource.OCR)
    library.pages.replace(library.pages.as_rows([scan, stored_page(library, 3, 1, "brand new")]))
    assert found(library, TermQuery(("scan",))) == {(1, 2)}
    assert found(library, TermQuery(("annual",))) == {(1, 1), (2, 1)}
    assert found(library, TermQuery(("brand",))) == {(3, 1)}
    assert library.pages.texts([PageId(1, 2)]) == {PageId(1, 2): ("a scan was read", TextSource.OCR)}
    library.compact()
    assert found(library, TermQuery(("scan",))) == {(1, 2)}
    assert library.pages.rows() == 4 + 2 + 250 + 1


def test_deleting_documents(library: Index) -> None:
    library.pages.delete({1, 77})
    assert library.pages.documents() == {2, 9}
    assert found(library, TermQuery(("annual",))) == {(2, 1)}
    library.compact()
    assert found(library, TermQuery(("annual",))) == {(2, 1)}
    library.pages.delete(set())
    assert library.pages.rows() == 252


def test_others_see_what_is_written_at_once(library: Index) -> None:
    other = Index(library.folder)
    assert found(other, TermQuery(("annual",))) == {(1, 1), (1, 2), (2, 1)}
    add_pages(library, 3, ["annual party"])
    assert (3, 1) in found(other, TermQuery(("annual",)))
    library.pages.delete({1, 2})
    library.compact()
    assert found(other, TermQuery(("annual",))) == {(3, 1)}
    other.close()


def test_all_documents_of_a_table_are_told(index: Index) -> None:
    table = index.pages
    pages = [StoredPage(PageId(doc, 1), "", "", TextSource.LAYER) for doc in range(1, 2_001)]
    table.append(table.as_rows(pages))
    assert (table.rows(), table.documents()) == (2_000, set(range(1, 2_001)))


def test_a_table_that_was_never_written(index: Index) -> None:
    assert not index.pages.exists()
    assert (index.pages.rows(), index.pages.documents()) == (0, set())
    assert index.pages.match(TermQuery(("a",)), 10) == []
    assert index.pages.texts([PageId(1, 1)]) == {}
    index.pages.delete({1})
    index.compact()


def test_a_damaged_table_is_named(index: Index) -> None:
    add_document(index, Path("/library/a.pdf"), ["text"])
    for file in (index.folder / "tables").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damage")
    with pytest.raises(IndexDamaged, match="cannot be used"):
        Index(index.folder).pages.match(TermQuery(("text",)), 10)


def test_text_that_is_hard_to_store(index: Index) -> None:
    texts = [
        "",
        "quote ' and \" and \\",
        "line\nbreak\ttab",
        "emoji 🏠 house",
        "x" * 200_000,
        "long " * 50_000,
    ]
    number = add_document(index, Path("/library/a.pdf"), texts)
    stored = index.pages.texts(PageId(number, page) for page in range(1, 7))
    assert [stored[PageId(number, page)][0] for page in range(1, 7)] == texts
    assert found(index, TermQuery(("hous",))) == {(number, 4)}
    assert found(index, TermQuery(phrases=((("long", "long"),),))) == {(number, 6)}
