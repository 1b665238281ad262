"""The process that works for a watcher: it takes changes as JSON lines and tells what it does as JSON lines.

It is apart from the watcher so that what costs memory goes when there is nothing to do, and so that a
crash is no more than a pause. It ends when its input ends: a watcher that died leaves none behind.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from docsearch.config import WatchSettings
from docsearch.errors import DocsearchError, IndexBusy, StorageFull
from docsearch.ingest.pipeline import Indexer
from docsearch.ingest.readers import Readers
from docsearch.ingest.scan import Changes, UnreadFile
from docsearch.records import Failure, Progress
from docsearch.store.lance import load_lancedb
from docsearch.watch.manners import reason_to_wait, seconds_since_search, yield_to_others
from docsearch.watch.process import Message

T = TypeVar("T")
Tell = Callable[[Message], None]

TIDY_SECONDS = 5.0
"""The index is tidied when nothing was asked for this long."""
IDLE_SECONDS = 20.0
"""The process tidies once more, which drops what searches read the first time, and ends after this long."""
READ_SECONDS = 2.0
"""Reading makes way for newer changes after this long."""
BUSY_SECONDS = 0.1
"""How often an index that another process writes to is tried again."""
BATTERY_SECONDS = 30.0
"""How often the battery is looked at."""


def as_message(changes: Changes, number: int) -> Message:
    """A request to update; `from_message` is its inverse."""
    return {
        "do": "update",
        "number": number,
        "paths": [str(path) for path in changes.paths],
        "roots": [str(root) for root in changes.roots],
        "settle_seconds": changes.settle_seconds,
    }


def from_message(message: Message) -> Changes:
    """The changes of a request."""
    paths, roots = (tuple(map(Path, message[name])) for name in ("paths", "roots"))
    return Changes(paths, roots, message["settle_seconds"])


def event_message(event: Progress | Failure) -> Message:
    """What happens while the index is updated."""
    if isinstance(event, Failure):
        return {"event": "failure", "path": str(event.path), "page": event.page, "reason": event.reason}
    current = None if event.current is None else str(event.current)
    return {"event": "progress", **asdict(event), "current": current}


@dataclass(slots=True)
class _Update:
    """A request under way."""

    number: int
    started: float
    unread: list[UnreadFile]
    unsettled: tuple[Path, ...] = ()


class TextUpdates:
    """Scans and reads what a watcher asks for, the newest request first.

    Args:
        indexer: does the work; the index is only locked while it does.
        readers: kept between requests, so that the next file finds a reader waiting.
        tell: takes messages for the watcher.
        read_seconds: reading makes way for newer changes after this long.
    """

    def __init__(
        self, indexer: Indexer, readers: Readers, tell: Tell, read_seconds: float = READ_SECONDS
    ) -> None:
        self.indexer = indexer
        self.read_seconds = read_seconds
        self.readers = readers
        self.tell = tell
        self._open: deque[_Update] = deque()

    def serve(self, requests: SimpleQueue[Message], idle_seconds: float = IDLE_SECONDS) -> None:
        """Works until nothing was asked for `idle_seconds`."""
        rests = (min(TIDY_SECONDS, idle_seconds), max(idle_seconds - TIDY_SECONDS, 0.0))
        while True:
            self._work_off(requests)
            for rest in rests:
                request = _next(requests, rest)
                if request is not None:
                    break
                self._tidy()
            else:
                return
            self._do(request)

    def _work_off(self, requests: SimpleQueue[Message]) -> None:
        """Does all that is asked for, what was asked last first."""
        while True:
            request = _next(requests, 0.0)
            if request is not None:
                self._do(request)
            elif self._open:
                self._read(self._open[0], requests)
            else:
                return

    def _do(self, request: Message) -> None:
        match request["do"]:
            case "warm":
                self._warm()
            case "update":
                with self._trouble_of(request["number"]):
                    self._scan(request["number"], from_message(request))

    def _warm(self) -> None:
        """Starts what takes long to start, while the watcher waits for a file to be quiet."""
        Thread(target=load_lancedb, daemon=True).start()
        self.readers.text_pool().warm()

    def _scan(self, number: int, changes: Changes) -> None:
        started = time.monotonic()
        scanned = self._patiently(lambda: self._follow(self.indexer.scan(changes)))
        update = _Update(number, started, scanned.unread, tuple(scanned.unsettled))
        self._open.appendleft(update)
        if not update.unread:
            self._finish(update)

    def _read(self, update: _Update, requests: SimpleQueue[Message]) -> None:
        """Reads until all is read or something newer is asked for; what is read is kept."""
        with self._trouble_of(update.number):
            if self._patiently(lambda: self._read_until(update, requests)):
                self._finish(update)

    def _read_until(self, update: _Update, requests: SimpleQueue[Message]) -> bool:
        """Whether all is read."""
        started = time.monotonic()
        with closing(self.indexer.read(update.unread, self.readers)) as events:
            for event in events:
                self.tell(event_message(event))
                if time.monotonic() - started > self.read_seconds and not requests.empty():
                    return False
        return True

    def _finish(self, update: _Update) -> None:
        self._open.remove(update)
        self.tell(
            {
                "event": "updated",
                "number": update.number,
                "read": len(update.unread),
                "unsettled": [str(path) for path in update.unsettled],
                "seconds": round(time.monotonic() - update.started, 3),
            }
        )

    def _tidy(self) -> None:
        with suppress(IndexBusy, StorageFull):
            self.indexer.tidy()

    def _follow(self, events: Generator[Progress | Failure, None, T]) -> T:
        while True:
            try:
                self.tell(event_message(next(events)))
            except StopIteration as end:
                result: T = end.value
                return result

    def _patiently(self, work: Callable[[], T]) -> T:
        """Does the work when no other process writes any more."""
        told = False
        while True:
            try:
                return work()
            except IndexBusy as error:
                if not told:
                    self.tell({"event": "waiting", "message": error.message})
                told = True
                time.sleep(BUSY_SECONDS)

    @contextmanager
    def _trouble_of(self, number: int) -> Iterator[None]:
        """Tells that a request could not be met; the watcher asks again later."""
        try:
            yield
        except DocsearchError as error:
            self._open = deque(update for update in self._open if update.number != number)
            self.tell({"event": "trouble", "number": number, "message": error.message, "hint": error.hint})


def serve_text(indexer: Indexer, lines: Iterable[str], tell: Tell) -> None:
    """Takes requests until the lines end, or none comes for a while."""
    requests: SimpleQueue[Message] = SimpleQueue()
    Thread(target=_read_requests, args=(lines, requests), daemon=True).start()
    with Readers(indexer.settings) as readers:
        TextUpdates(indexer, readers, tell).serve(requests)


def serve_background(indexer: Indexer, cache: Path, lines: Iterable[str], tell: Tell) -> None:
    """Recognises scans and makes vectors at the lowest priority, until it is done or the lines end."""
    Thread(target=_read_requests, args=(lines, SimpleQueue()), daemon=True).start()
    yield_to_others()
    settings = indexer.settings.watch
    with Readers(indexer.settings) as readers, closing(indexer.complete(readers)) as events:
        looked = float("-inf")
        for event in events:
            tell(event_message(event))
            _pause_for_searches(cache, settings)
            if time.monotonic() - looked > BATTERY_SECONDS:
                looked = time.monotonic()
                why = reason_to_wait(settings)
                if why:
                    tell({"event": "paused", "why": why})
                    return


def _pause_for_searches(cache: Path, settings: WatchSettings) -> None:
    while seconds_since_search(cache) < settings.search_pause_seconds:
        time.sleep(0.2)


def _next(requests: SimpleQueue[Message], seconds: float) -> Message | None:
    with suppress(Empty):
        return requests.get(timeout=seconds)
    return None


def _read_requests(lines: Iterable[str], requests: SimpleQueue[Message]) -> None:
    """Passes requests on; when the input ends, the process is asked to end."""
    for line in lines:
        requests.put(json.loads(line))
    os.kill(os.getpid(), signal.SIGTERM)
