"""The queries of the past, in a file that only its owner can read. Knows no screen."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from docsearch.config import whole_file

MOST = 500
"""Older queries are forgotten."""


class History:
    """Past queries, the last one first, each once. A file that cannot be used is done without.

    Args:
        path: where they are kept; None keeps them until the program ends.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._queries: list[str] | None = None

    @property
    def queries(self) -> list[str]:
        """All of them, the last one first."""
        if self._queries is None:
            self._queries = self._read()
        return self._queries

    def add(self, query: str) -> None:
        """Remembers a query."""
        query = " ".join(query.split())
        if query and query != next(iter(self.queries), None):
            self._queries = [query, *(past for past in self.queries if past != query)][:MOST]
            self._write()

    def forget(self) -> None:
        """Forgets all, on disk too."""
        self._queries = []
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()

    def beginning(self, words: str) -> str | None:
        """The last query that begins with these words."""
        return next((query for query in self.queries if query.startswith(words) and query != words), None)

    def _read(self) -> list[str]:
        with suppress(OSError):
            if self._path is not None:
                lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
                return [line for line in lines if line.strip()][:MOST]
        return []

    def _write(self) -> None:
        if self._path is None:
            return
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with whole_file(self._path, durable=False) as file:
                file.write(("\n".join(self.queries) + "\n").encode("utf-8", "replace"))


class Walk:
    """A walk through the past and back to what was being typed."""

    def __init__(self, queries: list[str], typed: str) -> None:
        self._stops = [typed, *(query for query in queries if query != typed)]
        self._at = 0

    def step(self, back: int) -> str:
        """So many queries further back, or forward again; stays at the ends."""
        self._at = min(max(self._at + back, 0), len(self._stops) - 1)
        return self._stops[self._at]
