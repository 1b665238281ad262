"""Reads image files as documents whose pages are pictures, and draws on pictures of pages.

Photos are turned the way EXIF says, every colour model becomes RGB, TIFF frames are pages.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from docsearch.errors import UnreadableDocument
from docsearch.ingest.document import MAX_PIXELS, RgbArray
from docsearch.records import Box, FailureKind, Word

_MARKER = np.array([255, 232, 90], dtype=np.uint16)


class ImageDocument:
    """An image file as a document without text; only TIFF has more than one page."""

    outline: tuple[tuple[int, str, int], ...] = ()
    title = ""

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self.kind = kind
        self._image = _open(path)
        self.pages = _frames(self._image) if kind == "tiff" else 1

    def headings(self) -> tuple[str, ...]:
        """Always empty: an image has no text."""
        return ()

    def page_text(self, page: int) -> str:
        """Always '': an image has no text."""
        self._check(page)
        return ""

    def needs_ocr(self, page: int, text: str) -> bool:
        """True unless text was already recognised."""
        self._check(page)
        return not text

    def page_words(self, page: int) -> tuple[Word, ...]:
        """Always empty: an image has no text."""
        self._check(page)
        return ()

    def render(self, page: int, pixels: int) -> RgbArray:
        """The frame as RGB of shape (height, width, 3), shrunk to `pixels` on its longest side."""
        self._check(page)
        try:
            return _picture(self._frame(page), max(1, min(pixels, MAX_PIXELS)))
        except MemoryError as error:
            raise UnreadableDocument(FailureKind.OUT_OF_MEMORY, "its pixels do not fit in memory") from error
        except (OSError, ValueError, SyntaxError, EOFError, TypeError, ArithmeticError, LookupError) as error:
            raise UnreadableDocument(FailureKind.TRUNCATED, str(error)) from error

    def close(self) -> None:
        """Release the file."""
        self._image.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check(self, page: int) -> None:
        if not 1 <= page <= self.pages:
            raise UnreadableDocument(FailureKind.NO_PAGES, f"there is no page {page}")

    def _frame(self, page: int) -> Image.Image:
        """The frame, from a freshly opened file: decoding changes an image for good."""
        self._image.close()
        self._image = _open(self.path)
        if page > 1:
            self._image.seek(page - 1)
        return self._image


def highlight(image: RgbArray, boxes: Sequence[Box]) -> RgbArray:
    """A copy with each box tinted as by a highlighter pen: paper turns yellow, ink stays dark."""
    marked = image.copy()
    height, width = image.shape[:2]
    for box in boxes:
        rows = slice(int(box.y0 * height), int(np.ceil(box.y1 * height)))
        columns = slice(int(box.x0 * width), int(np.ceil(box.x1 * width)))
        marked[rows, columns] = (image[rows, columns] * _MARKER // 255).astype(np.uint8)
    return marked


def encode_png(image: RgbArray) -> bytes:
    """The picture as a PNG file, compressed for speed."""
    target = BytesIO()
    Image.fromarray(image).save(target, "PNG", compress_level=1)
    return target.getvalue()


def _open(path: Path) -> Image.Image:
    """Open without decoding; Pillow's own limit on pixels (179 million) says what is too large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(path)
    except Image.DecompressionBombError as error:
        raise UnreadableDocument(FailureKind.TOO_LARGE, "more than 179 million pixels") from error
    except UnidentifiedImageError as error:
        raise UnreadableDocument(FailureKind.TRUNCATED, "its header cannot be read") from error
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, ArithmeticError, LookupError) as error:
        raise UnreadableDocument(FailureKind.TRUNCATED, str(error)) from error


def _frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, ArithmeticError, LookupError):
        return 1


def _picture(image: Image.Image, pixels: int) -> RgbArray:
    image.draft(image.mode, (pixels, pixels))
    image.load()
    turned = ImageOps.exif_transpose(image)
    if max(turned.size) > pixels:
        turned = _shrunk(turned, pixels)
    return np.array(_rgb(turned), dtype=np.uint8)


def _shrunk(image: Image.Image, pixels: int) -> Image.Image:
    if image.mode in ("1", "P", "PA"):
        image = image.convert("L" if image.mode == "1" else "RGBA")
    scale = pixels / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(
        size, Image.Resampling.BOX if scale < 0.25 else Image.Resampling.LANCZOS, reducing_gap=3
    )


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _from_deep_gray(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB")
    return image.convert("RGB")


def _from_deep_gray(image: Image.Image) -> Image.Image:
    """16- and 32-bit gray, its whole range spread over 0 to 255."""
    values = np.asarray(image, dtype=np.float32)
    top = 65535.0 if image.mode.startswith("I;16") else max(float(values.max(initial=0)), 1.0)
    return Image.fromarray((values.clip(0, top) * (255 / top)).astype(np.uint8)).convert("RGB")
