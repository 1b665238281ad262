"""Reads PDFs and the other formats MuPDF understands; the one home of PyMuPDF.

Every MuPDF error leaves here as `UnreadableDocument`, and MuPDF itself stays silent.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

# PyMuPDF loads a page layout model on import where it finds one: most of a second, and unused here.
for _unneeded in ("pymupdf.layout", "pymupdf4llm"):
    sys.modules.setdefault(_unneeded, None)  # type: ignore[arg-type]  # None: not to be imported
import pymupdf

from docsearch.errors import UnreadableDocument
from docsearch.ingest.document import MAX_PIXELS, RgbArray
from docsearch.ingest.textlayer import clean_text, letters_in, usable_text
from docsearch.records import Box, FailureKind, Word

TEXT_FLAGS = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP
"""Ligatures are taken apart, and a glyph without a meaning is U+FFFD instead of a wrong letter."""
FEW_LETTERS = 100
"""With fewer letters than this, a page covered by pictures probably shows more than its text says."""
PICTURE_COVERAGE = 0.5
"""The share of the page that pictures must cover for that."""
HEADING_RATIO = 1.15
"""How much larger than the page's usual type a heading is."""

_FOREIGN = (
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OSError,
    pymupdf.mupdf.FzErrorBase,
)
_FILETYPES = {"md": "txt", "jpeg": "jpg"}


class PdfDocument:
    """A file that MuPDF has open. Not safe to share between threads."""

    def __init__(self, path: Path, kind: str, passwords: Sequence[str] = ()) -> None:
        _silence()
        self.path = path
        self.kind = kind
        self._document = _open(path, kind)
        try:
            _unlock(self._document, passwords)
            with _translated():
                self.pages = int(self._document.page_count)
            if not self.pages:
                raise _no_pages(self._document)
        except UnreadableDocument:
            self.close()
            raise

    @property
    def title(self) -> str:
        """The metadata title as it stands in the file."""
        with _translated():
            return str((self._document.metadata or {}).get("title") or "")

    @property
    def outline(self) -> tuple[tuple[int, str, int], ...]:
        """Bookmarks in order: (level from 1, heading, page)."""
        with _translated():
            return tuple((level, heading, page) for level, heading, page in self._document.get_toc())

    def headings(self) -> tuple[str, ...]:
        """Lines of the first page that stand out by their size, largest first."""
        with _translated():
            return _headings(self._page(1).get_text("dict", flags=TEXT_FLAGS)["blocks"])

    def page_text(self, page: int) -> str:
        """The text layer of the page, cleaned."""
        with _translated():
            return clean_text(self._page(page).get_text("text", flags=TEXT_FLAGS))

    def needs_ocr(self, page: int, text: str) -> bool:
        """Whether the text layer is missing or garbage, or covers a page of pictures with few words."""
        if usable_text(text):
            return _has_few_letters(text) and self._is_mostly_pictures(page)
        with _translated():
            return bool(text.strip()) or self.kind != "pdf" or bool(self._page(page).get_contents())

    def page_words(self, page: int) -> tuple[Word, ...]:
        """Words with boxes as fractions of the displayed page, whatever its rotation and crop box."""
        with _translated():
            leaf = self._page(page)
            found = leaf.get_text("words", flags=TEXT_FLAGS)
            boxes = _turned([word[:4] for word in found], leaf.rotation_matrix)
            sides = np.array([leaf.rect.width or 1, leaf.rect.height or 1] * 2)
            corners = np.clip(boxes / sides, 0.0, 1.0).tolist()
            placed = zip((clean_text(word[4]) for word in found), corners, strict=True)
            return tuple(Word(text, Box(*corner)) for text, corner in placed if text)

    def render(self, page: int, pixels: int) -> RgbArray:
        """The page as RGB of shape (height, width, 3), its longest side `pixels` long."""
        with _translated():
            leaf = self._page(page)
            zoom = max(1, min(pixels, MAX_PIXELS)) / max(leaf.rect.width, leaf.rect.height, 1e-3)
            picture = leaf.get_pixmap(
                matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csRGB, alpha=False
            )
            if self.kind == "pdf" and leaf.get_images():
                _forget_pictures()
            flat = np.frombuffer(picture.samples_mv, dtype=np.uint8)
            return (
                flat.reshape(picture.height, picture.stride)[:, : picture.width * 3]
                .reshape(picture.height, picture.width, 3)
                .copy()
            )

    def close(self) -> None:
        """Release the file."""
        if not self._document.is_closed:
            self._document.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _page(self, page: int) -> Any:
        if not 1 <= page <= self.pages:
            raise UnreadableDocument(FailureKind.NO_PAGES, f"there is no page {page}")
        return self._document[page - 1]

    def _is_mostly_pictures(self, page: int) -> bool:
        with _translated():
            leaf = self._page(page)
            area = leaf.rect.get_area() or 1.0
            visible = pymupdf.Rect(0, 0, leaf.cropbox.width, leaf.cropbox.height)
            pictures = [pymupdf.Rect(info["bbox"]) & visible for info in leaf.get_image_info()]
            covered = sum(float(picture.get_area()) for picture in pictures)
            return covered >= PICTURE_COVERAGE * float(area)


def _silence() -> None:
    """Keep MuPDF's messages off the terminal: errors come as exceptions, warnings help nobody."""
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)


def _forget_pictures() -> None:
    """Empty MuPDF's store: it keeps up to 256 MB of decoded pictures, even of files that are closed."""
    pymupdf.TOOLS.store_shrink(100)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except UnreadableDocument:
        raise
    except MemoryError as error:
        raise UnreadableDocument(FailureKind.OUT_OF_MEMORY, "a page does not fit in memory") from error
    except _FOREIGN as error:
        raise _ours(error) from error


def _ours(error: Exception) -> UnreadableDocument:
    detail = str(error).strip()
    if "alloc" in detail and "failed" in detail:
        return UnreadableDocument(FailureKind.OUT_OF_MEMORY, "a page does not fit in memory")
    return UnreadableDocument(FailureKind.TRUNCATED, detail.removeprefix("code=").split(": ", 1)[-1])


def _open(path: Path, kind: str) -> Any:
    filetype = _FILETYPES.get(kind, kind)
    try:
        if _is_utf8(path):
            return pymupdf.open(path, filetype=filetype)
        return pymupdf.open(stream=path.read_bytes(), filetype=filetype)
    except pymupdf.FileDataError as error:
        raise UnreadableDocument(
            FailureKind.TRUNCATED, f"its structure is not that of {kind.upper()}"
        ) from error
    except MemoryError as error:
        raise UnreadableDocument(FailureKind.OUT_OF_MEMORY, "it cannot be opened") from error
    except _FOREIGN as error:
        raise _ours(error) from error


def _is_utf8(path: Path) -> bool:
    """MuPDF takes names in UTF-8 only; others exist."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _unlock(document: Any, passwords: Sequence[str]) -> None:
    with _translated():
        if document.needs_pass and not any(document.authenticate(password) for password in passwords):
            detail = "none of the known passwords opens it" if passwords else ""
            raise UnreadableDocument(FailureKind.PASSWORD, detail)


def _no_pages(document: Any) -> UnreadableDocument:
    if document.is_pdf and document.is_repaired:
        return UnreadableDocument(FailureKind.TRUNCATED, "no page of it can be found")
    return UnreadableDocument(FailureKind.NO_PAGES)


def _turned(boxes: Sequence[tuple[float, ...]], turn: Any) -> NDArray[np.float64]:
    """Rectangles as a page turned by a multiple of 90 degrees shows them, shape (boxes, 4)."""
    corners = np.array(boxes, np.float64).reshape(-1, 2, 2)
    shown = corners @ np.array([[turn.a, turn.b], [turn.c, turn.d]]) + np.array([turn.e, turn.f])
    return np.concatenate([shown.min(axis=1), shown.max(axis=1)], axis=1)


def _has_few_letters(text: str) -> bool:
    return len(text) < 10 * FEW_LETTERS and letters_in(text) < FEW_LETTERS


def _headings(blocks: Sequence[Any]) -> tuple[str, ...]:
    """Upright lines in larger type than usual, largest first; neighbours of one size are one heading."""
    sized = [
        (round(max(span["size"] for span in line["spans"]), 1), _line_text(line))
        for block in blocks
        for line in block.get("lines", ())
        if line["spans"] and line["dir"][0] > 0.9
    ]
    lines = [(size, text) for size, text in sized if letters_in(text) > 2]
    if not lines:
        return ()
    usual = sorted(size for size, _ in lines)[len(lines) // 2]
    runs = [(size, " ".join(text for _, text in run)) for size, run in groupby(lines, key=itemgetter(0))]
    large = [run for run in runs if run[0] >= HEADING_RATIO * usual or len(lines) == 1]
    return tuple(text for _, text in sorted(large, key=itemgetter(0), reverse=True))


def _line_text(line: Any) -> str:
    return clean_text("".join(span["text"] for span in line["spans"])).strip()


def write_pdf(path: Path, title: str, pages: Sequence[str]) -> None:
    """Writes a plain A4 PDF with a text layer, a page for each string."""
    with pymupdf.open() as document:
        for text in pages:
            page = document.new_page()
            heading, _, body = text.partition("\n")
            page.insert_htmlbox(
                pymupdf.Rect(72, 72, page.rect.width - 72, page.rect.height - 72),
                f"<h2>{escape(heading)}</h2>{_paragraphs(body)}",
            )
        document.set_metadata({"title": title})
        document.subset_fonts()
        document.save(path, garbage=3, deflate=True)


def _paragraphs(text: str) -> str:
    lines = (escape(part).replace("\n", "<br>") for part in text.split("\n\n"))
    return "".join(f"<p>{part}</p>" for part in lines if part.strip())
