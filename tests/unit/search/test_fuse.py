from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from docsearch.records import PageId
from docsearch.search.fuse import FusionWeights, fuse
from docsearch.search.retrieve import RankedPages, Retrieved

PAGE = st.builds(PageId, st.integers(1, 5), st.integers(1, 5))
RANKED = st.dictionaries(PAGE, st.floats(0.01, 30), max_size=12).map(
    lambda scores: sorted(scores.items(), key=str)
)
RETRIEVED = st.builds(
    Retrieved,
    text=RANKED,
    documents=st.dictionaries(st.integers(1, 5), st.floats(0.01, 30)),
    meaning=RANKED,
    meaning_weight=st.floats(0, 5),
    meaning_alone=st.floats(0, 30),
    looks=RANKED,
    seen=RANKED,
)
WEIGHTS = st.builds(FusionWeights, *[st.floats(0, 2)] * 3)


def every_list(retrieved: Retrieved) -> RankedPages:
    alone = [(page, value) for page, value in retrieved.meaning if value >= retrieved.meaning_alone]
    return [*retrieved.text, *alone, *retrieved.looks, *retrieved.seen]


@given(RETRIEVED, WEIGHTS)
def test_every_page_of_a_list_comes_once_best_first(retrieved: Retrieved, weights: FusionWeights) -> None:
    candidates = fuse(retrieved, weights)
    pages = [candidate.page for candidate in candidates]
    assert sorted(pages, key=str) == sorted({page for page, _ in every_list(retrieved)}, key=str)
    assert [c.score for c in candidates] == sorted((c.score for c in candidates), reverse=True)
    for candidate in candidates:
        assert math.isclose(candidate.score, sum(candidate.scores.values()), abs_tol=1e-9)


@given(RETRIEVED, WEIGHTS)
def test_the_order_of_a_list_does_not_matter(retrieved: Retrieved, weights: FusionWeights) -> None:
    lists = {name: getattr(retrieved, name)[::-1] for name in ("text", "meaning", "looks", "seen")}
    turned = replace(retrieved, **lists)
    assert fuse(turned, weights) == fuse(retrieved, weights)


def test_ties_go_by_document_and_page() -> None:
    pages = [PageId(2, 1), PageId(1, 9), PageId(1, 2)]
    fused = fuse(Retrieved(text=[(page, 1.0) for page in pages]), FusionWeights())
    assert [candidate.page for candidate in fused] == sorted(pages, key=lambda page: (page.doc, page.page))


def test_document_evidence_lifts_all_pages_of_a_document() -> None:
    retrieved = Retrieved(
        text=[(PageId(1, 1), 2.0), (PageId(2, 1), 1.5), (PageId(2, 2), 1.0)], documents={2: 3.0}
    )
    assert [candidate.page for candidate in fuse(retrieved, FusionWeights())] == [
        PageId(2, 1),
        PageId(2, 2),
        PageId(1, 1),
    ]


def test_a_picture_alone_is_ranked_by_its_looks() -> None:
    retrieved = Retrieved(looks=[(PageId(1, 1), 0.9), (PageId(2, 1), 0.4), (PageId(3, 1), 0.1)])
    fused = fuse(retrieved, FusionWeights())
    assert [candidate.page.doc for candidate in fused] == [1, 2, 3]
    assert all(candidate.score > 0 for candidate in fused)


def test_what_is_read_in_a_picture_counts_more_than_its_looks_unless_it_is_little() -> None:
    read, like = PageId(1, 1), PageId(2, 1)
    found = Retrieved(seen=[(read, 9.0)], looks=[(like, 0.9), (read, 0.1)], seen_terms=12)
    [first, _] = fuse(found, FusionWeights())
    assert (first.page, first.scores["words in picture"]) == (read, 9.0)
    [first, _] = fuse(replace(found, seen_terms=1), FusionWeights())
    assert first.page == like


def test_a_page_close_in_meaning_passes_one_that_shares_a_word_in_passing() -> None:
    word, close, far = PageId(1, 1), PageId(2, 1), PageId(3, 1)
    found = Retrieved(text=[(word, 3.0), (far, 1.0)], meaning=[(close, 5.0), (far, 2.0)])
    assert [c.page for c in fuse(replace(found, meaning_weight=1.7), FusionWeights())] == [close, word, far]
    assert [c.page for c in fuse(replace(found, meaning=[]), FusionWeights())] == [word, far]


def test_a_page_without_a_word_of_the_query_must_be_similar_enough() -> None:
    word, close, far = PageId(1, 1), PageId(2, 1), PageId(3, 1)
    meaning = [(close, 5.0), (far, 3.0), (word, 2.0)]
    found = Retrieved(text=[(word, 3.0)], meaning=meaning, meaning_weight=1.0, meaning_alone=4.0)
    assert {c.page: c.score for c in fuse(found, FusionWeights())} == {word: 3.0, close: 3.0}
