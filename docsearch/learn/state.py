"""What was learned, on disk: numbered states, one of which is live, and the history of how that came.

A state is written whole into a folder of its own; then the atomic rename of one small file makes it live.
Going back is the same rename. Whoever searches looks at that file before each search.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from docsearch.config import owner_only, whole_file
from docsearch.errors import StorageFull, UsageError
from docsearch.learn.adapt import Adapter
from docsearch.records import LearningEvent
from docsearch.store.lock import alone

_LIVE = "live"
_HISTORY = "history.jsonl"
_STATE = "state.json"
_LOCK = "learning.lock"
"""Beside the folder."""
_ADAPTER = "adapter.npz"
_DAY_SECONDS = 86_400.0
QUERY_MODEL, RERANKER = "query-model", "reranker"
"""Folders of finetuned models inside a state."""


@dataclass(frozen=True, slots=True)
class State:
    """What was learned at one time.

    Attributes:
        number: from 1; 0 is nothing learned.
        before: the number of the state it followed.
        at: when it was made.
        signals: names of the signals, and for each by how much it is multiplied.
        queries: how many queries with a chosen page it learned from.
        adapter: moves query vectors; None without one.
        figures: what the gate measured.
        models: folders of finetuned models, by what they are.
    """

    number: int
    before: int
    at: float
    signals: Mapping[str, float]
    queries: int
    adapter: Adapter | None
    figures: Mapping[str, float]
    models: Mapping[str, Path]


class States:
    """The folder of learned states. Made, readable by its owner only, when something is first written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def live(self) -> int:
        """The number of the state in use; 0 when there is none or its folder is gone."""
        try:
            number = int((self.folder / _LIVE).read_text("ascii"))
        except (OSError, ValueError):
            return 0
        return number if number > 0 and self._place(number).is_dir() else 0

    def mark(self) -> tuple[int, int] | None:
        """Another value whenever another state became live."""
        try:
            status = (self.folder / _LIVE).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def read(self, number: int) -> State | None:
        """A state; None when it is not there or cannot be read, which is as good as nothing learned."""
        place = self._place(number)
        try:
            stored = json.loads((place / _STATE).read_text("utf-8"))
            adapter = _read_adapter(place / _ADAPTER) if stored["adapter"] else None
            models = {name: place / name for name in (QUERY_MODEL, RERANKER) if (place / name).is_dir()}
            return State(
                number,
                int(stored["before"]),
                float(stored["at"]),
                {str(name): float(factor) for name, factor in stored["signals"].items()},
                int(stored["queries"]),
                adapter,
                dict(stored["figures"]),
                models,
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile):
            return None

    def numbers(self) -> list[int]:
        """Of all states that are there, in order."""
        places = self.folder.glob("[0-9]*")
        return sorted(int(p.name) for p in places if p.name.isdecimal() and p.is_dir())

    def add(
        self,
        signals: Mapping[str, float],
        queries: int,
        adapter: Adapter | None,
        figures: Mapping[str, float],
        models: Mapping[str, Path] | None = None,
    ) -> State:
        """Writes a state, whole or not at all; it is not live yet. Raises StorageFull.

        Folders of `models` are moved into it.
        """
        number = max([0, *self.numbers(), *(event.state for event in self.history())]) + 1
        stored = {
            "before": self.live(),
            "at": time.time(),
            "signals": dict(signals),
            "queries": queries,
            "adapter": adapter is not None,
            "figures": dict(figures),
        }
        part = self.folder / f".part-{os.getpid()}"
        try:
            self._make()
            self._tidy()
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(mode=0o700)
            if adapter:
                _write_adapter(part / _ADAPTER, adapter)
            for name, folder in (models or {}).items():
                shutil.move(folder, part / name)
            _write(part / _STATE, json.dumps(stored))
            part.rename(self._place(number))
            _sync(self.folder)
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            raise StorageFull(f"cannot write {self.folder}: {error.strerror or error}") from error
        state = self.read(number)
        assert state is not None  # it was just written
        return state

    def promote(self, number: int) -> None:
        """Makes a state live, or none with 0, at one instant. Raises StorageFull; then nothing changes."""
        try:
            self._make()
            _write(self.folder / _LIVE, str(number))
            _sync(self.folder)
        except OSError as error:
            raise StorageFull(f"cannot write {self.folder}: {error.strerror or error}") from error

    def alone(self) -> AbstractContextManager[None]:
        """Holds what only one round at a time may do; raises IndexBusy when another one does it."""
        return alone(self.folder.with_name(_LOCK), "another round of learning runs")

    def accept(self, number: int) -> None:
        """Puts a state into use; raises UsageError when there is no such state."""
        if self.read(number) is None:
            raise UsageError(f"there is no state {number}")
        self.promote(number)
        self.note(LearningEvent(time.time(), "accepted", number))

    def reject(self, number: int) -> None:
        """Throws a state away that is not in use."""
        self.note(LearningEvent(time.time(), "rejected", number))
        self.drop(number)

    def go_back(self, reasons: tuple[str, ...] = ()) -> int:
        """Puts the state before the live one into use; its number, 0 for nothing learned."""
        live = self.read(self.live())
        number = live.before if live and self.read(live.before) else 0
        self.promote(number)
        self.note(LearningEvent(time.time(), "went back", number, reasons))
        return number

    def drop(self, number: int) -> None:
        """Deletes a state that is not live."""
        if number != self.live():
            shutil.rmtree(self._place(number), ignore_errors=True)

    def note(self, event: LearningEvent) -> None:
        """Adds to the history. Raises StorageFull."""
        line = json.dumps(asdict(event))
        try:
            self._make()
            _append(self.folder / _HISTORY, line)
        except OSError as error:
            raise StorageFull(f"cannot write {self.folder}: {error.strerror or error}") from error

    def history(self) -> list[LearningEvent]:
        """What happened, the oldest first; lines that a crash cut short are left out."""
        return list(self._events())

    def _events(self) -> Iterator[LearningEvent]:
        try:
            lines = (self.folder / _HISTORY).read_text("utf-8", "replace").splitlines()
        except OSError:
            return
        for line in lines:
            try:
                row: dict[str, Any] = json.loads(line)
                yield LearningEvent(
                    float(row["at"]),
                    str(row["what"]),
                    int(row["state"]),
                    tuple(map(str, row.get("reasons", ()))),
                    dict(row.get("figures") or {}),
                )
            except (ValueError, KeyError, TypeError):
                continue

    def _tidy(self) -> None:
        """Removes what a process that died left half written."""
        for left in self.folder.glob(".part-*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > _DAY_SECONDS:
                    shutil.rmtree(left)

    def _place(self, number: int) -> Path:
        return self.folder / f"{number:06}"

    def _make(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _write_adapter(path: Path, adapter: Adapter) -> None:
    with whole_file(path) as file:
        np.savez(
            file,
            fingerprint=np.array(adapter.fingerprint),
            left=adapter.left,
            right=adapter.right,
            mean=adapter.mean,
        )


def _read_adapter(path: Path) -> Adapter:
    with np.load(path, allow_pickle=False) as stored:
        left, right, mean = stored["left"], stored["right"], stored["mean"]
        if not left.shape == right.shape[::-1] == (len(mean), len(right)):
            raise ValueError(f"{path} holds no adapter")
        return Adapter(str(stored["fingerprint"]), left, right, mean)


def _write(path: Path, text: str) -> None:
    with whole_file(path) as file:
        file.write(text.encode())


def _append(path: Path, line: str) -> None:
    """Adds a line; one that was cut short before it stays alone."""
    with open(path, "a+b", opener=owner_only) as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read() == b"\n" else f"\n{line}"
        file.write(f"{line}\n".encode())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
