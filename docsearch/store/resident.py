"""The vectors of one table in memory, compared with a query by one matrix product. Knows no LanceDB."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docsearch.records import PageId
from docsearch.store.tables import PAGE_BITS, Selection, page_of

Numbers = NDArray[np.int64]
Vectors = NDArray[np.float32]

_FREE = -1
_ROOM = 1.25


class Resident:
    """The vectors of a table as it was at `version`. A change costs what came and went, not all rows.

    A row is known by its number and its address on disk: one that is written again has another address.
    """

    def __init__(self, dimensions: int) -> None:
        self.version = -1
        self._ids = np.zeros(0, np.int64)
        self._addresses = np.zeros(0, np.int64)
        self._vectors = np.zeros((0, dimensions), np.float32)
        self._ascending = np.zeros(0, np.int64)

    def keep(self, ids: Numbers, addresses: Numbers) -> NDArray[np.bool_]:
        """Forgets all rows but these; says which of these are not here."""
        slots, found = _find(addresses, self._addresses, np.argsort(self._addresses))
        found[found] = self._ids[slots[found]] == ids[found]
        kept = np.zeros(len(self._ids), bool)
        kept[slots[found]] = True
        self._ids[~kept] = self._addresses[~kept] = _FREE
        self._ascending = np.argsort(self._ids)
        return ~found

    def add(self, ids: Numbers, addresses: Numbers, vectors: Vectors) -> None:
        """Takes rows in; room is made when forgotten ones have left too little."""
        free = np.flatnonzero(self._ids == _FREE)
        if len(free) < len(ids):
            self._grow(len(ids) - len(free))
            free = np.flatnonzero(self._ids == _FREE)
        slots = free[: len(ids)]
        self._ids[slots], self._addresses[slots], self._vectors[slots] = ids, addresses, vectors
        self._ascending = np.argsort(self._ids)

    def nearest(self, vector: Vectors, limit: int, selection: Selection) -> list[tuple[PageId, float]]:
        """See `VectorTable.nearest`."""
        slots = np.flatnonzero(self._selected(selection))
        with one_thread():
            if len(slots) > len(self._ids) / 2:
                similarities = (self._vectors @ vector)[slots]
            else:
                similarities = self._vectors[slots] @ vector
        if limit < len(slots):
            near = np.flatnonzero(similarities >= np.partition(similarities, -limit)[-limit])
            slots, similarities = slots[near], similarities[near]
        best = np.lexsort((self._ids[slots], -similarities))[:limit]
        return [(page_of(int(self._ids[slots[i]])), float(similarities[i])) for i in best]

    def of(self, ids: Sequence[int]) -> tuple[Numbers, Vectors]:
        """Those of these row numbers that are here, and their vectors."""
        slots, found = _find(np.array(sorted(set(ids)), np.int64), self._ids, self._ascending)
        return self._ids[slots[found]], self._vectors[slots[found]]

    def _grow(self, rows: int) -> None:
        """Makes room for so many rows, and for some more when there were any before."""
        held = len(self._ids)
        more = max(rows, int((_ROOM - 1) * held))
        self._ids, self._addresses = (
            np.pad(old, (0, more), constant_values=_FREE) for old in (self._ids, self._addresses)
        )
        vectors = np.zeros((held + more, self._vectors.shape[1]), np.float32)
        vectors[:held] = self._vectors
        self._vectors = vectors

    def _selected(self, selection: Selection) -> NDArray[np.bool_]:
        chosen: NDArray[np.bool_] = self._ids != _FREE
        if selection.documents is not None:
            chosen &= np.isin(self._ids >> PAGE_BITS, np.array(sorted(selection.documents), np.int64))
        if selection.leading_pages is not None:
            chosen &= (self._ids & ((1 << PAGE_BITS) - 1)) <= selection.leading_pages
        return chosen


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """NumPy's products by one thread: several wait for each other ten times as long as one works."""
    limit: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limit


def _find(wanted: Numbers, numbers: Numbers, ascending: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    """Where each wanted number stands among `numbers`, whose order is `ascending`, and whether it does."""
    if not len(numbers):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    places = np.searchsorted(numbers, wanted, sorter=ascending)
    slots = ascending[np.minimum(places, len(numbers) - 1)]
    return slots, numbers[slots] == wanted
