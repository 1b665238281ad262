"""A library of real files, real reader processes and a real index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docsearch.config import IndexSettings, ModelSettings, OcrSettings, Settings
from docsearch.library import Library
from docsearch.records import Failure, Progress

OpenLibrary = Callable[..., Library]
Events = list[Progress | Failure]


@pytest.fixture
def open_library(tmp_path: Path) -> Iterator[OpenLibrary]:
    """Opens the library of this test, with its passwords; words only, no OCR, one reader process."""
    opened: list[Library] = []

    def open_it(passwords: tuple[str, ...] = (), home: Path = tmp_path / "home") -> Library:
        settings = Settings(
            index=IndexSettings(workers=1, passwords=passwords, page_seconds=60),
            ocr=OcrSettings(engine="off"),
            models=ModelSettings(embedder="off"),
        )
        opened.append(Library(home, settings))
        return opened[-1]

    yield open_it
    for library in opened:
        library.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for documents."""
    made = tmp_path / "documents"
    made.mkdir()
    return made
