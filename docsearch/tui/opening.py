"""Opens the libraries of the app's threads, once the first frame is out. Knows no screen."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docsearch.config import ModelSettings
    from docsearch.models.loaded import LoadedModels
    from docsearch.tui.ports import LibraryPort


class Libraries:
    """Opens a library whenever it is called, from any thread; all of them share their large models.

    What a library is made of is imported with the first one: the first frame needs none of it.

    Args:
        home: where index and settings are, instead of the usual folders.
        models: how long models are held, and where they run.
    """

    def __init__(self, home: Path | None, models: ModelSettings) -> None:
        self._home = home
        self._models = models
        self._lock = Lock()
        self._loaded: LoadedModels | None = None

    def __call__(self) -> LibraryPort:
        """A library of its own for the thread that calls."""
        from docsearch.library import Library
        from docsearch.models.loaded import loaded_models

        with self._lock:
            if self._loaded is None:
                self._loaded = loaded_models(self._models)
        return Library(self._home, loaded=self._loaded)
