"""Whose vectors an index keeps, and which model serves while another one's are being made."""

from __future__ import annotations

import pytest

from docsearch.store.index import Index
from docsearch.store.vector_models import VectorModel, stand_in

OLD = VectorModel("aa", "old", 256, pages=100)


def new(pages: int, unreadable: int = 0) -> VectorModel:
    return VectorModel("bb", "new", 512, pages, unreadable)


@pytest.mark.parametrize(
    ("made", "serves"),
    [
        ([], None),
        ([OLD], OLD),
        ([OLD, new(99)], OLD),
        ([OLD, new(100)], None),
        ([OLD, new(90, unreadable=10)], None),
        ([OLD, VectorModel("cc", "older", 64, 120), new(0)], VectorModel("cc", "older", 64, 120)),
        ([VectorModel("bb", "old", 256, 0), new(0)], None),
    ],
)
def test_the_model_that_covers_more_serves_until_the_wanted_one_has_caught_up(
    made: list[VectorModel], serves: VectorModel | None
) -> None:
    assert stand_in(made, "new", 512) == serves


def test_the_same_model_with_shorter_vectors_is_another_one() -> None:
    assert stand_in([OLD], "old", 128) == OLD
    assert stand_in([OLD], "old", 256) is None


def test_of_a_model_pages_and_what_could_not_be_shown_to_it_are_kept(index: Index) -> None:
    index.vector_models.note("aa", "old", 256)
    index.vector_models.note("aa", "old", 256, 7)
    index.vector_models.note("aa", "old", 256)
    assert index.vector_models.all() == (VectorModel("aa", "old", 256, 0, 7),)


def test_a_note_that_cannot_be_read_belongs_to_no_model(index: Index) -> None:
    index.catalog.set_fact("vectors of aa", "nonsense")
    assert index.vector_models.all() == (VectorModel("aa", "", 0),)
