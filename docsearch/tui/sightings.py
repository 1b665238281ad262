"""Tells the library what the user saw of a search and did with its hits, for learning from it.

A search counts once it stood: the user paused at it, moved, opened, copied or judged something, or left
it with hits on screen for a while. Half-typed queries are never told. Nothing here waits or fails visibly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from textual.dom import DOMNode
from textual.timer import Timer

if TYPE_CHECKING:
    from docsearch.records import Hit, Impression, LoggedSearch, PageId, SearchResult
    from docsearch.tui.ports import LibraryPort
    from docsearch.tui.session import Session

FRONT = "screen"
STANDS_SECONDS = 1.0
"""A search that nothing else follows for this long was meant."""
QUIET_SECONDS = 3.0
"""Nothing is told until no other search came for this long: a search that follows a write takes longer."""
LONGEST_LOOK_SECONDS = 60.0
"""Somebody who looks longer at one hit has most likely left."""


@dataclass(slots=True)
class Deeds:
    """What was done with one hit; see `Impression`."""

    seen: bool = False
    focus_seconds: float = 0.0
    preview_seconds: float = 0.0
    opened: int = 0
    copied: int = 0
    verdict: int = 0

    def on(self, impression: Impression) -> Impression:
        """The impression with what was done."""
        return replace(
            impression,
            seen=self.seen,
            focus_seconds=self.focus_seconds,
            preview_seconds=self.preview_seconds,
            opened=self.opened,
            copied=self.copied,
            verdict=self.verdict,
        )


@dataclass(slots=True, eq=False)
class Sighting:
    """One search and what was done with its hits. `id` and `at` are set when it is first told."""

    result: SearchResult
    deeds: dict[PageId, Deeds] = field(default_factory=dict)
    stands: bool = False
    id: str = ""
    at: float = 0.0

    def of(self, page: PageId) -> Deeds | None:
        """What was done with a page; None for one that is no hit."""
        if all(hit.page != page for hit in self.result.hits):
            return None
        return self.deeds.setdefault(page, Deeds())

    def logged(self, begun: LoggedSearch) -> LoggedSearch:
        """What is told of it, always under one id."""
        if not self.id:
            self.id, self.at = begun.id, begun.at
        pages = {hit.rank: hit.page for hit in self.result.hits}
        impressions = tuple(
            self.deeds.get(pages[impression.rank], Deeds()).on(impression) for impression in begun.impressions
        )
        return replace(begun, id=self.id, at=self.at, impressions=impressions)


class Sightings:
    """Follows the searches of a screen.

    Args:
        node: the screen.
        on_screen: the hits that can be seen now.
        told: called when something was told.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        node: DOMNode,
        session: Session,
        on_screen: Callable[[], Iterable[Hit]],
        told: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node = node
        self._session = session
        self._on_screen = on_screen
        self._told = told
        self._clock = clock
        self._waiting: list[Sighting] = []
        self._now: Sighting | None = None
        self._stands: Timer | None = None
        self._tells: Timer | None = None
        self._focused: tuple[PageId, float] | None = None
        self._previewed: tuple[PageId, float] | None = None

    def shows(self, result: SearchResult, *, again: bool) -> None:
        """Another search is shown, or another order of the same one."""
        self._wait()
        if again and self._now is not None:
            self._now.result = result
            return
        self.leave()
        self._now = Sighting(result)
        self._stands = self._node.set_timer(STANDS_SECONDS, self.stand)

    def stand(self) -> None:
        """The search was meant: what is on screen was seen."""
        if self._now is not None and not self._now.stands:
            self._now.stands = True
            self._waiting.append(self._now)
            self.sees()

    def sees(self) -> None:
        """Other hits can be seen."""
        if self._now is not None and self._now.stands:
            for hit in self._on_screen():
                deeds = self._now.of(hit.page)
                if deeds is not None:
                    deeds.seen = True
            self._changed()

    def at(self, hit: Hit | None, *, moved: bool) -> None:
        """The cursor stands on a hit; `moved` when the user put it there."""
        page = hit.page if hit is not None else None
        if self._focused is None or self._focused[0] != page:
            self._end_looks()
            self._focused = (page, self._clock()) if page is not None else None
        if moved:
            self.stand()

    def previews(self, page: PageId) -> None:
        """A page is in the preview."""
        if self._previewed is None or self._previewed[0] != page:
            self._end_preview()
            self._previewed = (page, self._clock())

    def opened(self, page: PageId) -> None:
        """A page was opened in a viewer."""
        self._count(page, opened=1)

    def copied(self, page: PageId) -> None:
        """The path, the text or the citation of a page was copied."""
        self._count(page, copied=1)

    def judged(self, page: PageId, right: bool | None) -> None:
        """A hit was called right or wrong, or neither any more."""
        self.stand()
        deeds = self._now.of(page) if self._now is not None else None
        if deeds is not None:
            deeds.seen, deeds.verdict = True, {True: 1, False: -1, None: 0}[right]
            self._changed()

    def leave(self) -> None:
        """The search is left."""
        self._end_looks()
        self._end_preview()
        if self._stands is not None:
            self._stands.stop()
        self._now = self._focused = self._previewed = None

    def _end_looks(self) -> None:
        if self._focused is not None and self._now is not None:
            page, since = self._focused
            deeds = self._now.of(page)
            if deeds is not None:
                deeds.focus_seconds += self._since(since)
                self._changed()

    def _end_preview(self) -> None:
        if self._previewed is not None and self._now is not None:
            page, since = self._previewed
            deeds = self._now.of(page)
            if deeds is not None:
                deeds.preview_seconds += self._since(since)
                self._changed()

    def _since(self, start: float) -> float:
        return min(self._clock() - start, LONGEST_LOOK_SECONDS)

    def _count(self, page: PageId, *, opened: int = 0, copied: int = 0) -> None:
        self.stand()
        deeds = self._now.of(page) if self._now is not None else None
        if deeds is not None:
            deeds.opened += opened
            deeds.copied += copied
            self._changed()

    def _changed(self) -> None:
        """Something is to be told, some time."""
        if self._now is not None and self._now.stands:
            if self._now not in self._waiting:
                self._waiting.append(self._now)
            self._wait()

    def _wait(self) -> None:
        """Tells when it is quiet."""
        if self._tells is not None:
            self._tells.stop()
        self._tells = self._node.set_timer(QUIET_SECONDS, self.tell)

    def tell(self) -> None:
        """Tells what is known of the searches that stood."""
        waiting, self._waiting = self._waiting, []
        for sighting in waiting:
            told = replace(sighting, deeds={page: replace(deeds) for page, deeds in sighting.deeds.items()})
            self._session.facts.tell(partial(_log, sighting, told), self._session.boundary.log.write)
        if waiting:
            self._told()


def _log(sighting: Sighting, told: Sighting, library: LibraryPort) -> None:
    """Keeps a state of a search; runs where the library lives. `sighting` remembers its id."""
    begun = library.clicks.begin(told.result, FRONT)
    if begun is not None:
        told.id, told.at = sighting.id, sighting.at
        search = told.logged(begun)
        sighting.id, sighting.at = told.id, told.at
        library.clicks.put(search)
