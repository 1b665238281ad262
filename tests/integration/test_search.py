"""Scans and pictures: recognised once, searchable by their words and by what they look like."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from docsearch.config import IndexSettings, Settings
from docsearch.ingest.pipeline import Tier
from docsearch.library import Library
from docsearch.records import Failure, Progress, TextSource
from tests import documents

Shelf = tuple[Library, Path]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A library with OCR and the starter embedder over a text PDF, a scan and two photos."""
    base = tmp_path_factory.mktemp("shelf")
    folder = base / "documents"
    folder.mkdir()
    documents.text_pdf(folder / "lease.pdf", ["The tenant pays rent for the house"], title="Lease")
    documents.scan_pdf(folder / "scan.pdf", ["Zanzibar invoice 4711\\nTotal amount due"])
    documents.photo(folder / "photo.jpg")
    with Library(base / "home", Settings(index=IndexSettings(workers=1, page_seconds=60))) as library:
        assert [e for e in library.index([folder]) if isinstance(e, Failure)] == []
        yield library, folder


def pages(events: list[Progress | Failure], tier: str) -> int:
    return max((e.pages_done for e in events if isinstance(e, Progress) and e.tier == tier), default=0)


def test_a_scan_is_searchable_by_its_words(shelf: Shelf) -> None:
    library, folder = shelf
    [hit] = library.search(library.parse("zanzibar")).hits
    assert (hit.path, hit.page.page, hit.source) == (folder / "scan.pdf", 1, TextSource.OCR)
    assert [hit.snippet.text[start:end] for start, end in hit.snippet.spans] == ["Zanzibar"]
    assert "4711" in library.page_text(hit.page)


def test_the_words_of_a_scan_are_boxed_where_they_stand(shelf: Shelf) -> None:
    library, folder = shelf
    [box] = library.match_boxes(folder / "scan.pdf", 1, library.parse("zanzibar"))
    assert box.x0 < box.x1 < 0.35, "the word is the first of its line"
    assert box.y0 < box.y1 < 0.15, "the line is the first of the page"
    [number] = library.match_boxes(folder / "scan.pdf", 1, library.parse("4711"))
    assert number.x0 > box.x1


def test_nothing_waits_and_nothing_is_done_twice(shelf: Shelf) -> None:
    library, _ = shelf
    status = library.status()
    assert (status.pages_waiting_for_ocr, status.pages_waiting_for_vectors) == (0, 0)
    assert {event.tier for event in library.index() if isinstance(event, Progress)} <= {"scan"}


def test_a_picture_finds_its_like(shelf: Shelf, tmp_path: Path) -> None:
    library, _ = shelf
    similar = documents.photo(tmp_path / "similar.png", size=(240, 160))
    hits = library.search(library.parse("", similar)).hits
    assert hits[0].path.name == "photo.jpg"
    assert len(hits) == 3


def test_a_bad_photo_of_a_page_finds_it_by_its_words(shelf: Shelf, tmp_path: Path) -> None:
    library, folder = shelf
    with library.open_document(folder / "lease.pdf") as document:
        page = Image.fromarray(document.render(1, 800))
    turned = page.rotate(4, expand=True, fillcolor="white").crop((0, 0, 800, 300))
    turned.save(tmp_path / "photo.jpg", quality=40)
    hits = library.search(library.parse("", tmp_path / "photo.jpg")).hits
    assert hits[0].path.name == "lease.pdf"
    assert hits[0].scores["words in picture"] > 0


def test_a_page_of_another_file_is_a_picture_too(shelf: Shelf, tmp_path: Path) -> None:
    library, _ = shelf
    other = documents.text_pdf(tmp_path / "other.pdf", ["An invoice from Zanzibar"])
    hits = library.search(library.parse("", other)).hits
    assert hits[0].path.name == "scan.pdf"


def test_a_query_that_names_a_picture_is_text(shelf: Shelf) -> None:
    library, folder = shelf
    hits = library.search(library.parse(str(folder / "photo.jpg"))).hits
    assert {hit.path.name for hit in hits} <= {"photo.jpg"}


def test_the_same_scan_in_another_file_is_not_recognised_again(shelf: Shelf) -> None:
    library, folder = shelf
    twin = folder / "twin.pdf"
    shutil.copy(folder / "scan.pdf", twin)
    twin.write_bytes(twin.read_bytes() + b"\\n%% another file with the same picture")
    events = list(library.index(tiers=[Tier.TEXT]))
    assert pages(events, "text") == 1
    assert {e.tier for e in events if isinstance(e, Progress)} <= {"scan", "text"}
    assert library.status().pages_waiting_for_ocr == 1
    assert library.status().pages_waiting_for_vectors == 1

    recognised = "SELECT count(*) FROM recognised"
    before = library.store.catalog.connection.execute(recognised).fetchone()
    assert pages(list(library.index()), "ocr") == 1
    assert library.store.catalog.connection.execute(recognised).fetchone() == before
    hits = library.search(library.parse("zanzibar")).hits
    assert {hit.path.name for hit in hits} == {"scan.pdf", "twin.pdf"}
    assert library.match_boxes(twin, 1, library.parse("zanzibar"))


def test_what_still_waits_of_a_folder_that_is_away_keeps_waiting(shelf: Shelf, tmp_path: Path) -> None:
    library, _ = shelf
    away = tmp_path / "stick"
    away.mkdir()
    documents.scan_pdf(away / "waiting.pdf", ["Penguin colony"])
    list(library.index([away], tiers=[Tier.TEXT]))
    away.rename(tmp_path / "unplugged")
    seen = [event for event in library.index() if isinstance(event, Failure)]
    assert [failure.path for failure in seen] == [away]
    assert library.status().failures == ()
    assert library.status().pages_waiting_for_ocr == 1

    (tmp_path / "unplugged").rename(away)
    assert [event for event in library.index() if isinstance(event, Failure)] == []
    assert [hit.path.name for hit in library.search(library.parse("penguin")).hits] == ["waiting.pdf"]
    library.remove(away)
