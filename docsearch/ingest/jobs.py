"""What reader processes are asked and what they answer. Pure values that cross a pipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Any, NamedTuple

from docsearch.ingest.document import RgbArray
from docsearch.records import Failure, OcrPage


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one file may cost before its reader is stopped."""

    page_seconds: float = 20.0
    """A page that takes longer to read or render is given up; to recognise, `OCR_PATIENCE` times that."""
    file_seconds: float = 600.0
    """Reading the text of a whole file; recognising and rendering are limited page by page."""
    memory_mb: int = 2048
    """Address space for the file, on top of what the libraries need."""
    max_file_mb: int = 2048
    """Larger files are not opened."""
    max_pages: int = 20_000
    """Files with more pages are not read."""
    file_failures: int = 8
    """How many pages of one file may hang or crash the reader before the file is given up."""


OCR_PATIENCE = 6.0
"""Recognising a page may take this many times `Limits.page_seconds`."""


POSITION = Struct("qq")
"""What a worker keeps in its position file: a count of steps, and the page it is at (0: opening)."""


@dataclass(frozen=True, slots=True)
class OcrSetup:
    """The arguments of `ocr.make_ocr`, for an engine made in the worker."""

    kind: str = "auto"
    languages: str = "eng"
    threads: int = 1


@dataclass(frozen=True, slots=True)
class ReadJob:
    """Read the text layer of the pages `first_page` to `last_page` (to the end when None)."""

    path: Path
    passwords: tuple[str, ...] = ()
    first_page: int = 1
    last_page: int | None = None
    key: Any = None


@dataclass(frozen=True, slots=True)
class OcrJob:
    """Render the pages as the pool's OCR engine wants them and recognise their text."""

    path: Path
    pages: tuple[int, ...]
    passwords: tuple[str, ...] = ()
    key: Any = None


@dataclass(frozen=True, slots=True)
class RenderJob:
    """Render the pages with `pixels` on their longest side."""

    path: Path
    pages: tuple[int, ...]
    pixels: int
    passwords: tuple[str, ...] = ()
    key: Any = None


Job = ReadJob | OcrJob | RenderJob


class ReadPage(NamedTuple):
    """The text layer of one page, whether it needs OCR, and what `analyse` made of the text."""

    page: int
    text: str
    needs_ocr: bool
    analysis: Any = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A file to be read is open; comes once and first."""

    job: Job
    pages: int
    title: str
    kind: str


@dataclass(frozen=True, slots=True)
class PagesRead:
    """Some pages, in the order of the file."""

    job: Job
    pages: tuple[ReadPage, ...]


@dataclass(frozen=True, slots=True)
class PageRecognised:
    """A page image's digest and its text, or None where the text for that digest is known already."""

    job: Job
    page: int
    digest: str
    ocr: OcrPage | None


@dataclass(frozen=True, slots=True)
class PageRendered:
    """A page as RGB of shape (height, width, 3)."""

    job: Job
    page: int
    image: RgbArray


@dataclass(frozen=True, slots=True)
class PageFailed:
    """One page cannot be had; the job goes on with the next."""

    job: Job
    failure: Failure


@dataclass(frozen=True, slots=True)
class Done:
    """The job ended; every page came as a page or as a failure."""

    job: Job


@dataclass(frozen=True, slots=True)
class Failed:
    """The job ended early: the file cannot be read, or not further than it was."""

    job: Job
    failure: Failure


Event = Opened | PagesRead | PageRecognised | PageRendered | PageFailed | Done | Failed


@dataclass(frozen=True, slots=True)
class Setup:
    """What a reader process is told once, before its first job."""

    limits: Limits
    niceness: int
    analyse: str
    ocr: OcrSetup | None


@dataclass(frozen=True, slots=True)
class Assignment:
    """A job and the pages of it that need no more work, because they came or because they failed."""

    job: Job
    finished: frozenset[int]


@dataclass(frozen=True, slots=True)
class Ready:
    """The reader process is set up."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The reader process cannot be set up."""

    error: Exception


@dataclass(frozen=True, slots=True)
class IsCached:
    """The reader asks whether the text of the image with this digest is known; the answer is a bool."""

    digest: str


Message = Event | Ready | Broken | IsCached
