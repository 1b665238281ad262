"""Keeps the pages that were looked at last, within a bound on memory. Knows no screen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docsearch.library.views import PageView

MOST_BYTES = 12_000_000


class PageCache:
    """Page views by what was asked for; the ones not used for longest go first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._views: OrderedDict[Hashable, PageView] = OrderedDict()
        self._changed: dict[Hashable, int] = {}
        self.bytes = 0

    def __contains__(self, key: Hashable) -> bool:
        return key in self._views

    def get(self, key: Hashable) -> PageView | None:
        """What was kept under the key."""
        view = self._views.get(key)
        if view is not None:
            self._views.move_to_end(key)
        return view

    def changed(self, key: Hashable) -> int:
        """When the file had last changed as the view was drawn; 0 when that is not known."""
        return self._changed.get(key, 0)

    def put(self, key: Hashable, view: PageView, changed: int = 0) -> None:
        """Keeps a view, unless it alone is too large."""
        self.drop(key)
        self._views[key], self._changed[key] = view, changed
        self.bytes += _bytes(view)
        while self.bytes > self._most:
            self.drop(next(iter(self._views)))

    def clear(self) -> None:
        """Forgets all."""
        self._views.clear()
        self._changed.clear()
        self.bytes = 0

    def drop(self, key: Hashable) -> None:
        """Forgets a view."""
        view = self._views.pop(key, None)
        self._changed.pop(key, None)
        if view is not None:
            self.bytes -= _bytes(view)


def _bytes(view: PageView) -> int:
    return view.image.width * view.image.height * len(view.image.getbands())
