"""Learning from clicks for one library: a round, what is in use, the way back. Wiring, not work."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import NDArray

from docsearch.errors import ModelUnavailable, StorageFull, UsageError
from docsearch.learn.clicks import ClickLog
from docsearch.learn.job import JOB
from docsearch.learn.live import Live
from docsearch.learn.memory import Memory
from docsearch.learn.process import RESULT
from docsearch.learn.state import QUERY_MODEL, RERANKER, State, States
from docsearch.models.distilled import DistilledQueries
from docsearch.models.loaded import LoadedModels
from docsearch.models.memory import torch_bytes
from docsearch.models.protocols import Embedder, ModelInput, Reranker
from docsearch.models.registry import ModelRow, Role, Runtime
from docsearch.records import Figures, LearningOutcome, LearningStatus, LearningStep, TrainingStatus
from docsearch.search.late import LateReranker
from docsearch.search.rerank import HeadReranker, ModelReranker, PassageReranker, RerankWeights

if TYPE_CHECKING:
    import numpy as np

    from docsearch.learn.cycle import Cycle
    from docsearch.learn.finetuning import Finetuning
    from docsearch.library import Library

_FIRST_STAGE = ("text", "document", "meaning")


class Learning:
    """What a front end asks about learning. Not safe for several threads at once, as the library."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.states = States(library.folders.learned)

    @cached_property
    def live(self) -> Live:
        """What the engine adds to searches."""
        memory = self._memory() if self.library.settings.learn.memory else None
        return Live(self.states, memory, lambda: _signals(self.library.engine.reranker))

    def embedder_in_use(self, base: Embedder) -> Embedder:
        """The base, or what was finetuned from it for queries and is in use; pages keep their vectors."""
        folder = self._model(QUERY_MODEL)
        if folder is None or isinstance(base, DistilledQueries):
            return base
        size = _size(self.library.model_row(base.name))
        return self.library.loaded.get((folder, base.fingerprint), lambda: _tuned(base, folder), size)

    def reranker_in_use(self, base: Reranker, row: ModelRow) -> Reranker:
        """Asks the base, or what was finetuned from it as long as that is in use."""
        device, loaded = self.library.settings.models.device, self.library.loaded
        return _RerankerInUse(base, row, device, loaded, lambda: self._model(RERANKER))

    def _model(self, name: str) -> Path | None:
        """The folder of a finetuned model of the state in use."""
        found = self.live()
        return found.state.models.get(name) if found and found.state else None

    def learn(self, *, promote: bool = True, keep: bool = True) -> Iterator[LearningStep | LearningOutcome]:
        """A round of learning; the last item is its outcome. See `Cycle.learn`."""
        return self.cycle.learn(promote=promote, keep=keep)

    def watch(self) -> Figures | None:
        """Compares what is in use with what was before; goes back when it is surely worse."""
        return self.cycle.watch() if self.states.live() else None

    def accept(self, state: int) -> None:
        """Puts a state into use that waits for it."""
        self.states.accept(state)

    def reject(self, state: int) -> None:
        """Throws a state away that waits."""
        self.states.reject(state)

    def go_back(self) -> int:
        """Puts what was before into use again; its number, 0 for nothing learned."""
        return self.states.go_back()

    def status(self) -> LearningStatus:
        """What was learned so far, and what could be."""
        from docsearch.learn.cycle import is_due, parts_of
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
            due=is_due(log, self.states),
            live=live.number if live else 0,
            live_at=live.at if live else 0.0,
            live_queries=live.queries if live else 0,
            live_parts=tuple(parts_of(live)) if live else (),
            waiting=waiting.number if waiting else 0,
            figures=shown.figures if shown else {},
            history=tuple(self.states.history()),
            training=self.training(),
        )

    # -- finetuning ----------------------------------------------------------------------------

    def start_finetuning(self, role: str = "embedder") -> int:
        """Starts training a model of the settings in a process of its own, or goes on with one that was
        paused; the number of its pairs, 0 when it goes on.

        Raises:
            UsageError: there is too little to learn from, or nothing of that role to train.
            MissingExtra: packages for training are missing.
        """
        from docsearch.learn import process

        process.require_packages()
        finetuning, folder = self._finetuning(role), self._job_folder(role)
        state = process.training(folder).state
        if (folder / JOB).is_file() and state in (process.State.RUNNING, process.State.DONE):
            return 0
        pairs = 0
        if not (folder / JOB).is_file() or state is process.State.FAILED:
            pairs = finetuning.prepare()
        process.start(folder)
        return pairs

    def pause_finetuning(self, role: str = "embedder") -> None:
        """What was learned is saved and the process ends; `start_finetuning` goes on."""
        from docsearch.learn import process

        process.pause(self._job_folder(role))

    def finish_finetuning(self, role: str = "embedder", *, promote: bool = True) -> LearningOutcome:
        """Judges what was trained, puts it into use when it is better, and deletes the job."""
        finetuning = self._finetuning(role)
        tuned = self.library.engine.variant(self.library.engine.weights, rerank=True)
        result = self._job_folder(role) / RESULT
        if role == "embedder":
            base = self.library.base_embedder()
            if isinstance(base, DistilledQueries):
                base = self.library.chosen_models.embedder_now
            tuned.embedder = lambda: _opened(base, result)
        else:
            tuned.reranker = self._tuned_reranker(result)
        outcome = finetuning.finish(tuned, promote=promote)
        finetuning.drop()
        return outcome

    def training(self) -> TrainingStatus:
        """The finetuning that runs, waits or has just ended; an empty one when there is none."""
        from docsearch.learn import process

        for role in ("embedder", "reranker"):
            folder = self._job_folder(role)
            if (folder / JOB).is_file():
                found = process.training(folder)
                steps = process.progress(folder)
                last = steps[-1] if steps else None
                return TrainingStatus(
                    role,
                    found.state.value,
                    found.reason,
                    last.step if last else 0,
                    last.of if last else 0,
                    tuple((s.step, s.loss) for s in steps if s.loss is not None),
                    tuple((s.step, s.ndcg10) for s in steps if s.ndcg10 is not None),
                )
        return TrainingStatus()

    def export_model(self, target: Path) -> Path:
        """Copies the finetuned model in use, a folder that Sentence Transformers opens; returns the copy.

        Raises UsageError when none is in use, or the target is there already.
        """
        folder = self._model(QUERY_MODEL) or self._model(RERANKER)
        if folder is None:
            raise UsageError("no finetuned model is in use", hint="docsearch learn finetune trains one")
        if target.exists():
            raise UsageError(f"{target} is there already")
        try:
            shutil.copytree(folder, target)
        except OSError as error:
            raise StorageFull(f"cannot write {target}: {error.strerror or error}") from error
        return target

    def _job_folder(self, role: str) -> Path:
        return self.states.folder / f"training-{role}"

    def _finetuning(self, role: str) -> Finetuning:
        from docsearch.learn.finetuning import Finetuning

        models = self.library.settings.models
        name = models.embedder if role == "embedder" else models.reranker
        row = self.library.model_row(name)
        if row is None:
            hint = "docsearch learn fits the built-in reranker and needs no training"
            raise UsageError(f"there is no {role} to train", hint=hint if role == "reranker" else "")
        if row.role not in (Role.EMBEDDER, Role.RERANKER):
            raise UsageError(f"'{name}' is a {row.role} model, and docsearch does not train these")
        return Finetuning(self.cycle, row, self._job_folder(role), models.device)

    def _tuned_reranker(self, folder: Path) -> HeadReranker | None:
        from docsearch.models.tuned import load_tuned_reranker

        now = self.library.engine.reranker
        row = self.library.model_row(self.library.settings.models.reranker)
        if not isinstance(now, ModelReranker) or row is None:
            return now
        model = load_tuned_reranker(row, folder, self.library.settings.models.device)
        return ModelReranker(now.index, model, now.render, now.pixels)

    def due(self) -> bool:
        """Whether a round is to begin by itself."""
        from docsearch.learn.cycle import is_due

        settings = self.library.settings.learn
        return settings.log and settings.automatic and is_due(self._log(), self.states)

    def _waiting(self, live: State | None) -> State | None:
        """A state newer than the live one that was neither accepted nor rejected."""
        decided = {e.state for e in self.states.history() if e.what in ("accepted", "rejected")}
        newer = [n for n in self.states.numbers() if n > (live.number if live else 0) and n not in decided]
        return self.states.read(newer[-1]) if newer else None

    @cached_property
    def cycle(self) -> Cycle:
        """Rounds of learning for this library."""
        from docsearch.learn.cycle import Cycle

        library = self.library
        return Cycle(library.engine, self._log(), self.states, _signals(library.engine.reranker))

    def _log(self) -> ClickLog:
        return ClickLog(self.library.store, self.library.settings.learn)

    def _memory(self) -> Memory:
        return Memory(self._log(), lambda query: self.library.engine.terms(query))


class _RerankerInUse:
    """Satisfies `models.protocols.Reranker` with whichever model is in use now."""

    def __init__(
        self,
        base: Reranker,
        row: ModelRow,
        device: str,
        loaded: LoadedModels,
        tuned: Callable[[], Path | None],
    ) -> None:
        self.base = base
        self.row = row
        self.device = device
        self.loaded = loaded
        self.tuned = tuned

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
        return self.loaded.get((folder, self.row), lambda: self._load(folder), _size(self.row))

    def _load(self, folder: Path) -> Reranker:
        from docsearch.models.tuned import load_tuned_reranker

        try:
            return load_tuned_reranker(self.row, folder, self.device)
        except ModelUnavailable:  # made from another reranker than the one of the settings
            return self.base


def _size(row: ModelRow | None) -> int:
    """What a finetuned model takes: as much as the one it was made from."""
    return 0 if row is None or row.runtime is Runtime.STARTER else torch_bytes(row, half=False) or 1


def _opened(base: Embedder, folder: Path) -> Embedder:
    from docsearch.models.tuned import load_tuned_embedder

    return load_tuned_embedder(base, folder)


def _tuned(base: Embedder, folder: Path) -> Embedder:
    try:
        return _opened(base, folder)
    except ModelUnavailable:  # made from another embedder than the one of the settings
        return base


def _signals(reranker: HeadReranker | None) -> tuple[str, ...]:
    """What the scores of the second stage are made of."""
    if isinstance(reranker, PassageReranker):
        return tuple(field.name for field in fields(RerankWeights))
    return (reranker.model.name,) if isinstance(reranker, ModelReranker | LateReranker) else _FIRST_STAGE
