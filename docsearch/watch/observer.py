"""Tells which paths change below folders, by what the operating system reports. The home of watchdog.

Knows no index. An event is passed on as a path and whether it is a folder's; reading a file is none.
"""

from __future__ import annotations

import errno
import logging
import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from watchdog import events
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

OnChange = Callable[[Path, Path, bool], None]
"""Is told the root, the path, and whether that is a folder's."""
OnLoss = Callable[[Path | None], None]
"""Is told that changes of a root, or of all, may go unreported from now on until it is watched anew."""

_CHANGES: list[type[FileSystemEvent]] = [
    events.FileCreatedEvent,
    events.FileModifiedEvent,
    events.FileAttribEvent,
    events.FileClosedEvent,
    events.FileMovedEvent,
    events.FileDeletedEvent,
    events.DirCreatedEvent,
    events.DirAttribEvent,
    events.DirMovedEvent,
    events.DirDeletedEvent,
]
_LIMITS = {
    errno.ENOSPC: "the system's limit on watched folders is reached (fs.inotify.max_user_watches)",
    errno.EMFILE: "the system's limit on watchers is reached (fs.inotify.max_user_instances, open files)",
}


class CannotWatch(Exception):
    """The operating system does not report changes of this folder; the text says why."""


class FolderObserver:
    """Watches any number of roots. What is reported comes from threads of its own.

    Args:
        on_change: called for every change.
        on_loss: called when changes may go unreported.
    """

    def __init__(self, on_change: OnChange, on_loss: OnLoss) -> None:
        self._on_change, self._on_loss = on_change, on_loss
        self._watches: dict[Path, ObservedWatch] = {}
        self._observer: BaseObserver | None = None
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)  # a folder came back in
        self._log = _LossHandler(on_loss)
        logger = logging.getLogger("watchdog")
        logger.addHandler(self._log)
        logger.propagate = False

    def watch(self, root: Path) -> None:
        """Starts to report what changes below a folder, or of a file.

        Raises:
            CannotWatch: with the reason.
        """
        self.forget(root)
        handler = _Handler(root, self._on_change, self._on_loss)
        try:
            self._watches[root] = self._running().schedule(
                handler, os.fspath(root), recursive=True, event_filter=_CHANGES
            )
        except OSError as error:
            raise CannotWatch(_LIMITS.get(error.errno or 0, error.strerror or str(error))) from error

    def check_room(self, folder: Path) -> None:
        """Finds out, with a folder that is not watched, whether more folders can be watched.

        Folders below a root for which there is no room are passed over silently.

        Raises:
            CannotWatch: no more can be; roots may be watched in part.
        """
        if not self._watches:
            return
        probe = events.FileSystemEventHandler()
        try:
            watch = self._running().schedule(probe, os.fspath(folder), event_filter=[events.DirCreatedEvent])
        except OSError as error:
            if error.errno in _LIMITS:
                raise CannotWatch(_LIMITS[error.errno]) from error
            return
        self._running().unschedule(watch)

    def forget(self, root: Path) -> None:
        """Stops to report what changes there."""
        watch = self._watches.pop(root, None)
        if watch is not None:
            with suppress(KeyError, OSError):
                self._running().unschedule(watch)

    def close(self) -> None:
        """Ends watching."""
        logging.getLogger("watchdog").removeHandler(self._log)
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()

    def _running(self) -> BaseObserver:
        if self._observer is None:
            observer = Observer()
            observer.start()
            self._observer = observer
        return self._observer


class _Handler(FileSystemEventHandler):
    """Passes on where something happened; a move happens at both its ends.

    A folder that is gone may have been moved out. Should it come back in under another name, what
    changes below it is reported for its old name, or not at all.
    """

    def __init__(self, root: Path, on_change: OnChange, on_loss: OnLoss) -> None:
        self._root = root
        self._on_change, self._on_loss = on_change, on_loss

    def on_any_event(self, event: FileSystemEvent) -> None:
        for name in (event.src_path, event.dest_path):
            if name:
                self._on_change(self._root, Path(os.fsdecode(name)), event.is_directory)
        if isinstance(event, events.DirDeletedEvent):
            self._on_loss(self._root)


class _LossHandler(logging.Handler):
    """Hears in watchdog's log that the kernel's queue ran over; there is no other way to learn it."""

    def __init__(self, on_loss: OnLoss) -> None:
        super().__init__(logging.WARNING)
        self._on_loss = on_loss

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage():
            self._on_loss(None)
