"""What one process at a time does, above all writing to the index.

A lock is the operating system's, so it goes with its process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from docsearch.errors import IndexBusy, StorageFull

WRITER, WATCHER = "writer", "watcher"


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Holds the index's write lock.

    Raises:
        IndexBusy: another process holds it; the message says which.
        StorageFull: the folder cannot be written.
    """
    message = "another docsearch (process {owner}) is writing to this index"
    hint = "wait until it is done, or stop it; searching works meanwhile"
    with _lock(folder, WRITER, message, hint):
        yield


@contextmanager
def watcher_lock(folder: Path) -> Iterator[None]:
    """Held by the one process that watches the folders of this index; raises as `writer_lock` does."""
    message = "another docsearch (process {owner}) keeps this index current"
    with _lock(folder, WATCHER, message, "docsearch watch --status tells about it", patience=2.0):
        yield


def owner_of(folder: Path, name: str) -> int | None:
    """The process that holds a lock, 0 when it is not known which; None when nobody does."""
    if not is_held(folder / f"{name}.lock"):
        return None
    owner = _owner(folder / f"{name}.pid")
    return int(owner) if owner.isdecimal() else 0


def is_held(path: Path) -> bool:
    """Whether a process holds a lock; asking holds it for a moment."""
    if not path.exists():
        return False
    try:
        taken = take(path)
    except OSError:
        return False
    if taken is None:
        return True
    with taken:
        return False


def take(path: Path, patience: float = 0.0) -> AbstractContextManager[object] | None:
    """Takes a lock, for a `with` that gives it back; None when another process holds it for so many seconds.

    Raises OSError when the file cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        return FileLock(path, timeout=patience, mode=0o600).acquire()
    except Timeout:
        return None


@contextmanager
def alone(path: Path, busy: str) -> Iterator[None]:
    """Holds the lock of what is done once at a time, and makes its folder.

    Raises:
        IndexBusy: another process does it; `busy` says what.
        StorageFull: the lock cannot be written.
    """
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        taken = take(path)
    except OSError as error:
        raise StorageFull(f"cannot write {folder}: {error.strerror or error}") from error
    if taken is None:
        raise IndexBusy(busy, hint="wait for it, or stop it")
    with taken:
        yield


@contextmanager
def _lock(folder: Path, name: str, message: str, hint: str, patience: float = 0.0) -> Iterator[None]:
    """Waits for the lock `patience` seconds: `owner_of` holds it for a moment."""
    note = folder / f"{name}.pid"
    try:
        taken = take(folder / f"{name}.lock", patience)
    except OSError as error:
        raise StorageFull(
            f"cannot write the index in {folder}: {error.strerror or error}",
            hint="check the folder's permissions and the space on its disk; searching works meanwhile",
        ) from error
    if taken is None:
        raise IndexBusy(message.format(owner=_owner(note)), hint=hint)
    with taken:
        try:
            _sign(note)
            yield
        finally:
            with suppress(OSError):
                note.unlink(missing_ok=True)


def _owner(note: Path) -> str:
    try:
        return note.read_text().strip() or "unknown"
    except (OSError, UnicodeDecodeError):
        return "unknown"


def _sign(note: Path) -> None:
    """Leaves word of who holds it; a full disk is met by what is written next."""
    with suppress(OSError):
        note.write_text(str(os.getpid()))
        note.chmod(0o600)
