from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image

from docsearch.errors import UnreadableDocument
from docsearch.ingest.document import MAX_PIXELS, is_junk_title, open_document, render_png, title_of
from docsearch.records import Box, FailureKind
from tests import documents


def failure_of(path: Path, *passwords: str) -> FailureKind:
    with pytest.raises(UnreadableDocument) as caught:
        open_document(path, passwords)
    return caught.value.kind


def test_text_of_every_page_in_many_scripts(tmp_path: Path) -> None:
    texts = [documents.GERMAN, documents.CHINESE, documents.JAPANESE, documents.ARABIC, documents.RUSSIAN]
    with open_document(documents.text_pdf(tmp_path / "a.pdf", texts)) as document:
        assert document.kind == "pdf"
        read = [document.page_text(page).strip() for page in range(1, document.pages + 1)]
        assert read == texts
        assert not any(document.needs_ocr(page, text) for page, text in enumerate(read, 1))


def test_a_name_that_is_not_utf8_opens(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9\n.pdf"
    documents.text_pdf(tmp_path / "a.pdf").rename(path)
    with open_document(path) as document:
        assert document.page_text(1) == "Hello world\n"
        assert "\udce9" not in title_of(document)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_word_boxes_lie_on_the_ink_as_displayed(tmp_path: Path, rotation: int) -> None:
    path = documents.text_pdf(tmp_path / "a.pdf", ["Lighthouse"], rotation=rotation)
    with open_document(path) as document:
        (word,) = document.page_words(1)
        picture = document.render(1, 800)
    assert word.text == "Lighthouse"
    ink = np.argwhere(picture.min(axis=2) < 128) / picture.shape[:2]
    (top, left), (bottom, right) = ink.min(axis=0), ink.max(axis=0)
    box = word.box
    assert box.x0 - 0.01 <= left <= right <= box.x1 + 0.01
    assert box.y0 - 0.01 <= top <= bottom <= box.y1 + 0.01


def test_word_boxes_are_relative_to_the_crop_box(tmp_path: Path) -> None:
    with open_document(documents.cropped_pdf(tmp_path / "a.pdf")) as document:
        (word,) = document.page_words(1)
    assert word.box.x0 == pytest.approx(0, abs=0.01)
    assert word.box.y0 < 0.02
    assert word.box.y1 < 0.06


def test_a_scan_needs_ocr_even_under_a_page_number(tmp_path: Path) -> None:
    for stamp in ("", "17"):
        with open_document(documents.scan_pdf(tmp_path / f"s{stamp}.pdf", stamp=stamp)) as document:
            assert document.needs_ocr(1, document.page_text(1))


def test_a_short_page_and_a_blank_page_need_no_ocr(tmp_path: Path) -> None:
    path = documents.text_pdf(tmp_path / "a.pdf", ["17"])
    with pymupdf.open(path) as pdf:
        pdf.new_page()
        pdf.saveIncr()
    with open_document(path) as document:
        assert [document.needs_ocr(page, document.page_text(page)) for page in (1, 2)] == [False, False]


def test_encrypted(tmp_path: Path) -> None:
    path = documents.encrypted_pdf(tmp_path / "e.pdf", "geheim")
    assert failure_of(path) is FailureKind.PASSWORD
    assert failure_of(path, "wrong", "") is FailureKind.PASSWORD
    with open_document(path, ["wrong", "geheim"]) as document:
        assert document.page_text(1) == "Confidential\n"


def test_files_that_are_no_documents(tmp_path: Path) -> None:
    html = documents.text_file(tmp_path / "page.pdf", "<!DOCTYPE html><html>Sign in</html>")
    assert failure_of(html) is FailureKind.NOT_A_DOCUMENT
    (tmp_path / "empty.jpg").touch()
    assert failure_of(tmp_path / "empty.jpg") is FailureKind.NOT_A_DOCUMENT
    assert failure_of(tmp_path / "missing.pdf") is FailureKind.UNREADABLE
    assert failure_of(tmp_path) is FailureKind.UNREADABLE


def test_damaged_files(tmp_path: Path) -> None:
    assert failure_of(documents.corrupt_pdf(tmp_path / "c.pdf")) is FailureKind.TRUNCATED
    assert failure_of(documents.truncated_pdf(tmp_path / "t.pdf", keep=0.1)) is FailureKind.TRUNCATED


def test_one_lost_page_leaves_the_others(tmp_path: Path) -> None:
    with open_document(documents.lost_page_pdf(tmp_path / "l.pdf", pages=3)) as document:
        assert [document.page_text(page).strip() for page in (1, 2)] == ["good page 1", "good page 2"]
        with pytest.raises(UnreadableDocument):
            document.page_text(3)
        with pytest.raises(UnreadableDocument):
            document.page_text(4)


def test_render_has_the_asked_size(tmp_path: Path) -> None:
    with open_document(documents.text_pdf(tmp_path / "a.pdf", size=(300, 600))) as document:
        picture = document.render(1, 500)
    assert picture.shape == (500, 250, 3)
    assert picture.dtype == np.uint8


def test_giant_and_thin_pages_are_bounded(tmp_path: Path) -> None:
    path = documents.text_pdf(tmp_path / "a.pdf", ["x"], size=(14400, 20))
    with open_document(path) as document:
        assert document.render(1, 1000).shape[1] == pytest.approx(1000, abs=1)
        assert max(document.render(1, 10 * MAX_PIXELS).shape) <= MAX_PIXELS + 1


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "gif", "tif"])
def test_every_image_format(tmp_path: Path, suffix: str) -> None:
    with open_document(documents.image_of_text(tmp_path / f"i.{suffix}", dpi=72)) as document:
        picture = document.render(1, 400)
        assert document.pages == 1
        assert document.needs_ocr(1, document.page_text(1))
    assert max(picture.shape) == 400
    assert picture.min() < 100 < 250 < picture.max()


def test_images_are_not_enlarged(tmp_path: Path) -> None:
    with open_document(documents.photo(tmp_path / "p.jpg", (30, 20))) as document:
        assert document.render(1, 500).shape == (20, 30, 3)


def test_tiff_frames_are_pages(tmp_path: Path) -> None:
    with open_document(documents.multipage_tiff(tmp_path / "m.tif", ["", "Frame two", ""])) as document:
        assert document.pages == 3
        inked = [document.render(page, 300).min() < 200 for page in (1, 2, 3, 2)]
    assert inked == [False, True, False, True]


@pytest.mark.parametrize(
    ("orientation", "red", "blue"),
    [(1, (0, 0), (0, -1)), (3, (0, -1), (0, 0)), (6, (0, 0), (-1, 0)), (8, (-1, 0), (0, 0))],
)
def test_photos_are_turned_upright(
    tmp_path: Path, orientation: int, red: tuple[int, int], blue: tuple[int, int]
) -> None:
    with open_document(documents.photo(tmp_path / "p.jpg", orientation=orientation)) as document:
        picture = document.render(1, 300)
    assert picture[red].argmax() == 0
    assert picture[blue].argmax() == 2


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("CMYK", "jpg"), ("CMYK", "tif"), ("L", "png"), ("P", "png"), ("LA", "png"), ("1", "png")],
)
def test_colour_models_become_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    with open_document(documents.photo(tmp_path / f"p.{suffix}", mode=mode)) as document:
        assert document.render(1, 150).shape == (100, 150, 3)


def test_transparent_is_paper_white(tmp_path: Path) -> None:
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(tmp_path / "t.png")
    with open_document(tmp_path / "t.png") as document:
        assert document.render(1, 10).min() == 255


def test_deep_gray_keeps_its_range(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    with open_document(tmp_path / "deep.png") as document:
        picture = document.render(1, 16)
    assert (picture.min(), picture.max()) == (0, 255)


def test_truncated_image(tmp_path: Path) -> None:
    path = documents.photo(tmp_path / "p.jpg", (400, 400))
    path.write_bytes(path.read_bytes()[:2000])
    with open_document(path) as document, pytest.raises(UnreadableDocument) as caught:
        document.render(1, 100)
    assert caught.value.kind is FailureKind.TRUNCATED


def test_boxes_are_marked_and_ink_stays(tmp_path: Path) -> None:
    with open_document(documents.text_pdf(tmp_path / "a.pdf", ["Hello"])) as document:
        (word,) = document.page_words(1)
        plain = np.asarray(Image.open(BytesIO(render_png(document, 1, 800))))
        marked = np.asarray(
            Image.open(BytesIO(render_png(document, 1, 800, [word.box, Box(0, 0, 1.2, 0.01)])))
        )
    assert plain.shape == marked.shape
    height, width = plain.shape[:2]
    inside = marked[int(word.box.y0 * height) + 1, int(word.box.x0 * width) + 1]
    assert inside[2] < 120 < 240 < inside[0]
    assert marked.min() <= plain.min() < 50
    assert (marked[-5:] == plain[-5:]).all()


def test_outline(tmp_path: Path) -> None:
    with open_document(documents.outlined_pdf(tmp_path / "o.pdf", ["One", "Two"])) as document:
        assert document.outline == ((1, "One", 1), (1, "Two", 2))


def title(path: Path) -> str:
    with open_document(path) as document:
        return title_of(document)


def test_title_is_metadata_then_heading_then_name(tmp_path: Path) -> None:
    assert (
        title(documents.headed_pdf(tmp_path / "a.pdf", "Annual Report", title="Accounts 2021"))
        == "Accounts 2021"
    )
    junk = "Microsoft Word - draft.docx"
    assert title(documents.headed_pdf(tmp_path / "b.pdf", "Annual Report", title=junk)) == "Annual Report"
    assert title(documents.text_pdf(tmp_path / "lease.pdf", ["all of one size\nand no heading"])) == "lease"
    assert title(documents.photo(tmp_path / "IMG 2041.jpg")) == "IMG 2041"


@pytest.mark.parametrize(
    "junk",
    [
        "untitled",
        "Untitled-1",
        "x.doc",
        "report.pdf",
        "REPORT",
        "0001018724-18-000005",
        "C:\\a\\b",
        "\ufffd\ufffdab",
    ],
)
def test_junk_titles(junk: str) -> None:
    assert is_junk_title(junk, "report.pdf")


@pytest.mark.parametrize("good", ["Documentation of X", "Scandinavia", "Report 2020", "Слово"])
def test_good_titles(good: str) -> None:
    assert not is_junk_title(good, "report.pdf")
