"""What is asked of the process that looks at pages, and what it answers. Pure values that cross a pipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from docsearch.records import Box, FailureKind, Frame


@dataclass(frozen=True, slots=True)
class PictureOf:
    """Asks for the part of a page that a frame shows, with boxes marked."""

    path: Path
    page: int
    frame: Frame
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class WordsOf:
    """Asks for the words of a page's text layer."""

    path: Path
    page: int


@dataclass(frozen=True, slots=True)
class OutlineOf:
    """Asks for the bookmarks of a file."""

    path: Path


Question = PictureOf | WordsOf | OutlineOf


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a question has no answer."""

    kind: FailureKind
    detail: str


@dataclass(frozen=True, slots=True)
class Setup:
    """What the process is told first: passwords to try, and how much a page may cost."""

    passwords: tuple[str, ...]
    memory_mb: int
    seconds: float
