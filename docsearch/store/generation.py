"""Which of several generations of an index is the one in use.

An index that is made anew grows in a folder of its own below the index folder, `generation-N`; then
the atomic rename of one small file makes it the current one. Without that file the index lies in
the index folder itself. Knows no table: only folders, and who is in whose place.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from docsearch.config import whole_file
from docsearch.errors import IndexDamaged, StorageFull

CATALOG = "catalog.sqlite"
TABLES = "tables"

_POINTER = "current.generation"
_RECIPE = "recipe.building"
_NAME = re.compile(r"generation-([1-9][0-9]{0,8})")

Identity = tuple[Path, int, int]
"""The folder of a generation, and device and inode of its catalog."""


def current(folder: Path) -> Path:
    """The folder of the generation in use.

    Raises:
        IndexDamaged: the file that names it names nothing that is there.
        StorageFull: it cannot be read.
    """
    try:
        name = (folder / _POINTER).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return folder
    except (OSError, UnicodeDecodeError) as error:
        raise StorageFull(f"cannot read {folder / _POINTER}: {error}") from error
    if not _NAME.fullmatch(name) or not (folder / name).is_dir():
        raise IndexDamaged(
            f"{folder / _POINTER} names no generation of the index",
            hint="run docsearch repair; documents are not touched",
        )
    return folder / name


def identity(folder: Path) -> Identity | None:
    """What tells the index in use from one that takes its place; None when there is none."""
    place = current(folder)
    try:
        status = (place / CATALOG).stat()
    except OSError:
        return None
    return place, status.st_dev, status.st_ino


def begin(folder: Path, recipe: str) -> Path:
    """A folder for the next generation; one begun by the same recipe and never finished goes on.

    The recipe says what it is made from and how. For the writer only.
    """
    for place in unfinished(folder):
        if _recipe(place) == recipe:
            return place
    remove(unfinished(folder))
    place = folder / f"generation-{max(_numbers(folder), default=0) + 1}"
    try:
        place.mkdir(mode=0o700)
        _write(place / _RECIPE, recipe)
    except OSError as error:
        remove([place])
        raise StorageFull(f"cannot write in {folder}: {error.strerror}") from error
    return place


def switch(folder: Path, place: Path) -> None:
    """Makes `place` the generation in use, at one instant, once all of it is on the disk."""
    try:
        if hasattr(os, "sync"):
            os.sync()
        _write(folder / _POINTER, place.name)
        _sync_folder(folder)
        (place / _RECIPE).unlink(missing_ok=True)
    except OSError as error:
        raise StorageFull(f"cannot write in {folder}: {error.strerror}") from error


def outlived(folder: Path) -> list[Path]:
    """What earlier generations left in the folder."""
    now = current(folder)
    if now == folder:
        return []
    first = [path for path in (folder / TABLES, *sorted(folder.glob(f"{CATALOG}*"))) if path.exists()]
    return first + [place for place in _places(folder) if _number(place) < _number(now)]


def unfinished(folder: Path) -> list[Path]:
    """Generations that were begun after the one in use and never took its place."""
    now = current(folder)
    in_use = 0 if now == folder else _number(now)
    return [place for place in _places(folder) if _number(place) > in_use]


def mend(folder: Path) -> Path:
    """The generation in use; when the file that names it is broken, the newest complete one, named anew."""
    try:
        return current(folder)
    except IndexDamaged:
        complete = [place for place in _places(folder) if not (place / _RECIPE).exists()]
        if complete:
            switch(folder, complete[-1])
        else:
            (folder / _POINTER).unlink(missing_ok=True)
        return current(folder)


def remove(paths: Iterable[Path]) -> None:
    """Deletes files and folders as far as the system lets us; what stays is met again by the next call."""
    for path in paths:
        with suppress(OSError):
            (path / _RECIPE).unlink(missing_ok=True)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def size(folder: Path) -> int:
    """Bytes on disk of all in a folder."""
    return sum(map(_file_size, folder.rglob("*")))


def _file_size(path: Path) -> int:
    """Bytes of a file; none of what is no file or was removed meanwhile."""
    with suppress(OSError):
        return path.stat().st_size if path.is_file() else 0
    return 0


def _places(folder: Path) -> list[Path]:
    """All generations that have a folder of their own, the oldest first."""
    found = [path for path in folder.glob("generation-*") if _NAME.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=_number)


def _numbers(folder: Path) -> list[int]:
    return [_number(place) for place in _places(folder)]


def _number(place: Path) -> int:
    return int(place.name.rpartition("-")[2])


def _recipe(place: Path) -> str | None:
    try:
        return (place / _RECIPE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: Path, text: str) -> None:
    """A file that is on the disk when this returns."""
    with whole_file(path) as file:
        file.write(text.encode())


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every system lets a folder be opened
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
