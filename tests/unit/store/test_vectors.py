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


def many(documents: range, dimensions: int = 16) -> tuple[list[PageId], NDArray[np.float32]]:
    """Twenty pages a document."""
    pages = [PageId(doc, page) for doc in documents for page in range(1, 21)]
    drawn = np.random.default_rng(documents.start).normal(size=(len(pages), dimensions)).astype(np.float32)
    return pages, np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


@pytest.fixture
def indexed(index: Index) -> VectorTable:
    """Four thousand pages, too many to be held in memory here."""
    table = index.vectors("large", 16)
    table.resident_bytes = 0
    table.append(table.as_rows(*many(range(1, 201))))
    table.compact()
    return table


def vector_indexes(table: VectorTable) -> list[str]:
    return [index.name for index in table.table().list_indices() if index.columns == ["vector"]]


def best(table: VectorTable, documents: range, query: NDArray[np.float32], limit: int) -> list[PageId]:
    """What the nearest pages are, by comparing with all that were stored."""
    pages, vectors = many(documents)
    return [
        pages[row] for row in np.argsort(-(vectors.astype(np.float16).astype(np.float32) @ query))[:limit]
    ]


def test_only_a_table_that_is_not_held_in_memory_has_an_index(indexed: VectorTable, index: Index) -> None:
    assert vector_indexes(indexed) == ["vector_of_4000"]
    small = index.vectors("small", 16)
    small.append(small.as_rows(*many(range(1, 201))))
    small.compact()
    assert vector_indexes(small) == []


def test_the_index_finds_nearly_all_that_comparing_with_all_finds(indexed: VectorTable) -> None:
    queries = many(range(900, 901))[1]
    found = [{page for page, _ in indexed.nearest(query, 10)} for query in queries]
    wanted = [set(best(indexed, range(1, 201), query, 10)) for query in queries]
    shares = [len(ours & theirs) / 10 for ours, theirs in zip(found, wanted, strict=True)]
    assert np.mean(shares) > 0.95  # codes are drawn anew with each index


def test_what_the_index_finds_is_compared_exactly(indexed: VectorTable) -> None:
    pages, vectors = many(range(1, 201))
    [query, *_] = many(range(900, 901))[1]
    exact = dict(zip(pages, (vectors.astype(np.float16).astype(np.float32) @ query).tolist(), strict=True))
    found = indexed.nearest(query, 10)
    assert found == sorted(found, key=lambda pair: -pair[1])
    assert all(similarity == pytest.approx(exact[page], abs=2e-3) for page, similarity in found)


@pytest.mark.parametrize("count", [1, 20, 100])
def test_all_pages_of_a_selection_are_found_with_an_index(indexed: VectorTable, count: int) -> None:
    indexed.resident_bytes = 30 * 20 * 16 * 4
    chosen = range(50, 50 + count)
    found = indexed.nearest(VECTORS[0], 5000, Selection(frozenset(chosen)))
    assert {page for page, _ in found} == set(many(chosen)[0])
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_rows_that_are_few_wait_for_others_and_are_found(indexed: VectorTable) -> None:
    indexed.append(indexed.as_rows([PageId(500, 1)], VECTORS[:1]))
    indexed.compact()
    [waiting] = [i for i in indexed.table().list_indices() if i.columns == ["vector"]]
    assert (waiting.num_indexed_rows, waiting.num_unindexed_rows) == (4000, 1)
    assert indexed.nearest(VECTORS[0], 1)[0][0] == PageId(500, 1)


def test_a_table_that_doubled_gets_another_index(indexed: VectorTable) -> None:
    indexed.append(indexed.as_rows(*many(range(1000, 1210))))
    indexed.compact()
    assert vector_indexes(indexed) == ["vector_of_8200"]
    query = many(range(900, 901))[1][0]
    both = best(indexed, range(1, 201), query, 10) + best(indexed, range(1000, 1210), query, 10)
    assert {page for page, _ in indexed.nearest(query, 10)} < set(both)


def test_a_table_that_lost_much_gets_another_index(indexed: VectorTable) -> None:
    indexed.delete(range(1, 151))
    indexed.compact()
    assert vector_indexes(indexed) == ["vector_of_1000"]
    assert {page.doc for page, _ in indexed.nearest(VECTORS[0], 50)} <= set(range(151, 201))


def test_tables_of_unknown_dimensions_are_compacted_alike(indexed: VectorTable) -> None:
    other = VectorTable(indexed.folder, "large", 0)
    other.resident_bytes = 0
    indexed.append(indexed.as_rows(*many(range(1000, 1210))))
    other.compact()
    assert vector_indexes(indexed) == ["vector_of_8200"]


def test_what_is_in_memory_follows_every_write(index: Index) -> None:
    table = index.vectors("print", 16)
    draw = np.random.default_rng(3)
    stored: dict[PageId, NDArray[np.float32]] = {}
    for step in range(30):
        match step % 5:
            case 3:
                gone = int(draw.integers(1, 8))
                table.delete([gone])
                stored = {page: vector for page, vector in stored.items() if page.doc != gone}
            case 4:
                table.compact()
            case _:
                pages = [
                    PageId(int(draw.integers(1, 8)), page) for page in range(1, int(draw.integers(3, 9)))
                ]
                vectors = unit_vectors(len(pages)) * np.float32(1 + step)
                table.replace(table.as_rows(pages, vectors))
                stored |= dict(zip(pages, vectors, strict=True))
        found = table.begin_vectors(
            PageId(doc, page) for doc in range(1, 8) for page in range(1, 10)
        ).result()
        assert found.keys() == stored.keys()
        for page, vector in found.items():
            assert vector == pytest.approx(stored[page].astype(np.float16))
        assert {page for page, _ in table.nearest(VECTORS[0], 1000)} == stored.keys()
