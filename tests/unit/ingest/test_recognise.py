from __future__ import annotations

from pathlib import Path

import pytest

from docsearch.ingest.jobs import Done, Event, Failed, OcrJob, PageFailed, PageRecognised
from docsearch.ingest.recognise import OcrTier
from docsearch.records import Box, Failure, FailureKind, OcrPage, PageId, Progress, TextSource, Word
from docsearch.store.files import FileState
from docsearch.store.index import Index
from tests.stored import add_document, root_of

PAGE = OcrPage("Zanzibar invoice", (Word("Zanzibar", Box(0, 0, 0.5, 0.1)),))


@pytest.fixture
def scan(index: Index, tmp_path: Path) -> OcrJob:
    """A scan of three pages that waits, on disk as the catalog knows it, with a copy that is gone."""
    path = tmp_path / "scan.pdf"
    path.write_bytes(b"scan")
    number = add_document(index, tmp_path / "a copy that is gone.pdf", ["", "", ""], waiting=[1, 2, 3])
    content = index.documents.get([number])[number].content
    status = path.stat()
    state = FileState(path, status.st_size, status.st_mtime_ns, content)
    index.files.put(root_of(index, tmp_path), state, number)
    [job] = OcrTier(index, "engine").jobs(())
    assert job.path == path
    return job


def take(tier: OcrTier, *events: Event) -> list[Progress | Failure]:
    taken = [outcome for event in events for outcome in tier.take(event)]
    tier.flush()
    return taken


def test_recognised_pages_become_rows_and_first_pages(index: Index, scan: OcrJob) -> None:
    take(OcrTier(index, "engine"), PageRecognised(scan, 1, "pixels", PAGE), Done(scan))
    assert index.documents.waiting_for_ocr() == {scan.key: [2, 3]}
    assert index.pages.texts([PageId(scan.key, 1)]) == {PageId(scan.key, 1): (PAGE.text, TextSource.OCR)}
    assert set(index.evidence.lead_scores(["zanzibar"], 5)) == {scan.key}
    assert index.recognised.words_of(scan.key, 1) is not None
    assert index.vocabulary.unknown(["zanzibar"]) == []


def test_known_pixels_need_no_recognising(index: Index, scan: OcrJob) -> None:
    index.recognised.put("pixels", "engine", PAGE)
    take(OcrTier(index, "engine"), PageRecognised(scan, 2, "pixels", None), Done(scan))
    assert index.pages.texts([PageId(scan.key, 2)])[PageId(scan.key, 2)][0] == PAGE.text


def test_a_page_that_fails_does_not_wait_for_ever(index: Index, scan: OcrJob) -> None:
    failure = Failure(scan.path, FailureKind.TIMED_OUT, page=2)
    events = take(OcrTier(index, "engine"), PageFailed(scan, failure), Done(scan))
    assert failure in events
    assert index.documents.waiting_for_ocr() == {scan.key: [1, 3]}
    assert index.files.failures() == [failure]


def test_a_file_that_fails_waits_and_is_no_failure_once_it_is_read(index: Index, scan: OcrJob) -> None:
    failure = Failure(scan.path, FailureKind.PASSWORD)
    take(OcrTier(index, "engine"), Failed(scan, failure))
    assert index.files.failures() == [failure]
    assert index.documents.waiting_for_ocr() == {scan.key: [1, 2, 3]}
    take(OcrTier(index, "engine"), PageRecognised(scan, 1, "pixels", PAGE), Done(scan))
    assert index.files.failures() == []


def test_what_is_away_or_changed_is_left_waiting(index: Index, scan: OcrJob) -> None:
    scan.path.write_bytes(b"another content")
    assert list(OcrTier(index, "engine").jobs(())) == []
    scan.path.unlink()
    assert list(OcrTier(index, "engine").jobs(())) == []
    assert index.documents.waiting_for_ocr() == {scan.key: [1, 2, 3]}
