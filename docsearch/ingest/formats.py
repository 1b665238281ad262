"""Which kinds of file can be indexed, and which kind a file is by its content.

Pure: it is given a name and the first bytes, and opens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from docsearch.records import KIND_GROUPS

HEAD_BYTES = 4096
"""How many bytes from the start of a file `kind_of` wants to see."""

EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        ".pdf": "pdf",
        ".png": "png",
        ".jpg": "jpeg",
        ".jpeg": "jpeg",
        ".jpe": "jpeg",
        ".tif": "tiff",
        ".tiff": "tiff",
        ".webp": "webp",
        ".bmp": "bmp",
        ".gif": "gif",
        ".epub": "epub",
        ".xps": "xps",
        ".oxps": "xps",
        ".fb2": "fb2",
        ".cbz": "cbz",
        ".mobi": "mobi",
        ".svg": "svg",
        ".txt": "txt",
        ".text": "txt",
        ".md": "md",
        ".markdown": "md",
    }
)
"""The file name extensions that are indexed, and the kind each promises."""

RASTER_IMAGES = KIND_GROUPS["image"] - {"svg"}
"""The kinds that are pixels and nothing else."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)
_ZIPPED = frozenset({"epub", "xps", "cbz"})
_MARKUP = {"svg": b"<svg", "fb2": b"<fictionbook"}
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def may_be_document(name: str) -> bool:
    """Whether a file of this name is worth opening: an extension we index, or none at all."""
    suffix = Path(name).suffix.lower()
    return not suffix or suffix in EXTENSIONS


def kind_of(path: Path, head: bytes) -> str | None:
    """The kind of the file at `path` that begins with `head`, or None when it is no kind we read.

    Content decides where it can: a PNG named .jpg is a PNG, a PDF needs no extension and may have
    other bytes before its header, HTML named .pdf is not a PDF. The name decides between kinds that
    look alike from outside (zip containers, plain text), and lets a damaged PDF still be one.
    """
    promised = EXTENSIONS.get(path.suffix.lower())
    return _kind_by_content(head) or _kind_by_name(promised, head)


def _kind_by_content(head: bytes) -> str | None:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return "bmp"
    if head[30:58] == b"mimetypeapplication/epub+zip":
        return "epub"
    if head[60:68] == b"BOOKMOBI":
        return "mobi"
    return "pdf" if b"%PDF-" in head else None


def _kind_by_name(promised: str | None, head: bytes) -> str | None:
    if promised == "pdf":
        return None if _is_html(head) or not head else "pdf"
    if promised in _ZIPPED:
        return promised if head.startswith(b"PK\x03\x04") else None
    if promised in _MARKUP:
        return promised if _MARKUP[promised] in head.lower() else None
    if promised in KIND_GROUPS["text"]:
        return promised if _is_text(head) else None
    return None


def _is_html(head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def _is_text(head: bytes) -> bool:
    return head.startswith(_BYTE_ORDER_MARKS) or b"\0" not in head
