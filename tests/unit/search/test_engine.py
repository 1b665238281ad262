from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from docsearch.config import SearchSettings
from docsearch.models.protocols import ModelInput
from docsearch.records import PageId, Query, SearchResult
from docsearch.search.engine import Engine
from docsearch.search.fuse import FusionWeights
from docsearch.search.parse import parse
from docsearch.search.rerank import ModelReranker, PassageReranker
from docsearch.store.files import FileState
from docsearch.store.index import Index
from tests.stored import add_document, add_pages, root_of

REVENUE = "Net revenue and operating income for the year are shown in the table below"
LIBRARY = {
    "contoso/10k.pdf": ("Contoso Annual Report 2021", ["Contoso Ltd filing", REVENUE, "Risk factors"]),
    "fabrikam/10k.pdf": ("Fabrikam Annual Report 2021", ["Fabrikam Inc filing", REVENUE, "Risk factors"]),
    "lease.pdf": ("Lease agreement", ["The tenant pays the rent every month", "The rent may be raised"]),
    "miete.pdf": ("Mietvertrag", ["Die Miete ist von dem Mieter jeden Monat zu zahlen und nicht später"]),
    "china.pdf": ("", ["本协议由甲乙双方于北京签订"]),
    "invoice-4711.pdf": ("", ["Amount due 1,234.50", "thank you"]),
}


class BagOfLetters:
    """An embedder: how often each letter stands in the text."""

    name, fingerprint, dimensions, image_pixels = "letters", "letters", 26, 64
    modalities = frozenset({"text"})

    def embed_queries(self, queries: Sequence[ModelInput]) -> NDArray[np.float32]:
        counts = [[query.text.lower().count(chr(97 + n)) for n in range(26)] for query in queries]
        raw = np.asarray(counts, np.float32)
        return np.asarray(raw / np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1), np.float32)

    embed_pages = embed_queries


class LongestText:
    """A reranker that likes long pages."""

    name = "longest"
    modalities = frozenset({"text"})

    def score(self, query: ModelInput, pages: Sequence[ModelInput]) -> NDArray[np.float32]:
        return np.asarray([len(page.text) for page in pages], np.float32)


@pytest.fixture
def library(index: Index) -> Index:
    """A few documents, and pages of two that are not live."""
    for place, (name, (title, texts)) in enumerate(LIBRARY.items()):
        add_document(index, Path("/library") / name, texts, title=title, day=f"2024-01-{place + 1:02}")
    crashed = index.documents.begin("digest", 1)
    add_pages(index, crashed, [f"The tenant pays rent, ghost page {number}" for number in range(40)])
    add_document(index, Path("/library/gone.pdf"), ["The rent of a page that is gone"])
    index.files.forget([Path("/library/gone.pdf")])
    return index


@pytest.fixture
def engine(library: Index) -> Engine:
    """Words only, with the built-in reranker."""
    return Engine(library, SearchSettings(candidates=10), reranker=PassageReranker(library))


def places(result: SearchResult) -> list[tuple[str, int]]:
    return [(str(hit.path.relative_to("/library")), hit.page.page) for hit in result.hits]


def found(engine: Engine, raw: str, limit: int | None = None) -> list[tuple[str, int]]:
    return places(engine.search(parse(raw), limit))


def test_pages_that_hold_the_words_and_no_others(engine: Engine) -> None:
    assert set(found(engine, "rent")) == {("lease.pdf", 1), ("lease.pdf", 2)}
    assert found(engine, "tenant rent")[0] == ("lease.pdf", 1)
    assert found(engine, "absentword") == []


def test_what_a_document_says_of_itself_lifts_its_pages(engine: Engine) -> None:
    assert found(engine, "contoso net revenue")[0] == ("contoso/10k.pdf", 2)
    assert found(engine, "fabrikam net revenue")[0] == ("fabrikam/10k.pdf", 2)


@pytest.mark.parametrize("raw", ["4711", "mietvertrag", "invoice"])
def test_a_document_is_found_by_its_name_alone(engine: Engine, raw: str) -> None:
    name = "miete.pdf" if raw == "mietvertrag" else "invoice-4711.pdf"
    assert found(engine, raw) == [(name, 1)]
    assert found(engine, f'{raw} -"amount due" -miete -thank') == []
    assert found(engine, f'{raw} "no such phrase"') == []


def test_hits_say_where_they_are_from(engine: Engine) -> None:
    [hit, _] = engine.search(parse("tenant rent")).hits
    assert (hit.rank, hit.title, hit.pages, hit.modified) == (1, "Lease agreement", 2, date(2024, 1, 3))
    assert [hit.snippet.text[start:end] for start, end in hit.snippet.spans] == ["tenant", "rent"]
    assert hit.score == pytest.approx(sum(hit.scores.values()))
    [nameless] = engine.search(parse("amount")).hits
    assert nameless.title == "invoice-4711"


def test_mistyped_words(engine: Engine) -> None:
    result = engine.search(parse("tennant"))
    assert result.corrections == {"tennant": ("tenant",)}
    assert places(result) == [("lease.pdf", 1)]


def test_phrases_exclusions_and_numbers(engine: Engine) -> None:
    assert found(engine, '"rent every month"') == [("lease.pdf", 1)]
    assert found(engine, '"every rent month"') == []
    assert found(engine, "rent -tenant") == [("lease.pdf", 2)]
    assert found(engine, 'rent -"may be raised"') == [("lease.pdf", 1)]
    assert found(engine, "1234.50") == [("invoice-4711.pdf", 1)]


def test_every_language_of_the_index(engine: Engine) -> None:
    assert found(engine, "Mieten") == [("miete.pdf", 1)]
    assert found(engine, "tenants")[0] == ("lease.pdf", 1)
    assert found(engine, "北京") == [("china.pdf", 1)]
    assert found(engine, '"甲乙双方"') == [("china.pdf", 1)]


def test_filters_are_pushed_down(engine: Engine) -> None:
    assert found(engine, "revenue in:fabrikam") == [("fabrikam/10k.pdf", 2)]
    assert found(engine, "revenue title:contoso type:pdf") == [("contoso/10k.pdf", 2)]
    assert found(engine, "revenue before:2024-01-02") == [("contoso/10k.pdf", 2)]
    assert found(engine, "revenue in:nowhere") == []


def test_a_page_far_down_is_first_in_its_folder(engine: Engine) -> None:
    for number in range(30):
        add_document(engine.index, Path(f"/library/many/{number}.pdf"), ["revenue " * (number + 2)])
    assert ("fabrikam/10k.pdf", 2) not in found(engine, "revenue")
    assert found(engine, "revenue in:fabrikam") == [("fabrikam/10k.pdf", 2)]


def test_filters_alone_list_the_newest_documents_first(engine: Engine) -> None:
    assert found(engine, "after:2024-01-03 before:2024-01-05") == [("miete.pdf", 1), ("lease.pdf", 1)]
    assert len(found(engine, "type:pdf")) == len(LIBRARY)
    assert found(engine, "type:png") == []


@pytest.mark.parametrize("raw", ["", "   ", "?!", '"—"', "-rent", "-?"])
def test_queries_without_words_find_nothing(engine: Engine, raw: str) -> None:
    assert found(engine, raw) == []


def test_function_words_alone_are_looked_for(engine: Engine) -> None:
    assert ("lease.pdf", 1) in found(engine, "the")


def test_a_very_long_query(engine: Engine) -> None:
    raw = " ".join(
        f"word{chr(0x3B1 + number % 24)}x{chr(0x430 + number // 24)} tenant" for number in range(700)
    )
    assert len(raw) > 10_000
    assert found(engine, raw)[0] == ("lease.pdf", 1)
    assert found(engine, "x" * 20_000 + " tenant") == [("lease.pdf", 1)]
    assert found(engine, f'"{"tenant " * 3000}"') == []


def test_names_that_are_no_text(engine: Engine) -> None:
    assert found(engine, "tenant caf\udce9") == [("lease.pdf", 1)]
    assert found(engine, "tenant in:\udcff") == []


def test_the_number_of_hits(engine: Engine) -> None:
    assert len(found(engine, "the", 1)) == 1
    assert found(engine, "rent", 1) == found(engine, "rent")[:1]


def test_copies_are_one_hit(engine: Engine) -> None:
    index = engine.index
    [hit] = engine.search(parse("amount")).hits
    stored = index.documents.get([hit.page.doc])[hit.page.doc]
    index.files.put(root_of(index), FileState(Path("/library/z copy.pdf"), 1, 1, stored.content), stored.id)
    [hit] = engine.search(parse("amount")).hits
    assert (hit.path.name, [copy.name for copy in hit.copies]) == ("invoice-4711.pdf", ["z copy.pdf"])


def test_a_query_is_answered_the_same_way_twice(engine: Engine) -> None:
    first, second = (engine.rank(parse("annual report revenue")).candidates for _ in range(2))
    assert first == second


def test_the_first_order_comes_before_the_reranked_one(library: Index) -> None:
    model = ModelReranker(library, LongestText(), lambda page, pixels: None, 64)
    engine = Engine(library, SearchSettings(), reranker=model)
    fused, reranked = engine.stream(parse("rent"))
    assert {hit.page for hit in fused.hits} == {hit.page for hit in reranked.hits}
    assert [hit.page.page for hit in reranked.hits] == [1, 2]
    assert reranked.hits[0].scores["longest"] == len("The tenant pays the rent every month")


def engine_with_vectors(library: Index) -> Engine:
    """Vectors alone may answer; they tell how often each letter occurs."""
    embedder = BagOfLetters()
    wanted = [PageId(doc, page) for doc in library.documents.live() for page in (1, 2, 3)]
    texts = {page: text for page, (text, _) in library.pages.texts(wanted).items()}
    table = library.vectors(embedder.fingerprint, embedder.dimensions)
    vectors = embedder.embed_pages([ModelInput(text=text) for text in texts.values()])
    table.replace(table.as_rows(list(texts), vectors))
    return Engine(library, SearchSettings(), embedder=lambda: embedder, weights=FusionWeights(meaning=1.0))


def test_vectors_find_pages_without_the_words(library: Index) -> None:
    engine = engine_with_vectors(library)
    words_only = engine.variant(FusionWeights(), rerank=False)
    assert places(words_only.search(parse("yuo knaht"))) == []
    assert places(engine.search(parse("yuo knaht")))[0] == ("invoice-4711.pdf", 2)
    assert places(engine.search(parse("yuo knaht in:contoso")))[0][0] == "contoso/10k.pdf"


def test_vectors_bring_no_page_that_lacks_a_phrase_or_holds_an_excluded_word(library: Index) -> None:
    engine = engine_with_vectors(library)
    words_only = engine.variant(FusionWeights(), rerank=False)
    for typed in ('"the rent"', "rent -tenant"):
        assert sorted(places(engine.search(parse(typed)))) == sorted(places(words_only.search(parse(typed))))
        assert places(engine.search(parse(typed)))
    assert len(places(engine.search(parse("rent")))) > len(places(words_only.search(parse("rent"))))


def test_an_empty_index(index: Index) -> None:
    engine = Engine(index, SearchSettings(), reranker=PassageReranker(index))
    assert engine.search(parse("anything")).hits == ()
    assert engine.search(parse("type:pdf")).hits == ()


TYPED = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            ["rent", "tennant", '"', " ", "-", "in:contoso ", "type:pdf ", "本协议", "\udcff", "title:"]
        ),
    ),
    max_size=8,
).map("".join)


@settings(max_examples=40)
@given(TYPED)
def test_anything_typed_gets_an_answer(engine: Engine, raw: str) -> None:
    query = Query(raw, raw) if "after:" in raw or "before:" in raw else parse(raw)
    for hit in engine.search(query).hits:
        assert hit.path.name in {Path(name).name for name in LIBRARY}
        assert all(character.isprintable() for character in hit.snippet.text)


def test_a_question_for_a_number_prefers_the_page_of_figures(index: Index) -> None:
    prose = "The total rent of the house is set out in the schedule that both parties have signed"
    table = "total rent of the house 1200 1250 1300 deposit 2400 2500 2600 water 30 35 40"
    add_document(index, Path("/library/lease.pdf"), [prose, table, "another page"] + ["filler"] * 9)
    engine = Engine(index, SearchSettings(), reranker=PassageReranker(index))
    asked = engine.search(parse("what is the total rent of the house")).hits
    named = engine.search(parse("total rent of the house parties")).hits
    assert (asked[0].page.page, named[0].page.page) == (2, 1)
    assert asked[0].scores["figures"] > 0
    assert "figures" not in named[0].scores
