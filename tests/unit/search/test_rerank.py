"""What a reranking model is shown of a page: its text, else its picture; both where it takes both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from docsearch.models.protocols import ModelInput
from docsearch.records import Candidate, PageId, Query
from docsearch.search.rerank import ModelReranker
from docsearch.search.terms import query_terms
from docsearch.store.index import Index
from tests.stored import add_document

TEXTS = ["The rent is due", " \n", "water " * 10_000]
READABLE, EMPTY, ENDLESS = 1, 2, 3


class Watching:
    """A reranker that scores nothing and remembers what it was shown."""

    name = "watching"

    def __init__(self, *modalities: str) -> None:
        self.modalities = frozenset(modalities)
        self.shown: list[ModelInput] = []

    def score(self, query: ModelInput, pages: Sequence[ModelInput]) -> NDArray[np.float32]:
        self.shown = list(pages)
        return np.zeros(len(pages), np.float32)


def shown(index: Index, *modalities: str, gone: bool = False) -> tuple[dict[int, ModelInput], list[int]]:
    """What the model saw of each page, and which pages were rendered."""
    number = add_document(index, Path("/library/lease.pdf"), TEXTS)
    rendered: list[int] = []

    def render(page: PageId, pixels: int) -> Image.Image | None:
        rendered.append(page.page)
        return None if gone else Image.new("RGB", (pixels, pixels))

    model = Watching(*modalities)
    head = [Candidate(PageId(number, page), {}, 1.0) for page in (READABLE, EMPTY, ENDLESS)]
    terms = query_terms(Query("rent", "rent"), index.analyzer, index.vocabulary, len(TEXTS))
    ordered = ModelReranker(index, model, render, 64).rerank(terms, head)
    assert [candidate.page.page for candidate in ordered] == [READABLE, EMPTY, ENDLESS]
    return dict(zip((READABLE, EMPTY, ENDLESS), model.shown, strict=True)), rendered


def test_a_model_for_text_is_shown_text_and_nothing_is_rendered(index: Index) -> None:
    pages, rendered = shown(index, "text")
    assert pages[READABLE] == ModelInput("The rent is due")
    assert rendered == []


def test_a_model_for_either_is_shown_the_picture_only_where_there_is_no_text(index: Index) -> None:
    pages, rendered = shown(index, "text", "image")
    assert rendered == [EMPTY]
    assert pages[READABLE] == ModelInput("The rent is due")
    assert (pages[EMPTY].text, pages[EMPTY].image is None) == ("", False)


def test_a_model_for_pictures_is_shown_every_page_as_a_picture(index: Index) -> None:
    pages, rendered = shown(index, "image")
    assert rendered == [READABLE, EMPTY, ENDLESS]
    assert all(page.image is not None and page.text == "" for page in pages.values())


def test_a_model_for_both_is_shown_both(index: Index) -> None:
    pages, rendered = shown(index, "text", "image", "text+image")
    assert rendered == [READABLE, EMPTY, ENDLESS]
    assert pages[READABLE].text == "The rent is due"
    assert all(page.image is not None and page.image.size == (64, 64) for page in pages.values())


@pytest.mark.parametrize("modalities", [("text", "image", "text+image"), ("text", "text+image")])
def test_of_a_file_that_is_gone_the_text_is_shown(index: Index, modalities: tuple[str, ...]) -> None:
    pages, _ = shown(index, *modalities, gone=True)
    assert pages[READABLE] == ModelInput("The rent is due")
    assert pages[EMPTY].image is None


def test_no_more_is_shown_than_a_page_can_hold(index: Index) -> None:
    pages, _ = shown(index, "text")
    assert 10_000 < len(pages[ENDLESS].text) < 30_000
