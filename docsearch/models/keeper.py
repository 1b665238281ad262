"""Keeps one generator at a time, for as long as it is asked: loaded when needed, given back when idle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Timer

from docsearch.errors import ModelUnavailable
from docsearch.models.protocols import Generator

Load = Callable[[], Generator]


class Keeper:
    """At most one generator. It may be closed from any thread; one in use is given back after its use.

    Args:
        idle_seconds: how long after its last use it gives its memory back.
    """

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._lock = Lock()
        self._generator: Generator | None = None
        self._key: object = None
        self._in_use = False
        self._unwanted = False
        self._timer: Timer | None = None

    def holds(self, key: object) -> bool:
        """Whether the generator of this key is loaded."""
        return self._generator is not None and self._key == key

    @contextmanager
    def generator(self, key: object, load: Load) -> Iterator[Generator]:
        """The generator of this key, for the `with` block; another one is given back before it is loaded.

        Raises ModelUnavailable when it is in use already, and what `load` raises.
        """
        with self._lock:
            if self._in_use:
                raise ModelUnavailable("the model still answers another question")
            self._in_use = True
            self._cancel()
        try:
            if not self.holds(key):
                self._give_back()
                self._generator, self._key = load(), key
            assert self._generator is not None
            yield self._generator
        finally:
            with self._lock:
                self._in_use = False
                self._rest()

    def close(self) -> None:
        """Gives it back, now or as soon as it is not in use any more."""
        with self._lock:
            self._cancel()
            self._unwanted = self._in_use
            if not self._in_use:
                self._give_back()

    def _rest(self) -> None:
        """After a use: gives it back if that was asked for meanwhile, or when it stays idle."""
        if self._unwanted:
            self._unwanted = False
            self._give_back()
            return
        self._timer = Timer(self._idle_seconds, self.close)
        self._timer.daemon = True
        self._timer.start()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _give_back(self) -> None:
        if self._generator is not None:
            self._generator.close()
        self._generator = self._key = None
