"""One writer and one watcher at a time. A lock is the operating system's, so it goes with its process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    from filelock import FileLock, Timeout

    path = folder / f"{name}.lock"
    if not path.exists():
        return None
    try:
        with FileLock(path, timeout=0, mode=0o600):
            return None
    except Timeout:
        owner = _owner(folder / f"{name}.pid")
        return int(owner) if owner.isdecimal() else 0
    except OSError:
        return None


@contextmanager
def _lock(folder: Path, name: str, message: str, hint: str, patience: float = 0.0) -> Iterator[None]:
    """Waits for the lock `patience` seconds: `owner_of` holds it for a moment."""
    from filelock import FileLock, Timeout

    note = folder / f"{name}.pid"
    lock = FileLock(folder / f"{name}.lock", timeout=patience, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        raise IndexBusy(message.format(owner=_owner(note)), hint=hint) from error
    except OSError as error:
        raise StorageFull(
            f"cannot write the index in {folder}: {error.strerror or error}",
            hint="check the folder's permissions and the space on its disk; searching works meanwhile",
        ) from error
    try:
        _sign(note)
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


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
