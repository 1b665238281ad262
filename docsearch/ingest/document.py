"""One face for every kind of file with pages, whoever decodes it: text, words, pictures, title.

Opening decides the kind by content and hands the file to the reader of that kind. Knows no index.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from docsearch.errors import UnreadableDocument
from docsearch.ingest.formats import HEAD_BYTES, RASTER_IMAGES, kind_of
from docsearch.records import Box, FailureKind, Word

RgbArray = NDArray[np.uint8]
"""A picture of shape (height, width, 3)."""

MAX_PIXELS = 8000
"""No page is ever rendered with a longer side than this: 8000 x 8000 RGB is 192 MB."""
MAX_TITLE = 200
"""Longer titles are cut here."""
MAX_HEADING = 150
"""Longer headings are text in large type, not titles."""

_SAVED_AS = re.compile(
    r"\.(docx?|xlsx?|pptx?|pdf|indd|qxd|rtf|odt|html?|tmp|tex|dvi|ai|eps|cdr|p65|wpd|pub)\s*$", re.IGNORECASE
)
_EMPTY_TITLE = re.compile(
    r"(untitled|unbenannt|sans titre|sin t[ií]tulo|no title|title|document|dokument|slide|folie|scan"
    r"|scanned\b.*|microsoft (word|powerpoint|excel)|powerpoint presentation|pdf|none|null|unknown|temp"
    r"|layout|print)[\s\d_.()-]*",
    re.IGNORECASE,
)
_COMMON = re.compile(
    r"united states|securities and exchange|washington, d|(form )?(10-[kq]|8-k|20-f)\b|(table of )?contents"
    r"|for personal use only|edgar pdf|inhalt|sommaire|page \d+|copyright|https?:|www\.|(for|in) the\b",
    re.IGNORECASE,
)


class Document(Protocol):
    """An open file. Pages count from 1; every method raises `UnreadableDocument`, and only that."""

    @property
    def path(self) -> Path:
        """Where the file lies."""

    @property
    def kind(self) -> str:
        """What it is, as `formats.kind_of` names it."""

    @property
    def pages(self) -> int:
        """How many pages it has; at least 1."""

    @property
    def title(self) -> str:
        """The title in the file's metadata as it stands there, junk or not; '' for none."""

    @property
    def outline(self) -> tuple[tuple[int, str, int], ...]:
        """Bookmarks in order: (level from 1, heading, page)."""

    def headings(self) -> tuple[str, ...]:
        """Lines of the first page that stand out by their size, largest first."""

    def page_text(self, page: int) -> str:
        """The page's text layer, cleaned, in the file's order; '' for none."""

    def needs_ocr(self, page: int, text: str) -> bool:
        """Whether `text`, the page's text layer, leaves out what the page shows."""

    def page_words(self, page: int) -> tuple[Word, ...]:
        """The words of the text layer with boxes as fractions of the page as it is displayed."""

    def render(self, page: int, pixels: int) -> RgbArray:
        """The page as displayed, its longest side `pixels` long (at most `MAX_PIXELS`).

        Images are shrunk to that but never enlarged.
        """

    def close(self) -> None:
        """Release the file."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_document(path: Path, passwords: Sequence[str] = ()) -> Document:
    """Open the file at `path`, trying each of `passwords` if it needs one.

    Raises `UnreadableDocument` when it is no document we read, is damaged, has no pages, or needs a
    password that is not among those given.
    """
    kind = detect_kind(path)
    if kind in RASTER_IMAGES:
        from docsearch.ingest.image import ImageDocument

        return ImageDocument(path, kind)
    from docsearch.ingest.pdf import PdfDocument

    return PdfDocument(path, kind, passwords)


def detect_kind(path: Path) -> str:
    """The kind of the file at `path`; `UnreadableDocument` if it is none we read or cannot be opened."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise UnreadableDocument(FailureKind.UNREADABLE, error.strerror or str(error)) from error
    if not head:
        raise UnreadableDocument(FailureKind.NOT_A_DOCUMENT, "the file is empty")
    kind = kind_of(path, head)
    if kind is None:
        promise = path.suffix.lower() or "any document"
        raise UnreadableDocument(FailureKind.NOT_A_DOCUMENT, f"its contents are not those of {promise}")
    return kind


def title_of(document: Document, look: bool = True) -> str:
    """A title for people: the metadata title unless it is junk, else the first heading, else the name.

    Without `look` the first page is not looked at.
    """
    try:
        title = _one_line(document.title)
        if title and not is_junk_title(title, document.path.name):
            return title
        headings = map(_one_line, document.headings() if look else ())
        return next(filter(_names_something, headings), "") or name_title(document.path)
    except UnreadableDocument:
        return name_title(document.path)


def name_title(path: Path) -> str:
    """The file's name as a title, unprintable characters replaced."""
    return _one_line(path.stem.encode("utf-8", "replace").decode("utf-8"))


def is_junk_title(title: str, name: str) -> bool:
    """Whether a metadata title says nothing: a program's default, a file name, no word at all."""
    if sum(character.isalpha() for character in title) < 3 or "\ufffd" in title:
        return True
    if title.casefold() in (name.casefold(), Path(name).stem.casefold()):
        return True
    return bool(_EMPTY_TITLE.fullmatch(title) or _SAVED_AS.search(title)) or "\\" in title


def _names_something(heading: str) -> bool:
    """Whether a heading could be a title: not the middle of a sentence, not what every filing says."""
    if len(heading) > MAX_HEADING:
        return False
    return not heading[:1].islower() and not _EMPTY_TITLE.fullmatch(heading) and not _COMMON.match(heading)


def render_png(document: Document, page: int, pixels: int, boxes: Sequence[Box] = ()) -> bytes:
    """The page as a PNG file with `boxes` marked as by a highlighter pen."""
    from docsearch.ingest.image import encode_png, highlight

    return encode_png(highlight(document.render(page, pixels), boxes))


def _one_line(text: str) -> str:
    printable = "".join(c if c.isprintable() and c != "\ufffd" else " " for c in text)
    return " ".join(printable.split())[:MAX_TITLE].strip()
