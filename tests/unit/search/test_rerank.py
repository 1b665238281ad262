"""What a reranking model is shown of a page: its text, else its picture; both where it takes both."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from docsearch.models.protocols import ModelInput, Reranker
from docsearch.records import Candidate, PageId, Query
from docsearch.search.rerank import ModelReranker, RenderPage
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
        self.shown += pages
        return np.zeros(len(pages), np.float32)


class Stopped(Exception):
    """Ends a model's work."""


def reranked(index: Index, model: Reranker, render: RenderPage, pages: Sequence[int]) -> list[int]:
    """The pages of the only document in the order the model gives them."""
    [number] = index.documents.live()
    head = [Candidate(PageId(number, page), {}, 1.0) for page in pages]
    terms = query_terms(Query("rent", "rent"), index.analyzer, index.vocabulary, len(TEXTS))
    return [c.page.page for c in ModelReranker(index, model, render, 64).rerank(terms, head)]


def shown(index: Index, *modalities: str, gone: bool = False) -> tuple[dict[int, ModelInput], list[int]]:
    """What the model saw of each page, and which pages were rendered: as high as their number."""
    add_document(index, Path("/library/lease.pdf"), TEXTS)
    rendered: list[int] = []

    def render(page: PageId, pixels: int) -> Image.Image | None:
        rendered.append(page.page)
        return None if gone else Image.new("RGB", (pixels, page.page))

    model = Watching(*modalities)
    pages = (READABLE, EMPTY, ENDLESS)
    assert sorted(reranked(index, model, render, pages)) == list(pages)
    return {number_of(given): given for given in model.shown}, rendered


def number_of(given: ModelInput) -> int:
    if given.image is not None:
        return given.image.size[1]
    return next(
        n for n, text in enumerate(TEXTS, start=1) if text.strip() and text.startswith(given.text[:9])
    )


def test_a_model_for_text_is_shown_text_and_nothing_is_rendered(index: Index) -> None:
    pages, rendered = shown(index, "text")
    assert pages[READABLE] == ModelInput("The rent is due")
    assert set(pages) == {READABLE, ENDLESS}
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
    assert all(page.image is not None and page.image.size[0] == 64 for page in pages.values())


@pytest.mark.parametrize("modalities", [("text", "image", "text+image"), ("text", "text+image")])
def test_of_a_file_that_is_gone_the_text_is_shown(index: Index, modalities: tuple[str, ...]) -> None:
    pages, _ = shown(index, *modalities, gone=True)
    assert pages[READABLE] == ModelInput("The rent is due")
    assert set(pages) == {READABLE, ENDLESS}


def test_no_more_is_shown_than_a_page_can_hold(index: Index) -> None:
    pages, _ = shown(index, "text")
    assert 10_000 < len(pages[ENDLESS].text) < 30_000


class Falling(Watching):
    """Finds every page it is shown a little worse than the one before."""

    def score(self, query: ModelInput, pages: Sequence[ModelInput]) -> NDArray[np.float32]:
        self.shown += pages
        return np.array([-number_of(page) for page in pages], np.float32)


def test_what_a_model_cannot_be_shown_comes_last(index: Index) -> None:
    add_document(index, Path("/library/lease.pdf"), [" "] * 30)

    def render(page: PageId, pixels: int) -> Image.Image | None:
        return Image.new("RGB", (pixels, page.page)) if page.page % 10 else None

    order = reranked(index, Falling("image"), render, range(30, 0, -1))
    assert order == [*(page for page in range(1, 30) if page % 10), 30, 20, 10]


class Waiting(Watching):
    """Looks at its first pages until more are drawn."""

    def __init__(self) -> None:
        super().__init__("image")
        self.more = Event()

    def score(self, query: ModelInput, pages: Sequence[ModelInput]) -> NDArray[np.float32]:
        assert self.more.wait(20)
        return super().score(query, pages)


def test_pages_are_drawn_while_the_model_looks_at_those_before(index: Index) -> None:
    add_document(index, Path("/library/lease.pdf"), [" "] * 30)
    drawn: list[int] = []
    model = Waiting()

    def render(page: PageId, pixels: int) -> Image.Image | None:
        drawn.append(page.page)
        if len(drawn) > 15:
            model.more.set()
        return Image.new("RGB", (pixels, page.page))

    assert reranked(index, model, render, range(1, 31)) == list(range(1, 31))
    assert [number_of(page) for page in model.shown] == drawn == list(range(1, 31))


def test_no_more_pages_are_drawn_once_the_model_stopped(index: Index) -> None:
    add_document(index, Path("/library/lease.pdf"), [" "] * 200)
    looked, drawn = Event(), 0

    class Stopping(Watching):
        def score(self, query: ModelInput, pages: Sequence[ModelInput]) -> NDArray[np.float32]:
            looked.set()
            raise Stopped

    def render(page: PageId, pixels: int) -> Image.Image | None:
        nonlocal drawn
        drawn += 1
        if drawn > 15:
            looked.wait(20)
        return Image.new("RGB", (pixels, page.page))

    with pytest.raises(Stopped):
        reranked(index, Stopping("image"), render, range(1, 201))
    assert drawn <= 40
    assert all(thread.name.partition("-")[0] != "ThreadPoolExecutor" for thread in threading.enumerate())
