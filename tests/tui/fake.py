"""A library made of values: it answers from what a test gives it, and remembers what it was asked to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from threading import Event

from PIL import Image

from docsearch.library.page_reader import part_shown
from docsearch.library.views import PageView, Wanted
from docsearch.records import (
    Answer,
    AnswerState,
    Box,
    Failure,
    Frame,
    Hit,
    Impression,
    LearningEvent,
    LearningStatus,
    LoggedSearch,
    ModelState,
    PageId,
    Progress,
    Query,
    Root,
    SearchResult,
    Snippet,
    Status,
    TextSource,
)
from docsearch.search.parse import parse
from docsearch.watch.state import WatcherState

BOX = Box(0.1, 0.1, 0.4, 0.2)
WAITING_SECONDS = 20.0
"""A test that never opens a gate fails instead of hanging."""


def hit(doc: int, page: int = 1, **changes: object) -> Hit:
    """A hit on document `doc`."""
    plain = Hit(
        rank=doc,
        page=PageId(doc, page),
        path=Path(f"/papers/report {doc}.pdf"),
        title=f"Report {doc}",
        pages=9,
        score=1.0 / doc,
        snippet=Snippet(f"the budget of year {doc} grew", ((4, 10),)),
        source=TextSource.LAYER,
        modified=date(2024, 1, doc % 28 + 1),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def model(name: str, role: str, **changes: object) -> ModelState:
    """A model that is installed and not in use."""
    plain = ModelState(
        name=name,
        role=role,
        source="",
        licence="Apache-2.0",
        modalities=("text",),
        parameters=8_000_000,
        dimensions=256 if role == "embedder" else 0,
        note="",
        memory_bytes=32_000_000,
        fits=True,
        reason="",
        installed=True,
        folder=None,
        disk_bytes=0,
        in_use=False,
        pages_total=27,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


MODELS = (
    model("passages", "reranker", in_use=True, note="Ships with docsearch."),
    model("starter", "embedder", in_use=True, pages_embedded=27, note="Ships with docsearch."),
    model("larger", "embedder", disk_bytes=600_000_000, memory_bytes=1_900_000_000, dimensions=1024),
    model("elsewhere", "embedder", installed=False, memory_bytes=4_000_000_000, reason="3.1 GB are free now"),
    model("huge", "generator", fits=False, memory_bytes=90_000_000_000, reason="needs 90 GB; there are 16"),
)


@dataclass
class FakeClicks:
    """Keeps what it is told, by id."""

    told: dict[str, LoggedSearch] = field(default_factory=dict)
    broken: bool = False

    def begin(self, result: SearchResult, front: str) -> LoggedSearch | None:
        if self.broken:
            raise OSError("the disk is gone")
        shown = tuple(Impression(h.rank, f"content {h.page.doc}", h.page.page, h.path) for h in result.hits)
        return LoggedSearch(f"{len(self.told) + 1:032x}", 1.0, result.query.raw, front, 0, shown)

    def put(self, search: LoggedSearch) -> bool:
        self.told[search.id] = search
        return True

    def of(self, query: str) -> dict[int, Impression]:
        """What was told of the hits of a query, by page number of the catalog's document."""
        [search] = [search for search in self.told.values() if search.query == query]
        return {impression.rank: impression for impression in search.impressions}


MEASURED = {
    "queries": 188.0,
    "before": 0.869,
    "after": 0.888,
    "surely": 0.008,
    "guards": 150.0,
    "guard_before": 0.605,
    "guard_after": 0.606,
    "latency": 1.1,
}
# the screen shows the local time
NOON = datetime(2024, 5, 1, 12, 0).timestamp()
LEARNED = LearningStatus(
    logging=True,
    memory=True,
    automatic=True,
    searches=334,
    chosen=300,
    queries=188,
    needed=20,
    due=True,
    live=1,
    live_at=NOON,
    live_queries=120,
    live_parts=("weights: text x 0.88, meaning x 0.85", "a query adapter of rank 16"),
    waiting=0,
    figures=MEASURED,
    history=(
        LearningEvent(NOON, "learned", 1, (), MEASURED | {"before": 0.802, "after": 0.851}),
        LearningEvent(NOON + 1, "accepted", 1),
        LearningEvent(
            NOON + 86400, "refused", 0, ("the gain is [b]not[/b] sure",), MEASURED | {"after": 0.86}
        ),
    ),
)
"""What is known after two rounds."""
NOTHING_LEARNED = replace(
    LEARNED, searches=9, chosen=4, queries=4, due=False, live=0, live_parts=(), figures={}, history=()
)


@dataclass
class FakeLearning:
    """Knows what it was given; decisions are remembered and become history."""

    known: LearningStatus = NOTHING_LEARNED
    is_due: bool = False
    decided: list[tuple[str, int]] = field(default_factory=list)
    broken: Exception | None = None
    """What a decision raises."""

    def status(self) -> LearningStatus:
        return self.known

    def due(self) -> bool:
        return self.is_due

    def accept(self, state: int) -> None:
        self._decide("accepted", state, live=state, waiting=0)

    def reject(self, state: int) -> None:
        self._decide("rejected", state, waiting=0)

    def go_back(self) -> int:
        self._decide("went back", 0, live=0, live_parts=())
        return 0

    def happens(self, what: str, state: int, *reasons: str, **changes: object) -> None:
        """Another process did that."""
        event = LearningEvent(NOON + 2 * 86400, what, state, reasons)
        self.known = replace(self.known, history=(*self.known.history, event), **changes)  # type: ignore[arg-type]

    def _decide(self, what: str, state: int, **changes: object) -> None:
        if self.broken is not None:
            raise self.broken
        self.decided.append((what, state))
        self.happens(what, state, **changes)


@dataclass
class FakeRunner:
    """Tells its events one by one as the gate lets them through; remembers how it was asked."""

    told: Sequence[Mapping[str, object]] = ()
    does: Callable[[], None] = lambda: None
    """Is called before the last event."""
    error: Exception | None = None
    asked: list[tuple[object, ...]] = field(default_factory=list)
    held: bool = False
    """Whether it stays at its first event until it is stopped."""
    gate: asyncio.Event | None = None
    """Held before the last event."""
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def events(self, *options: str, gentle: bool = False) -> AsyncGenerator[Mapping[str, object], None]:
        self.asked.append((*options, *(["gently"] if gentle else [])))
        for number, event in enumerate(self.told):
            if number == len(self.told) - 1:
                assert self.gate is None or await self.gate.wait()
                self.does()
            yield event
            if self.held:
                await self._stopped.wait()
                raise InterruptedError("stopped half-way")
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        self.asked.append(("stop",))
        self._stopped.set()


@dataclass
class FakeLibrary:
    """Answers `answers[words]`, one order after the other; a gate holds an order back until it is set."""

    answers: dict[str, list[list[Hit]]] = field(default_factory=dict)
    unfiltered: list[Hit] = field(default_factory=list)
    """What is found when the filters are left out."""
    gates: dict[tuple[str, int], Event] = field(default_factory=dict)
    """For (words, number of the order): the order is given when the event is set."""
    folders: list[Root] = field(default_factory=lambda: [Root(Path("/papers"), True, 3, 27)])
    failures: tuple[Failure, ...] = ()
    corrections: dict[str, tuple[str, ...]] = field(default_factory=dict)
    events: list[Progress | Failure] = field(default_factory=list)
    index_gate: Event | None = None
    """Held after the first event of a run."""
    broken: dict[str, Exception] = field(default_factory=dict)
    """What the method of that name raises."""
    watched: bool = False
    """Whether a watcher takes what is handed over."""
    watcher_does: str = ""
    """What a running watcher says it does; empty when none runs."""
    revised: int = 0
    """Another number when the index is said to hold other pages."""
    said: tuple[Answer, ...] = ()
    """The states of every answer."""
    answer_gates: dict[int, Event] = field(default_factory=dict)
    bookmarks: tuple[tuple[int, str, int], ...] = ()
    matching: tuple[int, ...] = ()
    known: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What completes filters."""
    page_gates: dict[int, Event] = field(default_factory=dict)
    """Held before a page of that number is drawn."""
    known_models: tuple[ModelState, ...] = ()
    clicks: FakeClicks = field(default_factory=lambda: FakeClicks())
    learning: FakeLearning = field(default_factory=lambda: FakeLearning())
    asked: list[tuple[object, ...]] = field(default_factory=list)

    def parse(self, words: str, picture: Path | None = None) -> Query:
        return parse(words, picture)

    def stream(
        self, query: Query, limit: int | None = None, at_once: int | None = None
    ) -> Iterator[SearchResult]:
        self._ask("search", query.raw)
        asked = query.raw or (f"picture {query.image.name}" if query.image else query.text)
        dropped = query.raw != query.text and not query.filters and self.unfiltered
        orders = [self.unfiltered] if dropped else self.answers.get(asked, [[]])
        for number, hits in enumerate(orders):
            gate = self.gates.get((query.raw, number))
            assert gate is None or gate.wait(WAITING_SECONDS)
            yield SearchResult(query, tuple(hits), 0.01, self.corrections)

    def ask(
        self, question: Query, *, follow: bool = False, boxes: bool = True, stop: Event | None = None
    ) -> Iterator[Answer]:
        self._ask("ask", question.raw, *(["follow"] if follow else []))
        for number, answer in enumerate(self.said):
            gate = self.answer_gates.get(number)
            assert gate is None or gate.wait(WAITING_SECONDS)
            if stop is not None and stop.is_set():
                yield replace(answer, state=AnswerState.STOPPED)
                return
            yield answer

    def index(self, paths: Iterable[Path] = (), *, retry: bool = False) -> Iterator[Progress | Failure]:
        self._ask("index", *paths, *(["retry"] if retry else []))
        self.folders += [Root(path, True) for path in paths]
        try:
            for number, event in enumerate(self.events):
                assert number != 1 or self.index_gate is None or self.index_gate.wait(WAITING_SECONDS)
                yield event
        finally:
            self.asked.append(("index ended",))

    def hand_over(self, paths: Iterable[Path]) -> bool:
        self._ask("hand over", *paths)
        return self.watched

    def revision(self) -> tuple[int, ...]:
        return (self.revised,)

    def watcher(self) -> WatcherState | None:
        return WatcherState(1, 0.0, self.watcher_does) if self.watcher_does else None

    def remove(self, path: Path) -> int:
        self._ask("remove", path)
        self.folders = [root for root in self.folders if root.path != path]
        return 3

    def roots(self) -> tuple[Root, ...]:
        self._ask("roots")
        return tuple(self.folders)

    def status(self) -> Status:
        return Status(
            self.roots(), 3, 27, 2, 0, self.failures, 5_000_000, 40_000_000, "starter", "passages", "cpu"
        )

    def warm_views(self) -> None:
        self._ask("warm views")

    def look(self, path: Path, page: int, frame: Frame, query: Query, wanted: Wanted) -> PageView:
        gate = self.page_gates.get(page)
        assert gate is None or gate.wait(WAITING_SECONDS)
        boxes = (BOX,) if query.text else ()
        self._ask("look" if query.text else "thumbnail", path, page, frame.zoom)
        picture = Image.new("RGB", (60, 80), "white")
        return PageView(picture, part_shown(60, 80, frame, boxes), boxes)

    def outline(self, path: Path) -> tuple[tuple[int, str, int], ...]:
        self._ask("outline", path)
        return self.bookmarks

    def matching_pages(self, document: int, query: Query) -> tuple[int, ...]:
        self._ask("matching pages", document, query.text)
        return self.matching

    def more_like(self, hit: Hit) -> Query:
        self._ask("more like", hit.page)
        return Query("telling words", "telling words")

    def completions(self) -> Mapping[str, Sequence[str]]:
        return self.known

    def page_text(self, page: PageId) -> str:
        self._ask("text", page)
        return f"page {page.page}: the budget [b]grew[/b]\x1b[31m"

    def view(self, path: Path, page: int, words: str = "") -> str:
        self._ask("view", path, page)
        return "viewer"

    def reveal(self, path: Path) -> str:
        self._ask("reveal", path)
        return "files"

    def models(self) -> tuple[ModelState, ...]:
        return self.known_models

    def use_model(self, name: str) -> None:
        self._ask("use model", name)
        [chosen] = [model for model in self.known_models if model.name == name]
        self.known_models = tuple(
            replace(model, in_use=model.name == name) if model.role == chosen.role else model
            for model in self.known_models
        )

    def close(self) -> None:
        self.asked.append(("close",))

    def _ask(self, what: str, *details: object) -> None:
        self.asked.append((what, *details))
        if what in self.broken:
            raise self.broken[what]


def opens(library: FakeLibrary) -> Callable[[], FakeLibrary]:
    """What opens a library: always the same one."""
    return lambda: library
