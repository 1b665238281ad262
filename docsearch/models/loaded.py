"""Models for searching while they are loaded: each once, however many libraries and threads ask for it.

One that takes much memory is given back when nobody asked for it for a while, and before another one is
loaded that would not fit beside it.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock, RLock, Timer
from typing import Any, Protocol, TypeVar

from docsearch.config import ModelSettings
from docsearch.models.device import free_memory

Model = TypeVar("Model")
Free = Callable[[], int | None]
"""Bytes that models can still get; None where that is not known."""


class Holder(Protocol):
    """Holds a large model of another kind, such as the one that writes answers."""

    def close(self) -> None:
        """Gives it back, now or as soon as it is not in use any more."""


@dataclass(slots=True)
class _Held:
    """A model, what it takes in bytes (0: not worth giving back), and when it was last asked for."""

    model: object
    size: int
    asked: float


class LoadedModels:
    """Holds on to models between their uses. May be used from any thread.

    A model belongs to whoever uses it: giving it back only means that it is not held here any longer. So a
    run of indexing keeps the one it began with, and whoever asks meanwhile gets the same.

    Args:
        idle_seconds: how long after it was last asked for a large model is given back.
        free: the memory that is free where large models run.
    """

    def __init__(self, idle_seconds: float, free: Free = lambda: None) -> None:
        self._idle_seconds = idle_seconds
        self._free = free
        self._loading = RLock()
        self._lock = Lock()
        self._held: dict[Hashable, _Held] = {}
        self._alive: weakref.WeakValueDictionary[Hashable, Any] = weakref.WeakValueDictionary()
        self._others: weakref.WeakSet[Holder] = weakref.WeakSet()
        self._timer: Timer | None = None

    def gives_way(self, holder: Holder) -> None:
        """Has a holder of another model closed when a model needs its room."""
        self._others.add(holder)

    def get(self, key: Hashable, load: Callable[[], Model], size: int = 0) -> Model:
        """The model of this key, loaded when it is not there; raises what `load` raises.

        Args:
            key: tells it from all other models.
            load: loads it.
            size: bytes it takes, as an estimate; 0 for one that is small and kept.
        """
        model: Model | None = self._known(key, size)
        if model is None:
            with self._loading:
                model = self._known(key, size)
                if model is None:
                    self._make_room(size)
                    model = load()
                    self._hold(key, model, size)
        return model

    def holds(self, key: Hashable) -> bool:
        """Whether the model of this key is held."""
        return key in self._held

    def give_back(self) -> bool:
        """Gives all of them back; says whether any was large."""
        with self._lock:
            large = any(held.size for held in self._held.values())
            self._held.clear()
        if large:
            free_memory()
        return large

    def _known(self, key: Hashable, size: int) -> Any:
        """The model if it is held, or used by somebody still."""
        model = self._alive.get(key)
        if model is not None:
            self._hold(key, model, size)
        return model

    def _hold(self, key: Hashable, model: object, size: int) -> None:
        with self._lock:
            self._held[key] = _Held(model, size, time.monotonic())
            self._alive[key] = model
            if size and self._timer is None:
                self._wait(self._idle_seconds)

    def _make_room(self, size: int) -> None:
        """Gives large models back, if that is how much memory one more would need."""
        if not size:
            return
        free_memory()  # what torch only keeps for later is free
        free = self._free()
        if free is None or size <= free:
            return
        with self._lock:
            large = [key for key, held in self._held.items() if held.size]
            for key in large:
                del self._held[key]
        for holder in tuple(self._others):
            holder.close()
        free_memory()

    def _wait(self, seconds: float) -> None:
        self._timer = Timer(seconds, self._rest)
        self._timer.daemon = True
        self._timer.start()

    def _rest(self) -> None:
        """Gives back what nobody asked for, and looks again when the next one may be due."""
        with self._lock:
            now = time.monotonic()
            left = {k: held.asked + self._idle_seconds - now for k, held in self._held.items() if held.size}
            idle = [key for key, seconds in left.items() if seconds <= 0]
            for key in idle:
                del self._held[key]
            self._timer = None
            if len(idle) < len(left):
                self._wait(min(seconds for seconds in left.values() if seconds > 0))
        if idle:
            free_memory()


def loaded_models(settings: ModelSettings) -> LoadedModels:
    """For all libraries of a process."""

    def free() -> int | None:
        from docsearch.models.load import free_for_models

        return free_for_models(settings.device)

    return LoadedModels(60 * settings.idle_minutes, free)
