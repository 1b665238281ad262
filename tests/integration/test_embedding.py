"""The vector tier: real files, real reader processes, a real table; the model is ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from docsearch.config import IndexSettings, Settings
from docsearch.errors import ModelUnavailable
from docsearch.ingest.embed import VectorTier, embed_pages
from docsearch.ingest.readers import Readers
from docsearch.library import Library
from docsearch.models.protocols import ModelInput, Vectors
from docsearch.records import Failure, FailureKind, PageId, Progress
from docsearch.store.index import Index
from tests import documents
from tests.integration.conftest import Events, OpenLibrary


class Counting:
    """An embedder whose vector of a page says how it was shown: text length, width, height, 1."""

    name, fingerprint, dimensions, image_pixels = "counting", "counting", 4, 64

    def __init__(self, *modalities: str, small: int = -1, fails_at: int = 0) -> None:
        self.modalities = frozenset(modalities)
        self.small, self.fails_at = small, fails_at
        self.shown: list[ModelInput] = []

    def embed_queries(self, queries: Sequence[ModelInput]) -> Vectors:
        sizes = [query.image.size if query.image else (0, 0) for query in queries]
        rows = [(len(q.text), *size, 1) for q, size in zip(queries, sizes, strict=True)]
        return np.array(rows, np.float32).reshape(-1, 4)

    def embed_pages(self, pages: Sequence[ModelInput]) -> Vectors:
        self.shown += pages
        if self.fails_at and len(self.shown) >= self.fails_at:
            raise ModelUnavailable("the model does not run any more")
        self.last = pages
        return self.embed_queries(pages)

    def shrunk(self) -> dict[int, tuple[int, int]]:
        return {place: (9, 12) for place, page in enumerate(self.last) if len(page.text) == self.small}


@pytest.fixture
def readers() -> Iterator[Readers]:
    with Readers(Settings(index=IndexSettings(workers=1, page_seconds=60))) as made:
        yield made


@pytest.fixture
def library(folder: Path, open_library: OpenLibrary) -> Library:
    """Three documents of two pages, a text file and a picture; words only."""
    for name in ("rent", "water", "llamas"):
        documents.text_pdf(folder / f"{name}.pdf", [f"The tenant pays for {name}", "More about " + name * 2])
    documents.text_file(folder / "notes.txt", "Plain notes")
    documents.photo(folder / "photo.png")
    opened = open_library()
    list(opened.index([folder]))
    return opened


def embed(library: Library, readers: Readers, embedder: Counting) -> Events:
    with library.store.writing():
        return list(embed_pages(library.store, readers, embedder))


def stored(index: Index, embedder: Counting) -> dict[tuple[str, int], list[float]]:
    """The vector of every page by file and page number."""
    pages = {
        PageId(number, page): (files[0].path.name, page)
        for number, files in index.files.of_documents(index.documents.live()).items()
        for page in range(1, index.documents.get([number])[number].pages + 1)
    }
    vectors = index.vectors(embedder.fingerprint, embedder.dimensions).begin_vectors(pages).result()
    return {pages[page]: vector.tolist() for page, vector in vectors.items()}


def done(index: Index, embedder: Counting) -> int:
    """How many documents have vectors."""
    return len(index.documents.live()) - len(index.documents.waiting_for_vectors(embedder.fingerprint))


def test_each_page_gets_the_vector_of_its_own_text_and_picture(library: Library, readers: Readers) -> None:
    embedder = Counting("text", "image", "text+image")
    events = embed(library, readers, embedder)
    vectors = stored(library.store, embedder)
    assert len(vectors) == 8
    assert vectors["rent.pdf", 1][0] == len("The tenant pays for rent\n")
    assert vectors["llamas.pdf", 2][0] == len("More about llamasllamas\n")
    assert vectors["photo.png", 1][:3] == [0, 64, 43]
    assert all(max(width, height) == 64 for _, width, height, _ in vectors.values())
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert (last.pages_done, last.pages_total, last.files_done, last.files_total) == (8, 8, 5, 5)
    assert done(library.store, embedder) == 5
    [kept] = library.store.vector_models.all()
    assert (kept.pages, kept.unreadable) == (8, 0)
    assert not embed(library, readers, embedder)


def test_a_model_that_takes_one_or_the_other_is_shown_the_picture(library: Library, readers: Readers) -> None:
    embedder = Counting("text", "image")
    embed(library, readers, embedder)
    assert all(not page.text and page.image for page in embedder.shown)


def test_a_model_of_texts_needs_no_file(library: Library, readers: Readers, folder: Path) -> None:
    embedder = Counting("text")
    for file in folder.iterdir():
        file.rename(file.with_suffix(".away"))
    embed(library, readers, embedder)
    assert len(stored(library.store, embedder)) == 8
    assert readers._pool is None
    assert all(page.image is None for page in embedder.shown)


def test_a_page_that_cannot_be_rendered_is_embedded_by_its_text(
    folder: Path, open_library: OpenLibrary, readers: Readers
) -> None:
    documents.lost_page_pdf(folder / "lost.pdf", pages=3)
    documents.text_pdf(folder / "whole.pdf", ["A whole page"])
    library = open_library()
    list(library.index([folder]))
    embedder = Counting("text", "image", "text+image")
    embed(library, readers, embedder)
    vectors = stored(library.store, embedder)
    assert len(vectors) == 4
    without = [place for place, (_, width, _, _) in vectors.items() if not width]
    assert without
    assert {name for name, _ in without} == {"lost.pdf"}
    assert done(library.store, embedder) == 2


def test_files_that_go_or_change_while_others_are_embedded_wait(
    library: Library, readers: Readers, folder: Path
) -> None:
    embedder = Counting("image")
    with library.store.writing(), closing(embed_pages(library.store, readers, embedder)) as events:  # type: ignore[type-var]
        next(events)
        (folder / "rent.pdf").unlink()
        documents.text_pdf(folder / "water.pdf", ["Another text", "with other pages", "and a third"])
        list(events)
    assert {name for name, _ in stored(library.store, embedder)} == {"llamas.pdf", "notes.txt", "photo.png"}
    assert done(library.store, embedder) == 3
    [kept] = library.store.vector_models.all()
    assert (kept.pages, kept.unreadable) == (4, 4)


def test_closed_in_the_middle_it_keeps_whole_documents_and_goes_on_later(
    library: Library, readers: Readers, folder: Path
) -> None:
    documents.text_pdf(folder / "zebras.pdf", [f"Page {number} of zebras" for number in range(1, 60)])
    list(library.index([folder]))
    embedder = Counting("text", "image", "text+image")
    with library.store.writing(), closing(embed_pages(library.store, readers, embedder)) as events:  # type: ignore[type-var]
        for event in events:
            if isinstance(event, Progress) and event.files_done:
                break
    first = done(library.store, embedder)
    assert 0 < first < 6
    before = stored(library.store, embedder)
    embedder.shown.clear()
    embed(library, readers, embedder)
    after = stored(library.store, embedder)
    assert len(after) == 67
    assert before.items() <= after.items()
    assert done(library.store, embedder) == 6
    assert len(embedder.shown) < 67


def test_a_model_that_fails_leaves_whole_what_it_did_before(library: Library, readers: Readers) -> None:
    embedder = Counting("text", "image", "text+image", fails_at=6)
    with pytest.raises(ModelUnavailable):
        embed(library, readers, embedder)
    vectors = stored(library.store, embedder)
    assert done(library.store, embedder) < 5
    waiting = {d.id for d in library.store.documents.waiting_for_vectors(embedder.fingerprint)}
    for number in library.store.documents.live() - waiting:
        [file, *_] = library.store.files.of_documents([number])[number]
        pages = library.store.documents.get([number])[number].pages
        assert {(file.path.name, page) for page in range(1, pages + 1)} <= vectors.keys()
    embedder.fails_at = 0
    embed(library, readers, embedder)
    assert len(stored(library.store, embedder)) == 8


def test_a_page_that_had_to_be_smaller_is_noted_until_it_need_not(library: Library, readers: Readers) -> None:
    small = Counting("text", "image", "text+image", small=len("The tenant pays for water\n"))
    [note] = [event for event in embed(library, readers, small) if isinstance(event, Failure)]
    assert (note.path.name, note.page, note.kind) == ("water.pdf", 1, FailureKind.SCALED_DOWN)
    assert "9 x 12" in note.reason
    assert note.is_note
    assert library.status().failures == (note,)
    assert [root.failures for root in library.roots()] == [0]
    assert done(library.store, small) == 5
    library.store.documents.forget_vectors(small.fingerprint)
    small.small = -1
    embed(library, readers, small)
    assert library.status().failures == ()


class Compacting(VectorTier):
    """Compacts the table after each write."""

    compacts_after = 1


@pytest.mark.parametrize(("tier", "parts"), [(VectorTier, 2), (Compacting, 1)])
def test_the_table_is_compacted_on_the_way(
    library: Library, readers: Readers, folder: Path, tier: type[VectorTier], parts: int
) -> None:
    embedder = Counting("text")
    for name in ("zebras", "yaks"):
        documents.text_pdf(folder / f"{name}.pdf", [f"Of {name}"])
        list(library.index([folder]))
        with library.store.writing():
            waiting = library.store.documents.waiting_for_vectors(embedder.fingerprint)
            list(tier(library.store, embedder, waiting).run(readers))
    table = library.store.vectors(embedder.fingerprint, embedder.dimensions).table()
    assert table.stats()["fragment_stats"]["num_fragments"] == parts
    assert len(stored(library.store, embedder)) == 10
