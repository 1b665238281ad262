"""A real watcher in a process of its own, and waiting for what it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from docsearch.library import Library

SETTINGS = """
[index]
workers = 1
page_seconds = 60
[ocr]
engine = "off"
[models]
embedder = "off"
[watch]
settle_seconds = 0.2
"""
PATIENCE_SECONDS = 60.0


@dataclass
class RunningWatcher:
    """A watcher and what it has said so far."""

    home: Path
    process: subprocess.Popen[str]
    said: list[dict[str, Any]] = field(default_factory=list)
    _lines: SimpleQueue[str] = field(default_factory=SimpleQueue)

    def listen(self) -> None:
        """Takes what it says; runs in a thread."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def events(self, name: str) -> list[dict[str, Any]]:
        """What it has said under this name."""
        while True:
            try:
                self.said.append(json.loads(self._lines.get_nowait()))
            except Empty:
                return [message for message in self.said if message["event"] == name]

    def at_rest(self) -> bool:
        """Whether everything that was handed over is done."""
        asked, done = self.events("updating"), self.events("updated")
        return bool(asked) and len(asked) == len(done)


def until(condition: Callable[[], object], what: str = "it") -> None:
    """Waits for a condition; fails when it does not come true in a minute."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, f"{what} did not happen"
        time.sleep(0.02)


@contextmanager
def watching(home: Path, *arguments: str, settings: str = SETTINGS) -> Iterator[RunningWatcher]:
    """A watcher over the roots of the index in `home`, until the end of the block."""
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_text(settings)
    process = subprocess.Popen(
        [sys.executable, "-m", "docsearch", "--home", str(home), "watch", "--json", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    watcher = RunningWatcher(home, process)
    Thread(target=watcher.listen, daemon=True).start()
    try:
        until(lambda: watcher.events("started"), "a start")
        yield watcher
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def known(library: Library, folder: Path) -> set[str]:
    """Files below a folder that are searchable, by their names relative to it."""
    files = library.store.files.at(folder).items()
    return {path.relative_to(folder).as_posix() for path, file in files if file.document is not None}
