"""Keeps Python's full collections of garbage for moments when nobody types.

One stops all threads for a tenth of a second, and would come every few seconds of typing and looking.
"""

from __future__ import annotations

import gc
from typing import Any

from textual.app import App
from textual.timer import Timer

REST_SECONDS = 1.0
YOUNG, MIDDLE, OLD = 2_000, 10, 50
"""A full collection comes unasked after a million objects at most (see `gc.set_threshold`)."""


class Garbage:
    """Collects when the user rests. There is one a process.

    Args:
        rest_seconds: the user rests when no key came for this long.
    """

    def __init__(self, rest_seconds: float = REST_SECONDS) -> None:
        self._rest_seconds = rest_seconds
        self._timer: Timer | None = None

    def start(self, app: App[Any]) -> None:
        """From now on full collections wait for a rest; once, when the app runs."""
        gc.set_threshold(YOUNG, MIDDLE, OLD)
        self._timer = app.set_interval(self._rest_seconds, self._rest)

    def touch(self) -> None:
        """A key was pressed."""
        if self._timer is not None:
            self._timer.reset()

    def _rest(self) -> None:
        """Once in a rest. What is there at the first one stays, and is never looked through again."""
        gc.collect()
        if not gc.get_freeze_count():
            gc.freeze()
        if self._timer is not None:
            self._timer.pause()
