"""Learning from clicks for one library: a round, what is in use, the way back. Wiring, not work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import NDArray

from docsearch.errors import ModelUnavailable
from docsearch.learn.clicks import ClickLog
from docsearch.learn.live import Live
from docsearch.learn.memory import Memory
from docsearch.learn.state import QUERY_MODEL, RERANKER, State, States
from docsearch.models.protocols import Embedder, ModelInput, Reranker
from docsearch.models.registry import ModelRow
from docsearch.records import Figures, LearningOutcome, LearningStatus, LearningStep
from docsearch.search.rerank import HeadReranker, ModelReranker, PassageReranker, RerankWeights

if TYPE_CHECKING:
    import numpy as np

    from docsearch.learn.cycle import Cycle
    from docsearch.library import Library

_FIRST_STAGE = ("text", "document", "meaning")


class Learning:
    """What a front end asks about learning. Not safe for several threads at once, as the library."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.states = States(library.folders.learned)
        self._embedder: tuple[Path, str, Embedder] | None = None

    @cached_property
    def live(self) -> Live:
        """What the engine adds to searches."""
        return Live(self.states, self._memory() if self.library.settings.learn.memory else None)

    def embedder_in_use(self, base: Embedder) -> Embedder:
        """The base, or what was finetuned from it for queries and is in use; pages keep their vectors."""
        folder = self._model(QUERY_MODEL)
        if folder is None:
            return base
        if self._embedder is None or self._embedder[:2] != (folder, base.fingerprint):
            self._embedder = (folder, base.fingerprint, _tuned(base, folder))
        return self._embedder[2]

    def reranker_in_use(self, base: Reranker, row: ModelRow) -> Reranker:
        """Asks the base, or what was finetuned from it as long as that is in use."""
        return _RerankerInUse(base, row, self.library.settings.models.device, lambda: self._model(RERANKER))

    def _model(self, name: str) -> Path | None:
        """The folder of a finetuned model of the state in use."""
        found = self.live()
        return found.state.models.get(name) if found and found.state else None

    def learn(self, *, promote: bool = True, keep: bool = True) -> Iterator[LearningStep | LearningOutcome]:
        """A round of learning; the last item is its outcome. See `Cycle.learn`."""
        return self._cycle.learn(promote=promote, keep=keep)

    def watch(self) -> Figures | None:
        """Compares what is in use with what was before; goes back when it is surely worse."""
        return self._cycle.watch()

    def accept(self, state: int) -> None:
        """Puts a state into use that waits for it."""
        self._cycle.accept(state)

    def reject(self, state: int) -> None:
        """Throws a state away that waits."""
        self._cycle.reject(state)

    def go_back(self) -> int:
        """Puts what was before into use again; its number, 0 for nothing learned."""
        return self._cycle.go_back()

    def status(self) -> LearningStatus:
        """What was learned so far, and what could be."""
        from docsearch.learn.cycle import parts_of
        from docsearch.learn.dataset import chosen_pages
        from docsearch.learn.fit import WEIGHTS_FROM

        settings = self.library.settings.learn
        log = self._log()
        searches, chosen = log.index.clicks.counts()
        live = self.states.read(self.states.live())
        waiting = self._waiting(live)
        shown = waiting or live
        return LearningStatus(
            logging=settings.log,
            memory=settings.memory,
            automatic=settings.automatic,
            searches=searches,
            chosen=chosen,
            queries=len(chosen_pages(log)),
            needed=WEIGHTS_FROM,
            due=self._cycle.due(),
            live=live.number if live else 0,
            live_at=live.at if live else 0.0,
            live_queries=live.queries if live else 0,
            live_parts=tuple(parts_of(live)) if live else (),
            waiting=waiting.number if waiting else 0,
            figures=shown.figures if shown else {},
            history=tuple(self.states.history()),
        )

    def due(self) -> bool:
        """Whether a round is to begin by itself."""
        settings = self.library.settings.learn
        return settings.log and settings.automatic and self._cycle.due()

    def _waiting(self, live: State | None) -> State | None:
        """A state newer than the live one that was neither accepted nor rejected."""
        decided = {e.state for e in self.states.history() if e.what in ("accepted", "rejected")}
        newer = [n for n in self.states.numbers() if n > (live.number if live else 0) and n not in decided]
        return self.states.read(newer[-1]) if newer else None

    @cached_property
    def _cycle(self) -> Cycle:
        from docsearch.learn.cycle import Cycle

        library = self.library
        return Cycle(library.engine, self._log(), self.states, _signals(library.engine.reranker))

    def _log(self) -> ClickLog:
        return ClickLog(self.library.store, self.library.settings.learn)

    def _memory(self) -> Memory:
        return Memory(self._log(), lambda query: self.library.engine.terms(query))


class _RerankerInUse:
    """Satisfies `models.protocols.Reranker` with whichever model is in use now."""

    def __init__(self, base: Reranker, row: ModelRow, device: str, tuned: Callable[[], Path | None]) -> None:
        self.base = base
        self.row = row
        self.device = device
        self.tuned = tuned
        self._loaded: tuple[Path, Reranker] | None = None

    @property
    def name(self) -> str:
        """See `Reranker`."""
        return self.base.name

    @property
    def modalities(self) -> frozenset[str]:
        """See `Reranker`."""
        return self.base.modalities

    def score(self, query: ModelInput, pages: Sequence[ModelInput]) -> NDArray[np.float32]:
        """See `Reranker`."""
        return self._now().score(query, pages)

    def _now(self) -> Reranker:
        folder = self.tuned()
        if folder is None:
            return self.base
        if self._loaded is None or self._loaded[0] != folder:
            self._loaded = (folder, self._load(folder))
        return self._loaded[1]

    def _load(self, folder: Path) -> Reranker:
        from docsearch.models.tuned import load_tuned_reranker

        try:
            return load_tuned_reranker(self.row, folder, self.device)
        except ModelUnavailable:  # made from another reranker than the one of the settings
            return self.base


def _tuned(base: Embedder, folder: Path) -> Embedder:
    from docsearch.models.tuned import load_tuned_embedder

    try:
        return load_tuned_embedder(base, folder)
    except ModelUnavailable:  # made from another embedder than the one of the settings
        return base


def _signals(reranker: HeadReranker | None) -> tuple[str, ...]:
    """What the scores of the second stage are made of."""
    if isinstance(reranker, PassageReranker):
        return tuple(field.name for field in fields(RerankWeights))
    return (reranker.model.name,) if isinstance(reranker, ModelReranker) else _FIRST_STAGE
