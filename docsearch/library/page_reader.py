"""A process that looks at pages for a screen: pictures, words and outlines of files.

PyMuPDF holds Python's lock while it draws, so whoever draws in the program's own process stops its
screen. This process may be killed at any moment; it holds nothing that would be lost.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docsearch.errors import UnreadableDocument
from docsearch.library.page_questions import PictureOf, Question, Setup, Unreadable, WordsOf
from docsearch.records import Box, FailureKind, Frame

if TYPE_CHECKING:
    from docsearch.ingest.document import Document, RgbArray

FILES_KEPT_OPEN = 2
"""Turning pages should not open the file again."""


def part_shown(width: float, height: float, frame: Frame, boxes: Sequence[Box] = ()) -> Box:
    """The part of a page of this size that a frame shows, as fractions of it; never beyond its edges."""
    room_width, room_height = max(frame.width, 1), max(frame.height, 1)
    scale = min(room_width / width, room_height / height) * max(frame.zoom, 1.0)
    across, down = min(1.0, room_width / (width * scale)), min(1.0, room_height / (height * scale))
    x, y = _middle(frame, boxes)
    left = min(max(x - across / 2, 0.0), 1.0 - across)
    top = min(max(y - down / 2, 0.0), 1.0 - down)
    return Box(left, top, left + across, top + down)


def _middle(frame: Frame, boxes: Sequence[Box]) -> tuple[float, float]:
    """Where a frame looks: where it says, at the first box, or at the top of the page."""
    if frame.x is not None and frame.y is not None:
        return frame.x, frame.y
    first = min(boxes, key=lambda box: (box.y0, box.x0), default=Box(0.5, 0.0, 0.5, 0.0))
    return (first.x0 + first.x1) / 2, (first.y0 + first.y1) / 2


def within(part: Box, box: Box) -> Box | None:
    """A box of the page as fractions of a part of it; None when it lies outside."""
    width, height = part.x1 - part.x0, part.y1 - part.y0
    x0, x1 = ((min(max(x, part.x0), part.x1) - part.x0) / width for x in (box.x0, box.x1))
    y0, y1 = ((min(max(y, part.y0), part.y1) - part.y0) / height for y in (box.y0, box.y1))
    return Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


class PageReader:
    """Answers questions about files, the last few of which stay open."""

    def __init__(self, passwords: tuple[str, ...] = ()) -> None:
        self._passwords = passwords
        self._open: OrderedDict[tuple[Path, int, int], Document] = OrderedDict()

    def answer(self, question: Question) -> Any:
        """A picture with the part it shows, words, or an outline; why not, when it cannot be."""
        try:
            document = self._document(question.path)
            if isinstance(question, PictureOf):
                return self._picture(document, question)
            if isinstance(question, WordsOf):
                return document.page_words(question.page)
            return document.outline
        except UnreadableDocument as error:
            return Unreadable(error.kind, error.detail)
        except MemoryError:
            return Unreadable(FailureKind.OUT_OF_MEMORY, "")

    def _picture(self, document: Document, question: PictureOf) -> tuple[RgbArray, Box]:
        """At least as large as the room; whoever shows it shrinks it to fit."""
        from docsearch.ingest.image import highlight

        frame = question.frame
        longest = max(frame.width, frame.height) * max(frame.zoom, 1.0)
        whole = document.render(question.page, max(1, round(longest)))
        height, width = whole.shape[:2]
        part = part_shown(width, height, frame, question.boxes)
        rows = slice(round(part.y0 * height), max(round(part.y1 * height), 1))
        columns = slice(round(part.x0 * width), max(round(part.x1 * width), 1))
        boxes = [box for box in (within(part, box) for box in question.boxes) if box]
        return highlight(whole[rows, columns], boxes), part

    def _document(self, path: Path) -> Document:
        """The file, open; opened anew when it has changed."""
        from docsearch.ingest.document import open_document

        key = _state(path)
        if key not in self._open:
            while len(self._open) >= FILES_KEPT_OPEN:
                self._open.popitem(last=False)[1].close()
            self._open[key] = open_document(path, self._passwords)
        self._open.move_to_end(key)
        return self._open[key]


def _state(path: Path) -> tuple[Path, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise UnreadableDocument(FailureKind.UNREADABLE, error.strerror or str(error)) from error
    return path, found.st_size, found.st_mtime_ns


def main(connection_fd: int) -> None:
    """Answers until the parent closes the pipe or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection: Connection[Any, Any] = Connection(connection_fd)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        setup: Setup = connection.recv()
        import docsearch.ingest.image
        import docsearch.ingest.pdf  # noqa: F401  (before the memory is bounded)

        _limit_memory(setup.memory_mb)
        reader = PageReader(setup.passwords)
        while True:
            question = connection.recv()
            _end_after(setup.seconds)
            connection.send(reader.answer(question))
            _end_after(0)


def _end_after(seconds: float) -> None:
    """Ends this process even from the midst of native code, when nobody is left to kill it."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds * 2)


def _limit_memory(megabytes: int) -> None:
    """Bounds the address space where that can be done, so that a bomb meets MemoryError."""
    if sys.platform != "win32":
        import resource

        with suppress(OSError, ValueError):
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            limit = pages * os.sysconf("SC_PAGE_SIZE") + megabytes * 1_000_000
            resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
