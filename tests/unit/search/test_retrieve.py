from __future__ import annotations

import numpy as np
import pytest

from docsearch.records import PageId
from docsearch.search.retrieve import QueryVector
from docsearch.store.index import Index
from docsearch.store.vectors import VectorTable


def table_of(index: Index, vectors: np.ndarray) -> VectorTable:
    table = index.vectors("print", vectors.shape[1])
    pages = [PageId(number, 1) for number in range(1, len(vectors) + 1)]
    table.replace(table.as_rows(pages, vectors.astype(np.float32)))
    return table


def test_similarity_is_told_in_deviations_from_pages_drawn_at_random(index: Index) -> None:
    vectors = np.random.default_rng(3).normal(size=(100, 8)) / 8
    query = QueryVector(table_of(index, vectors), np.eye(8, dtype=np.float32)[0], 1.0)
    similarities = vectors[:, 0]
    asked = query.begin_of([PageId(1, 1), PageId(2, 1), PageId(999, 1)])()
    assert set(asked) == {PageId(1, 1), PageId(2, 1)}
    for number in (0, 1):
        wanted = (similarities[number] - similarities.mean()) / similarities.std()
        assert asked[PageId(number + 1, 1)] == pytest.approx(wanted, abs=0.02)
    assert query.tells


def test_what_a_model_calls_similar_does_not_matter(index: Index) -> None:
    """The same directions with half of the length, as pages with a text and a picture side have."""
    vectors = np.random.default_rng(3).normal(size=(60, 8)) / 8
    pages, half = table_of(index, vectors), index.vectors("half", 8)
    half.replace(half.as_rows([PageId(n, 1) for n in range(1, 61)], (vectors / 2).astype(np.float32)))
    vector = np.full(8, 8**-0.5, np.float32)
    wanted = [PageId(5, 1), PageId(9, 1)]
    whole, halved = (QueryVector(table, vector, 1.0).begin_of(wanted)() for table in (pages, half))
    assert whole == pytest.approx(halved, abs=0.02)


def test_few_pages_or_pages_all_alike_tell_nothing(index: Index) -> None:
    few = table_of(index, np.random.default_rng(1).normal(size=(5, 4)))
    assert not QueryVector(few, np.ones(4, np.float32), 1.0).tells
    alike = index.vectors("alike", 4)
    alike.replace(alike.as_rows([PageId(n, 1) for n in range(1, 30)], np.full((29, 4), 0.5, np.float32)))
    assert not QueryVector(alike, np.ones(4, np.float32), 1.0).tells
