from __future__ import annotations

from pathlib import Path

import pytest

from docsearch.ingest.formats import kind_of, may_be_document

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.pdf", b"%PDF-1.7\n", "pdf"),
        ("no_extension", b"%PDF-1.4\n", "pdf"),
        ("a.pdf", b" " * 1016 + b"%PDF-1.1", "pdf"),
        ("a.pdf", b"GPL Ghostscript\n%PDF-1.7", "pdf"),
        ("a.pdf", b"1 0 obj<<>>endobj", "pdf"),
        ("a.pdf", b"<!DOCTYPE html><html>", None),
        ("a.pdf", b"\n  <HTML><head>", None),
        ("a.jpg", PNG, "png"),
        ("a.png", b"\xff\xd8\xff\xe0", "jpeg"),
        ("scan", b"II*\x00\x08\0\0\0", "tiff"),
        ("a.webp", b"RIFF\x10\0\0\0WEBPVP8 ", "webp"),
        ("a.wav.webp", b"RIFF\x10\0\0\0WAVEfmt ", None),
        ("a.bmp", b"BM\x36\0\0\0\0\0\0\0", "bmp"),
        ("a.gif", b"GIF89a", "gif"),
        ("book.epub", b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/epub+zip", "epub"),
        ("comic.cbz", b"PK\x03\x04", "cbz"),
        ("letter.docx", b"PK\x03\x04", None),
        ("a.svg", b"<?xml version='1.0'?><svg xmlns=", "svg"),
        ("a.fb2", b"<?xml version='1.0'?><FictionBook>", "fb2"),
        ("a.txt", b"notes", "txt"),
        ("a.txt", b"n\0o\0", None),
        ("a.txt", b"\xff\xfen\0o\0", "txt"),
        ("a.md", b"# Title", "md"),
        ("a.jpg", b"not a picture", None),
    ],
)
def test_content_decides_where_it_can(name: str, head: bytes, kind: str | None) -> None:
    assert kind_of(Path(name), head) == kind


@pytest.mark.parametrize(
    ("name", "expected"), [("a.PDF", True), ("README", True), ("a.docx", False), ("a.py", False)]
)
def test_names_worth_opening(name: str, expected: bool) -> None:
    assert may_be_document(name) is expected
