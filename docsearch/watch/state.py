"""What a watcher tells about itself, in a file beside the index. Knows no watcher."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from docsearch.config import whole_file
from docsearch.store.lock import WATCHER, owner_of

_FILE = "watcher.json"


@dataclass(frozen=True, slots=True)
class WatcherState:
    """A running watcher.

    Attributes:
        process: its process number.
        since: when it began, in seconds since 1970.
        doing: what it does now, in a few words.
        log: where its messages are, a path or a command; empty for a terminal.
        polled: roots that are compared now and then because changes are not reported, and why.
        trouble: the last thing that went wrong and was not put right yet; empty when all is well.
    """

    process: int
    since: float
    doing: str = ""
    log: str = ""
    polled: dict[str, str] = field(default_factory=dict)
    trouble: str = ""


def running_watcher(folder: Path) -> WatcherState | None:
    """The watcher that keeps the index in this folder current, if there is one."""
    process = owner_of(folder, WATCHER)
    if process is None:
        return None
    try:
        stored = WatcherState(**json.loads((folder / _FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return WatcherState(process, 0.0)
    return stored if stored.process == process else WatcherState(process, 0.0)


def tell_state(folder: Path, state: WatcherState) -> None:
    """Writes the state for `running_watcher`; a disk that cannot be written is no reason to fail."""
    with suppress(OSError), whole_file(folder / _FILE, durable=False) as file:
        file.write(json.dumps(asdict(state)).encode())


def end_state(folder: Path) -> None:
    """Takes the state away."""
    with suppress(OSError):
        (folder / _FILE).unlink(missing_ok=True)
