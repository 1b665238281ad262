"""What repair sets aside: broken catalogs and tables, kept until their owner lets them go."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from docsearch.store import generation
from docsearch.store.lock import writer_lock


def new_folder(folder: Path) -> Path:
    """A new folder in the index folder for what is broken, named by the time."""
    stamp = time.strftime("aside-%Y%m%d-%H%M%S")
    for name in (stamp, *(f"{stamp}-{number}" for number in range(2, 1000))):
        with suppress(FileExistsError):
            (folder / name).mkdir(mode=0o700)
            return folder / name
    raise FileExistsError(folder / stamp)


def bytes_aside(folder: Path) -> int:
    """Bytes on disk of all that was set aside in an index folder."""
    return sum(map(generation.size, _folders(folder)))


def drop_aside(folder: Path) -> int:
    """Deletes what was set aside; returns how many bytes that gave back.

    Raises:
        IndexBusy: another process is writing.
        StorageFull: the folder cannot be written.
    """
    if not _folders(folder):
        return 0
    with writer_lock(folder):
        before = bytes_aside(folder)
        generation.remove(_folders(folder))
        return before - bytes_aside(folder)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("aside-[0-9]*") if path.is_dir())
