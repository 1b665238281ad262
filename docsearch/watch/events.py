"""Merges what happens to files into changes that are ready to be looked at.

Pure: the time (seconds on any clock that never goes back) and the state of files are passed in. An
event is a hint that something happened at a path, never what: that is read from the disk later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from docsearch.ingest.scan import Changes

BURST_EVENTS = 2_000
"""After this many events below a root that does not come to rest it is compared as a whole: some may have
gone unnoticed."""
CALM_SETTLES = 3.0
"""A root is calm, and compared as a whole, when nothing happened in it for this many settle times …"""
CALM_PATIENCE = 30.0
"""… or this many settle times after it was asked for."""
MOST_PATHS = 20_000
"""More paths of one root are not kept: it is compared as a whole."""
MOST_IN_FOLDER = 1_000
"""More changed files in one folder are one changed folder."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the file system says of a file: its size, its time, how long ago it was last touched."""

    size: int
    mtime_ns: int
    age_seconds: float


Look = Callable[[Path], Stamp | None]
"""Asks the file system; None for what is no longer there."""


@dataclass(slots=True)
class _Pending:
    """A path that waits until it is quiet."""

    stamp: Stamp | None
    quiet_since: float
    looked: float


@dataclass(slots=True)
class _Root:
    """What is under way below one root."""

    paths: dict[Path, _Pending] = field(default_factory=dict)
    events: int = 0
    last_event: float = 0.0
    sweep_asked: float | None = None

    @property
    def waits(self) -> int:
        """How many paths wait, and a comparison for one."""
        return len(self.paths) + (self.sweep_asked is not None)


class Settling:
    """Paths wait here until they were left alone for `settle_seconds` and look the same twice."""

    def __init__(self, settle_seconds: float, look: Look) -> None:
        self.settle_seconds = settle_seconds
        self._look = look
        self._roots: dict[Path, _Root] = {}

    def __len__(self) -> int:
        return sum(root.waits for root in self._roots.values())

    def changed(self, root: Path, path: Path, now: float) -> None:
        """Something happened at a path below a root."""
        state = self._root(root)
        state.events += 1
        state.last_event = now
        if len(state.paths) >= MOST_PATHS or state.events >= BURST_EVENTS:
            self.lost(root, now)
        if len(state.paths) < MOST_PATHS:
            state.paths[path] = self._pending(path, now)

    def lost(self, root: Path, now: float) -> None:
        """Events may have been lost: the root is to be compared as a whole when it is calm."""
        state = self._root(root)
        state.events = 0
        if state.sweep_asked is None:
            state.sweep_asked = now

    def forget(self, root: Path) -> None:
        """The root is no longer watched."""
        self._roots.pop(root, None)

    def due(self, now: float) -> Changes | None:
        """What is quiet by now, and no longer waited for; None when nothing is."""
        roots = [path for path, state in self._roots.items() if self._is_calm(state, now)]
        for path in roots:
            del self._roots[path]
        paths = [path for state in self._roots.values() for path in self._quiet(state, now)]
        self._roots = {path: state for path, state in self._roots.items() if state.waits}
        if not roots and not paths:
            return None
        return Changes(tuple(_merged(paths)), tuple(roots), self.settle_seconds)

    def wait(self, now: float) -> float | None:
        """Seconds until something may be due; None when nothing waits."""
        times = [self._due_at(pending) for state in self._roots.values() for pending in state.paths.values()]
        times += [self._calm_at(state) for state in self._roots.values() if state.sweep_asked is not None]
        return max(0.0, min(times) - now) if times else None

    def _root(self, path: Path) -> _Root:
        return self._roots.setdefault(path, _Root())

    def _pending(self, path: Path, now: float) -> _Pending:
        stamp = self._look(path)
        age = min(max(stamp.age_seconds, 0.0), self.settle_seconds) if stamp else 0.0
        return _Pending(stamp, now - age, now)

    def _due_at(self, pending: _Pending) -> float:
        return max(pending.quiet_since + self.settle_seconds, pending.looked + self.settle_seconds / 4)

    def _quiet(self, state: _Root, now: float) -> list[Path]:
        """Paths whose time has come and that did not change meanwhile; the others wait again."""
        quiet = []
        for path in [path for path, pending in state.paths.items() if self._due_at(pending) <= now]:
            before, again = state.paths.pop(path), self._pending(path, now)
            if _same(before.stamp, again.stamp):
                quiet.append(path)
            else:
                state.paths[path] = again
        return quiet

    def _calm_at(self, state: _Root) -> float:
        asked = state.sweep_asked or 0.0
        calm = max(asked, state.last_event) + CALM_SETTLES * self.settle_seconds
        return min(calm, asked + CALM_PATIENCE * self.settle_seconds)

    def _is_calm(self, state: _Root, now: float) -> bool:
        return state.sweep_asked is not None and self._calm_at(state) <= now


def _same(one: Stamp | None, other: Stamp | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.size, one.mtime_ns) == (other.size, other.mtime_ns)


def _merged(paths: Iterable[Path]) -> list[Path]:
    """The paths, but one folder instead of very many in it."""
    listed = list(paths)
    counts = Counter(path.parent for path in listed)
    merged = (path.parent if counts[path.parent] > MOST_IN_FOLDER else path for path in listed)
    return list(dict.fromkeys(merged))
