"""The roots as they are watched: how each is, whether it is there, when it is compared as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from docsearch.config import WatchSettings
from docsearch.ingest.scan import below
from docsearch.watch.filesystems import silent_file_system
from docsearch.watch.observer import CannotWatch, FolderObserver
from docsearch.watch.process import Message

POLL_SHARE = 50.0
"""A polled root is left alone for this many times as long as comparing it takes."""
_NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class WatchedRoot:
    """A root: its place on the disk (None when it is away), why it is polled, when it is compared next."""

    place: tuple[int, int] | None
    polled: str = ""
    compare_at: float = _NEVER
    is_begun: bool = False


class WatchedRoots:
    """Keeps the observer in step with the roots that there are.

    Args:
        observer: reports what changes below those that can be watched.
        settings: how often roots are compared.
        probe: a folder that is not watched, to try whether more could be.
        say: is told what becomes of the roots.
    """

    def __init__(
        self,
        observer: FolderObserver,
        settings: WatchSettings,
        probe: Path,
        say: Callable[[Message], None],
    ) -> None:
        self._observer = observer
        self._settings = settings
        self._probe = probe
        self._say = say
        self._roots: dict[Path, WatchedRoot] = {}

    def __contains__(self, path: Path) -> bool:
        return path in self._roots

    def update(self, listed: Iterable[Path]) -> tuple[list[Path], list[Path]]:
        """Takes the roots that there are now; returns those to be compared, and those that are gone.

        To be compared are new ones, and those that were taken away, came back or are another folder.
        """
        there = list(listed)
        gone = [path for path in self._roots if path not in there]
        for path in gone:
            self._say({"event": "forgotten", "root": str(path)})
            self._observer.forget(path)
            del self._roots[path]
        changed = [path for path in there if self._roots.get(path, _UNKNOWN).place != _place(path)]
        for path in changed:
            self._begin(path)
        return changed, gone

    def watch_anew(self, path: Path) -> None:
        """Before a root is compared as a whole: what changes from then on is reported."""
        root = self._roots[path]
        if root.place is None or root.polled:
            return
        polled = self._watch(path)
        if not root.is_begun or polled:
            self._say({"event": "watching", "root": str(path), "polled": polled})
        self._roots[path] = replace(root, polled=polled, is_begun=True)

    def reported(self, path: Path | None = None) -> list[Path]:
        """This root, or all, if its changes are reported by the system."""
        return [p for p, root in self._roots.items() if not root.polled and path in (None, p)]

    def holding(self, path: Path) -> list[Path]:
        """The root that a file lies in."""
        return [root for root in self._roots if below(path, [root])]

    def due(self, now: float) -> list[Path]:
        """Roots whose time to be compared has come; each is told once."""
        due = [path for path, root in self._roots.items() if now >= root.compare_at]
        for path in due:
            self._roots[path] = replace(self._roots[path], compare_at=_NEVER)
        return due

    def next_due(self) -> float:
        """When the next root is to be compared."""
        return min((root.compare_at for root in self._roots.values()), default=_NEVER)

    def compared(self, path: Path, now: float, seconds: float) -> None:
        """A root was compared as a whole, which took so long."""
        if path in self._roots:
            root, settings = self._roots[path], self._settings
            rest = max(settings.poll_seconds, seconds * POLL_SHARE)
            self._roots[path] = replace(
                root, compare_at=now + (rest if root.polled else settings.sweep_minutes * 60)
            )

    def polled(self) -> dict[str, str]:
        """Why roots are polled, by their paths."""
        return {str(path): root.polled for path, root in self._roots.items() if root.polled}

    def _begin(self, path: Path) -> None:
        self._observer.forget(path)
        self._roots[path] = WatchedRoot(_place(path))
        if self._roots[path].place is None:
            self._say({"event": "offline", "root": str(path)})

    def _watch(self, path: Path) -> str:
        """Has changes of a root reported; returns why it must be polled, if it must."""
        kind = silent_file_system(path)
        if kind is not None:
            return f"changes are not reported by file systems of type {kind}"
        try:
            self._observer.watch(path)
            self._observer.check_room(self._probe)
        except CannotWatch as error:
            return str(error)
        return ""


def _place(path: Path) -> tuple[int, int] | None:
    """Which folder or file it is, whatever its name; None when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


_UNKNOWN = WatchedRoot((-1, -1))
