"""Makes small real documents for the tests: PDFs, scans, broken files and images.

Every function writes one file and returns its path. Nothing here knows what is tested with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from io import BytesIO
from pathlib import Path

import pymupdf
from PIL import Image, ImageDraw, ImageFont

A4 = (595.0, 842.0)
GERMAN = "Die Straßenbahngesellschaft prüft Überstunden gemäß Größenordnung."
CHINESE = "本协议由甲乙双方于北京签订"
JAPANESE = "契約書の有効期間は三年とする"
ARABIC = "مرحبا بكم"
RUSSIAN = "Договор аренды помещения"


def text_pdf(
    path: Path,
    pages: Sequence[str] = ("Hello world",),
    title: str = "",
    size: tuple[float, float] = A4,
    rotation: int = 0,
) -> Path:
    """A PDF with a text layer, one page for each string; any script MuPDF has a font for."""
    with pymupdf.open() as document:
        for text in pages:
            _write(document.new_page(width=size[0], height=size[1]), text)
            document[-1].set_rotation(rotation)
        document.set_metadata({"title": title})
        document.subset_fonts()
        document.save(path, garbage=3, deflate=True)
    return path


def many_pages_pdf(path: Path, count: int) -> Path:
    """A PDF of `count` tiny pages, page N reading 'page number N'."""
    with pymupdf.open() as document:
        for number in range(1, count + 1):
            document.new_page(width=200, height=200).insert_text((20, 40), f"page number {number}")
        document.save(path, deflate=True)
    return path


def scan_pdf(path: Path, pages: Sequence[str] = ("Scanned page",), stamp: str = "", dpi: int = 150) -> Path:
    """A PDF whose pages are pictures of text; `stamp` adds that real text to each (as page numbers are)."""
    with pymupdf.open() as document:
        for text in pages:
            page = document.new_page(width=A4[0], height=A4[1])
            page.insert_image(page.rect, stream=_picture_of(text, dpi))
            if stamp:
                page.insert_text((A4[0] / 2, A4[1] - 20), stamp)
        document.save(path, garbage=3, deflate=True)
    return path


def headed_pdf(path: Path, heading: str, body: str = "Body text.", title: str = "") -> Path:
    """One page with a large heading above small body text."""
    with pymupdf.open() as document:
        page = document.new_page(width=A4[0], height=A4[1])
        page.insert_text((60, 80), "a line of small print above", fontsize=8)
        page.insert_text((60, 130), heading, fontsize=24)
        page.insert_textbox((60, 160, 535, 780), body, fontsize=11)
        document.set_metadata({"title": title})
        document.save(path)
    return path


def two_column_pdf(path: Path, left: str, right: str, title: str = "") -> Path:
    """One page with text in two columns."""
    with pymupdf.open() as document:
        page = document.new_page(width=A4[0], height=A4[1])
        page.insert_textbox((50, 60, 280, 780), left, fontsize=10)
        page.insert_textbox((315, 60, 545, 780), right, fontsize=10)
        document.set_metadata({"title": title})
        document.save(path)
    return path


def outlined_pdf(path: Path, headings: Sequence[str]) -> Path:
    """A page for each heading, and an outline (bookmarks) that names them."""
    with pymupdf.open() as document:
        for heading in headings:
            _write(document.new_page(width=A4[0], height=A4[1]), heading)
        document.set_toc([[1, heading, number] for number, heading in enumerate(headings, 1)])
        document.save(path)
    return path


def cropped_pdf(path: Path, text: str = "corner", rotation: int = 0) -> Path:
    """A 600 x 800 page cropped to (100, 200, 500, 600), `text` starting at its top left corner."""
    with pymupdf.open() as document:
        page = document.new_page(width=600, height=800)
        page.insert_text((100, 212), text, fontsize=12)
        page.set_cropbox(pymupdf.Rect(100, 200, 500, 600))
        page.set_rotation(rotation)
        document.save(path)
    return path


def encrypted_pdf(path: Path, password: str = "secret", pages: Sequence[str] = ("Confidential",)) -> Path:
    """A PDF that needs `password` to open (AES-256)."""
    source = text_pdf(path.with_suffix(".plain.pdf"), pages)
    with pymupdf.open(source) as document:
        document.save(
            path, encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw=password, owner_pw=f"owner of {password}"
        )
    source.unlink()
    return path


def truncated_pdf(path: Path, keep: float = 0.5) -> Path:
    """The first part of a good PDF, as an interrupted download leaves it."""
    data = text_pdf(path, ["first page", "second page", "third page"]).read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


def corrupt_pdf(path: Path) -> Path:
    """A PDF header followed by noise."""
    path.write_bytes(b"%PDF-1.7\n" + bytes((31 * i * i + 7 * i) % 256 for i in range(20_000)))
    return path


def lost_page_pdf(path: Path, pages: int = 3) -> Path:
    """A PDF whose page tree counts `pages` pages and holds one fewer: the last cannot be loaded."""
    text_pdf(path, [f"good page {number}" for number in range(1, pages + 1)])
    with pymupdf.open(path) as document:
        xref = document[-1].xref
        parent = document.xref_get_key(xref, "Parent")[1]
        document.update_object(xref, f"<</Type/Pages/Parent {parent}/Count 1/Kids[]>>")
        damaged = document.tobytes()
    path.write_bytes(damaged)
    return path


def image_of_text(path: Path, text: str = "Receipt 1234", dpi: int = 150) -> Path:
    """A picture of text in the format the suffix names (PNG, JPEG, TIFF, WebP, BMP, GIF)."""
    _paint(text, dpi).save(path)
    return path


def photo(path: Path, size: tuple[int, int] = (300, 200), orientation: int = 1, mode: str = "RGB") -> Path:
    """A photo, red on its left half and blue on its right before EXIF `orientation` turns it."""
    picture = Image.new("RGB", size, "blue")
    picture.paste("red", (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.convert(mode).save(path, exif=exif)
    return path


def multipage_tiff(path: Path, texts: Sequence[str] = ("first", "second", "third"), dpi: int = 72) -> Path:
    """A TIFF with one frame for each text."""
    first, *rest = [_paint(text, dpi) for text in texts]
    first.save(path, save_all=True, append_images=rest, compression="tiff_deflate")
    return path


def text_file(path: Path, text: str = "Plain notes about nothing.\n") -> Path:
    """A plain text file in UTF-8."""
    path.write_text(text, encoding="utf-8")
    return path


def _write(page: pymupdf.Page, text: str) -> None:
    margin = min(60.0, page.rect.width / 10, page.rect.height / 10)
    area = page.rect + pymupdf.Rect(margin, margin, -margin, -margin)
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        page.insert_htmlbox(area, f"<p>{escape(text).replace(chr(10), '<br/>')}</p>")
    else:
        page.insert_textbox(area, text, fontsize=11)


def _paint(text: str, dpi: int) -> Image.Image:
    picture = Image.new("RGB", (round(A4[0] * dpi / 72), round(A4[1] * dpi / 72)), "white")
    font = ImageFont.load_default(size=14 * dpi / 72)
    margin = dpi * 0.6
    ImageDraw.Draw(picture).multiline_text((margin, margin), text, fill="black", font=font)
    return picture


def _picture_of(text: str, dpi: int) -> bytes:
    target = BytesIO()
    _paint(text, dpi).save(target, "PNG")
    return target.getvalue()
