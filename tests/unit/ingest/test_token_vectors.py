"""The tier for late interaction, event by event."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from docsearch.ingest.jobs import Done, Event, Failed, PageFailed, PageRendered, RenderJob
from docsearch.ingest.token_vectors import TokenVectorTier
from docsearch.models.late import LateModel
from docsearch.models.protocols import ModelInput, Vectors
from docsearch.records import Failure, FailureKind, Progress
from docsearch.store.files import FileState
from docsearch.store.index import Index
from tests import documents
from tests.stored import add_document, root_of


class Brightness:
    """A token a letter of the text, and one for the picture. The second page it is shown never fits."""

    name, fingerprint, dimensions, image_pixels = "bright", "print", 2, 8

    def __init__(self, *modalities: str) -> None:
        self.modalities = frozenset(modalities)
        self.shown: list[ModelInput] = []

    def encode_queries(self, queries: Sequence[ModelInput]) -> list[Vectors]:
        return [np.ones((1, 2), np.float32) for _ in queries]

    def encode_pages(self, pages: Sequence[ModelInput]) -> list[Vectors]:
        self.shown = list(pages)
        return [np.ones((len(page.text) + (page.image is not None), 2), np.float32) for page in pages]

    def shrunk(self) -> dict[int, tuple[int, int]]:
        return {1: (4, 6)} if len(self.shown) > 1 and self.shown[1].image else {}


@pytest.fixture
def stored(index: Index, tmp_path: Path) -> Path:
    """A document of three pages, the last of which waits for OCR, and a file that is there."""
    path = documents.text_pdf(tmp_path / "lease.pdf", ["ab", "c", ""])
    number = add_document(index, path, ["ab", "c", ""], waiting=[3])
    content, status = index.documents.get([number])[number].content, path.stat()
    state = FileState(path, status.st_size, status.st_mtime_ns, content)
    index.files.put(root_of(index, tmp_path), state, number)
    return path


def tier_of(index: Index, model: Brightness) -> TokenVectorTier:
    tier = TokenVectorTier(
        index, LateModel(model.name, model.fingerprint, model.dimensions, model.modalities, lambda: model)
    )
    tier.vectors.begin(model.name)
    return tier


def take(tier: TokenVectorTier, *events: Event) -> list[Progress | Failure]:
    return [told for event in events for told in tier.take(event)]


def counts(index: Index, model: Brightness) -> dict[int, int]:
    """How many tokens each page has."""
    [document] = index.documents.get(index.documents.live()).values()
    found = index.token_vectors.of(model.fingerprint, 2).read(document.content, range(1, 4))
    return {page: len(tokens) for page, tokens in found.items()}


def events(job: RenderJob, *failing: int) -> list[Event]:
    picture = np.zeros((8, 6, 3), np.uint8)
    shown: list[Event] = [
        PageFailed(job, Failure(job.path, FailureKind.TIMED_OUT, page=page))
        if page in failing
        else PageRendered(job, page, picture)
        for page in job.pages
    ]
    return [*shown, Done(job)]


def test_a_page_that_cannot_be_rendered_has_none_and_one_made_smaller_is_told(
    index: Index, stored: Path
) -> None:
    model = Brightness("image")
    tier = tier_of(index, model)
    [job] = tier.jobs(())
    assert (job.path, job.pages, job.pixels) == (stored, (1, 2, 3), 8)
    told = take(tier, *events(job, 3))
    assert counts(index, model) == {1: 1, 2: 1}
    [note] = [event for event in told if isinstance(event, Failure)]
    assert (note.page, note.is_note) == (2, True)
    assert note in index.files.failures()
    assert [event.pages_done for event in told if isinstance(event, Progress)] == [3]
    assert TokenVectorTier(index, tier.late).spans == []


def test_a_model_for_both_reads_text_and_looks_again_when_ocr_has_read(index: Index, stored: Path) -> None:
    model = Brightness("text", "image", "text+image")
    tier = tier_of(index, model)
    [job] = tier.jobs(())
    take(tier, *events(job, 1))
    assert counts(index, model) == {1: 2, 2: 2, 3: 1}
    assert TokenVectorTier(index, tier.late).spans == []
    index.documents.ocr_done(next(iter(index.documents.live())), [3])
    assert len(TokenVectorTier(index, tier.late).spans) == 1


def test_a_model_for_text_needs_no_pictures(index: Index, stored: Path) -> None:
    model = Brightness("text")
    list(tier_of(index, model).without_pictures())
    assert counts(index, model) == {1: 2, 2: 1}


def test_a_file_that_fails_waits_for_the_next_run(index: Index, stored: Path) -> None:
    model = Brightness("image")
    tier = tier_of(index, model)
    [job] = tier.jobs(())
    failure = Failure(stored, FailureKind.CRASHED)
    assert take(tier, events(job)[0], Failed(job, failure)) == [failure]
    assert counts(index, model) == {}
    assert len(TokenVectorTier(index, tier.late).spans) == 1


def test_documents_whose_file_is_away_are_left_alone(index: Index, stored: Path) -> None:
    stored.unlink()
    assert tier_of(index, Brightness("image")).spans == []
