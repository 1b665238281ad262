from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from docsearch.records import PageId
from docsearch.store.index import Index
from docsearch.store.tables import Selection
from docsearch.store.vectors import VectorTable

PAGES = [PageId(doc, page) for doc in range(1, 11) for page in range(1, 6)]


def unit_vectors(count: int, dimensions: int = 16) -> NDArray[np.float32]:
    raw = np.random.default_rng(7).normal(size=(count, dimensions)).astype(np.float32)
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


VECTORS = unit_vectors(len(PAGES))


@pytest.fixture(params=[1 << 20, 0], ids=["in memory", "in LanceDB"])
def table(index: Index, request: pytest.FixtureRequest) -> VectorTable:
    """Fifty pages in sixteen dimensions."""
    table = index.vectors("print", 16)
    table.resident_bytes = request.param
    table.replace(table.as_rows(PAGES, VECTORS))
    return table


def test_nearest_is_the_order_of_dot_products(table: VectorTable) -> None:
    query = VECTORS[7]
    similarities = VECTORS.astype(np.float16).astype(np.float32) @ query
    expected = [PAGES[place] for place in np.argsort(-similarities)[:5]]
    ranked = table.nearest(query, 5)
    assert [page for page, _ in ranked] == expected
    assert ranked[0][1] == pytest.approx(1.0, abs=2e-3)
    assert [score for _, score in ranked] == pytest.approx(sorted(similarities)[::-1][:5], abs=2e-3)


def test_the_selection_is_applied_before_the_cut(table: VectorTable) -> None:
    similarities = VECTORS @ VECTORS[0]
    worst = PAGES[int(np.argmin(similarities))]
    ranked = table.nearest(VECTORS[0], 5, Selection(frozenset({worst.doc})))
    assert {page.doc for page, _ in ranked} == {worst.doc}
    assert worst in {page for page, _ in ranked}
    assert table.nearest(VECTORS[0], 5, Selection(frozenset())) == []


def test_a_page_has_one_vector(table: VectorTable) -> None:
    table.replace(table.as_rows([PAGES[3]], VECTORS[:1]))
    assert table.rows() == len(PAGES)
    assert {page for page, _ in table.nearest(VECTORS[0], 2)} == {PAGES[0], PAGES[3]}


def test_pages_without_content_have_a_zero_vector(table: VectorTable) -> None:
    table.replace(table.as_rows([PageId(99, 1)], np.zeros((1, 16), np.float32)))
    scores = dict(table.nearest(VECTORS[0], 100))
    assert scores[PageId(99, 1)] == pytest.approx(0.0)


def test_models_do_not_share_a_table(index: Index, table: VectorTable) -> None:
    other = index.vectors("another", 4)
    assert other.nearest(np.ones(4, np.float32), 5) == []
    other.replace(other.as_rows([PageId(1, 1)], unit_vectors(1, 4)))
    assert (table.rows(), other.rows()) == (50, 1)
    assert index.vectors("print", 16) is table


def test_the_similarity_of_named_pages(table: VectorTable) -> None:
    asked = [PAGES[9], PAGES[0], PageId(77, 1)]
    similar = table.begin_similarities(VECTORS[9], asked).result()
    assert set(similar) == {PAGES[9], PAGES[0]}
    assert similar[PAGES[9]] == pytest.approx(1.0, abs=2e-3)
    assert similar[PAGES[0]] == pytest.approx(float(VECTORS[0] @ VECTORS[9]), abs=2e-3)
    assert table.begin_similarities(VECTORS[9], []).result() == {}


def test_a_sample_is_kept_until_the_table_is_another(table: VectorTable) -> None:
    first = table.begin_sample().result()
    assert first.shape == (50, 16)
    assert {tuple(v) for v in first} == {tuple(v) for v in VECTORS.astype(np.float16).astype(np.float32)}
    table.replace(table.as_rows([PageId(50, 1)], VECTORS[:1]))
    assert table.begin_sample().result() is first
    many = [PageId(100, page) for page in range(1, 401)]
    table.replace(table.as_rows(many, unit_vectors(400)))
    assert table.begin_sample().result().shape == (256, 16)


def test_an_index_without_vectors_has_no_sample(index: Index) -> None:
    assert index.vectors("other", 16).begin_sample().result().shape == (0, 16)


def test_what_another_process_wrote_is_seen(table: VectorTable) -> None:
    assert len(table.nearest(VECTORS[0], 100)) == len(PAGES)
    other = VectorTable(table.folder, "print", 16)
    other.replace(other.as_rows([PageId(60, 3)], VECTORS[:1]))
    assert PageId(60, 3) in {page for page, _ in table.nearest(VECTORS[0], 2)}
    other.delete([60])
    assert PageId(60, 3) not in {page for page, _ in table.nearest(VECTORS[0], 100)}
    assert table.begin_similarities(VECTORS[0], [PageId(60, 3)]).result() == {}


def test_only_leading_pages(table: VectorTable) -> None:
    found = table.nearest(VECTORS[0], 100, Selection(leading_pages=2))
    assert {page for page, _ in found} == {page for page in PAGES if page.page <= 2}
