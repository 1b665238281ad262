"""Pictures of cited pages, for looking at: PNG files in the cache folder, for their owner only."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from docsearch.config import owner_only
from docsearch.errors import DocsearchError, StorageFull
from docsearch.records import Citation

if TYPE_CHECKING:
    from docsearch.library import Library

_FOLDER = "cited"


def draw_citations(library: Library, citations: Sequence[Citation], pixels: int) -> dict[int, Path]:
    """The page of each citation with its quote boxed, by number. Pictures of an earlier answer go.

    Pages whose file cannot be read now are left out. Raises StorageFull when there is no room.
    """
    folder = library.folders.cache / _FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in folder.glob("*.png"):
            old.unlink(missing_ok=True)
        drawn: dict[int, Path] = {}
        for cited in citations:
            with suppress(DocsearchError):
                picture = library.page_image(cited.path, cited.page.page, pixels, cited.boxes)
                drawn[cited.number] = _write(folder / f"{cited.number}.png", picture)
    except OSError as error:
        raise StorageFull(f"cannot write pictures to {folder}: {error.strerror}") from error
    return drawn


def _write(target: Path, data: bytes) -> Path:
    with open(target, "wb", opener=owner_only) as stream:
        stream.write(data)
    return target
