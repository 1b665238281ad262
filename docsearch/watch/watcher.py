"""Keeps an index current: hears what happens in the roots and has it worked off by other processes.

Itself it reads no document and loads nothing heavy, so it may run all day. It decides what is looked at
and when; `events` says what is quiet, `observer` what happens, `updater` does the work.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

from docsearch.config import Settings
from docsearch.errors import DocsearchError
from docsearch.ingest.discover import concerns
from docsearch.ingest.scan import Changes, below, excluded
from docsearch.store.index import Index
from docsearch.store.lock import watcher_lock
from docsearch.watch.events import Settling
from docsearch.watch.filesystems import look
from docsearch.watch.manners import reason_to_wait
from docsearch.watch.observer import FolderObserver
from docsearch.watch.process import ENDED, Child, Message
from docsearch.watch.roots import WatchedRoots
from docsearch.watch.state import WatcherState, end_state, tell_state
from docsearch.watch.updater import READ_SECONDS, as_message

Say = Callable[[Message], None]

AT_REST = "watching"
"""What a watcher does that has nothing to do."""
ROOTS_SECONDS = 2.0
"""How often it is looked which roots there are, and whether they are."""
MOST_AT_ONCE = 10_000
"""So many events are taken before it is looked what is due."""
STATE_SECONDS = 1.0
"""The state is written this often at most."""
CALM_SECONDS = 5.0
"""Heavy work begins when there was nothing to read for this long."""
PAUSE_SECONDS = 60.0
"""Heavy work that was put off is tried again after this."""
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 2.0, 60.0
"""After trouble it is tried again, each time after twice as long."""


@dataclass(frozen=True, slots=True)
class Commands:
    """How the processes that work are started."""

    text: Sequence[str]
    background: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Request:
    """Changes that are being worked off, and by which process."""

    changes: Changes
    process: int
    sent: float


class Watcher:
    """Watches the roots of one index until it is stopped.

    Args:
        index: which roots there are is read from it; nothing is written.
        settings: what is allowed.
        commands: the programs that do the work.
        say: is told what happens, as values for JSON.
        log: where what is said can be read, for `status`.
    """

    def __init__(self, index: Index, settings: Settings, commands: Commands, say: Say, log: str = "") -> None:
        self._index = index
        self._settings = settings
        self._say = say
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._settling = Settling(settings.watch.settle_seconds, look)
        self._observer = FolderObserver(self._heard, lambda root: self._inbox.put(partial(self._lost, root)))
        self._text = Child(commands.text, self._told(self._text_message))
        self._background = Child(commands.background, self._told(self._background_message))
        self._roots = WatchedRoots(self._observer, settings.watch, index.folder, say)
        self._sweeps: dict[Path, None] = {}
        self._requests: dict[int, _Request] = {}
        self._last_number = 0
        self._stopping = False
        self._resting = AT_REST
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._retry_at = self._look_at = self._write_at = 0.0
        self._background_at: float | None = None
        self._state = WatcherState(os.getpid(), time.time(), "starting", log)
        self._written: WatcherState | None = None
        self._troubles: dict[str, str] = {}

    def run(self) -> None:
        """Watches until `stop`.

        Raises:
            IndexBusy: another watcher is at work.
        """
        with watcher_lock(self._index.folder):
            self._say({"event": "started", "process": os.getpid()})
            try:
                self._background_at = time.monotonic()
                while not self._stopping:
                    self._step(time.monotonic())
                    self._listen(self._patience(time.monotonic()))
            finally:
                self._close()

    def stop(self) -> None:
        """Ends `run`; may be called from any thread and from a signal handler."""
        self._inbox.put(self._stop)

    # -- the loop ------------------------------------------------------------------------------

    def _listen(self, seconds: float) -> None:
        """Takes what was put in the inbox, waiting for the first."""
        with suppress(Empty):
            self._inbox.get(timeout=seconds)()
            for _ in range(MOST_AT_ONCE):
                self._inbox.get_nowait()()

    def _patience(self, now: float) -> float:
        """How long nothing is to be done if nothing happens."""
        moments = [self._look_at, self._roots.next_due()]
        if self._background_at is not None:
            moments.append(max(self._background_at, now + 0.5))
        quiet = self._settling.wait(now)
        if quiet is not None:
            moments.append(max(now + quiet, self._retry_at, self._free_at()))
        return min(max(min(moments) - now, 0.02), ROOTS_SECONDS)

    def _step(self, now: float) -> None:
        if now >= self._look_at:
            self._look_at = now + ROOTS_SECONDS
            try:
                self._look_at_roots()
                self._troubles.pop("roots", None)
            except DocsearchError as error:  # a disk that is full or away may be there again soon
                self._troubles["roots"] = error.message
        self._sweeps |= dict.fromkeys(self._roots.due(now))
        if now >= self._retry_at:
            self._work(now)
        self._start_background(now)
        self._write_state(now)

    def _stop(self) -> None:
        self._stopping = True

    def _close(self) -> None:
        self._observer.close()
        for child in (self._background, self._text):
            child.ask_to_end()
        for child in (self._background, self._text):
            child.close()
        end_state(self._index.folder)
        self._say({"event": "stopped"})

    # -- roots ---------------------------------------------------------------------------------

    def _look_at_roots(self) -> None:
        """Begins with roots that are new or back, and ends with those that are gone."""
        if self._index.follow():
            self._sweeps |= dict.fromkeys(self._roots.reported())
        listed = self._index.catalog.remember("roots", self._index.files.roots)
        changed, gone = self._roots.update(path for _, path, _ in listed)
        self._sweeps |= dict.fromkeys(changed)
        for path in gone:
            self._settling.forget(path)
            self._sweeps.pop(path, None)
        if gone:
            self._text.send({"do": "warm"})  # it tidies when it has nothing else to do

    # -- what happens --------------------------------------------------------------------------

    def _heard(self, root: Path, path: Path, is_folder: bool) -> None:
        """In the observer's thread."""
        if concerns(root, path, is_folder=is_folder):
            self._inbox.put(partial(self._happened, root, path))

    def _happened(self, root: Path, path: Path) -> None:
        if root not in self._roots or below(path, excluded(self._index)):
            return
        now = time.monotonic()
        if not len(self._settling) and now >= self._retry_at:
            self._text.send({"do": "warm"})
        self._settling.changed(root, path, now)

    def _lost(self, root: Path | None) -> None:
        """Changes of a root, or of all, may have gone unreported."""
        for path in self._roots.reported(root):
            self._settling.lost(path, time.monotonic())

    # -- reading -------------------------------------------------------------------------------

    def _work(self, now: float) -> None:
        """Hands over what is quiet by now; what takes long already does not hold it up."""
        if now < self._free_at():
            return
        changes = self._settling.due(now) or Changes(settle_seconds=self._settings.watch.settle_seconds)
        roots = tuple(path for path in dict.fromkeys((*self._sweeps, *changes.roots)) if path in self._roots)
        self._sweeps = {}
        if not roots and not changes.paths:
            return
        for path in roots:
            self._roots.watch_anew(path)
        self._background.ask_to_end()
        self._last_number += 1
        changes = replace(changes, roots=roots)
        self._say({"event": "updating", "paths": len(changes.paths), "roots": len(roots)})
        self._doing("comparing folders" if roots else "reading changes")
        process = self._text.send(as_message(changes, self._last_number))
        self._requests[self._last_number] = _Request(changes, process, now)

    def _free_at(self) -> float:
        """When what was handed over last has had its time, and may be interrupted by what is newer."""
        return max((request.sent + READ_SECONDS for request in self._requests.values()), default=0.0)

    def _text_message(self, message: Message) -> None:
        match message["event"]:
            case "updated":
                self._updated(message)
            case "trouble":
                self._again(message["number"])
                self._trouble(message["message"])
            case "waiting":
                self._doing(f"waiting: {message['message']}")
            case "progress" if message["tier"] != "scan":
                self._doing(f"reading, {message['pages_done']} of about {message['pages_total']} pages")
            case event if event == ENDED:
                self._text_ended(message)
                return
        self._say(message)

    def _updated(self, message: Message) -> None:
        now = time.monotonic()
        request = self._requests.pop(message["number"], None)
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._troubles.pop("texts", None)
        for name in message["unsettled"]:
            self._settle(Path(name), now)
        for path in request.changes.roots if request else ():
            self._roots.compared(path, now, message["seconds"])
        if message["read"]:
            self._background_at = now + CALM_SECONDS
        elif self._background_at is not None:
            self._background_at = max(self._background_at, now + 0.5)

    def _settle(self, path: Path, now: float) -> None:
        """A comparison met a file that is still being written."""
        for root in self._roots.holding(path):
            self._settling.changed(root, path, now)

    def _text_ended(self, message: Message) -> None:
        """What it had not finished is asked for again; after a crash not at once."""
        for number in [n for n, request in self._requests.items() if request.process == message["process"]]:
            self._again(number)
        if message["code"] and not message["stopped"]:
            self._trouble(f"the updating process ended with code {message['code']}")
            self._say({"event": "crashed", "code": message["code"]})

    def _again(self, number: int) -> None:
        request = self._requests.pop(number, None)
        if request is None:
            return
        for root in request.changes.roots:
            self._sweeps[root] = None
        for path in request.changes.paths:
            self._settle(path, time.monotonic())

    def _trouble(self, what: str) -> None:
        self._retry_at = time.monotonic() + self._retry_seconds
        self._retry_seconds = min(2 * self._retry_seconds, LAST_RETRY_SECONDS)
        self._troubles["texts"] = what

    # -- heavy work ----------------------------------------------------------------------------

    def _start_background(self, now: float) -> None:
        if self._background_at is None or now < max(self._background_at, self._retry_at):
            return
        if not self._settings.watch.background or not _has_heavy_work(self._settings):
            self._background_at = None
            return
        if self._requests or self._sweeps or len(self._settling) or not self._background.ended:
            return
        why = reason_to_wait(self._settings.watch)
        if why:
            self._put_off(why, now)
            return
        self._background_at = None
        self._resting = AT_REST
        self._background.send({"do": "complete"})

    def _put_off(self, why: str, now: float) -> None:
        self._resting = f"watching; scans and vectors wait: {why}"
        self._background_at = now + PAUSE_SECONDS

    def _background_message(self, message: Message) -> None:
        match message["event"]:
            case "progress":
                self._doing(f"{message['tier']}, {message['pages_done']} of {message['pages_total']} pages")
            case "paused":
                self._put_off(message["why"], time.monotonic())
            case event if event == ENDED:
                self._background_ended(message)
                return
        self._say(message)

    def _background_ended(self, message: Message) -> None:
        """What was stopped half-way or failed goes on later."""
        stopped, failed = message["stopped"], message["code"] and not message["stopped"]
        self._troubles.pop("background", None)
        if failed:
            what = f"the process for scans and vectors ended with code {message['code']}"
            self._troubles["background"] = what
        if self._background_at is not None:  # it was put off, or there is more to do by now
            return
        if stopped or failed:
            self._background_at = time.monotonic() + (CALM_SECONDS if stopped else PAUSE_SECONDS)
        else:
            self._say({"event": "complete"})

    # -- telling -------------------------------------------------------------------------------

    def _told(self, take: Say) -> Say:
        """What a child says is taken in the watcher's own thread."""
        return lambda message: self._inbox.put(partial(take, message))

    def _doing(self, what: str) -> None:
        self._state = replace(self._state, doing=what)

    def _write_state(self, now: float) -> None:
        if not self._requests and self._background.ended:
            self._doing(self._resting)
        trouble = "; ".join(self._troubles.values())
        self._state = replace(self._state, polled=self._roots.polled(), trouble=trouble)
        if self._state != self._written and now >= self._write_at:
            self._write_at = now + STATE_SECONDS
            self._written = self._state
            tell_state(self._index.folder, self._state)


def _has_heavy_work(settings: Settings) -> bool:
    return settings.ocr.engine != "off" or settings.models.embedder != "off" or settings.models.heavy
