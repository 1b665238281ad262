"""What the user did with results, and what it says about pages: the click log with its meaning.

A page that was opened last in a search was most likely the one wanted: of those opened before it the
user went on looking (Joachims et al., SIGIR 2005). A verdict counts more than any click.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from docsearch.config import LearnSettings
from docsearch.errors import IndexUnusable, UsageError
from docsearch.records import Impression, LoggedSearch, PageId, SearchResult
from docsearch.store.index import Index

RIGHT, LAST, PASSED = 2.0, 1.0, 0.3
"""How relevant a page is that was called right, that was opened last, and opened before others."""
_LONG_LOOK_SECONDS = 20.0
_RANK_SECONDS = 1.0


class ClickLog:
    """Keeps searches with what came of them. What is kept stays on this machine."""

    def __init__(self, index: Index, settings: LearnSettings, learned: Callable[[], int] = lambda: 0) -> None:
        """`learned` tells the number of the learned state that answers searches now."""
        self.index = index
        self.settings = settings
        self.learned = learned

    def begin(self, result: SearchResult, front: str) -> LoggedSearch | None:
        """A search as it was answered, for `put`; None when nothing is to be logged of it.

        Searches by picture and those without hits are not logged.
        """
        if not self.settings.log or result.query.image is not None or not result.hits:
            return None
        documents = self.index.documents.get({hit.page.doc for hit in result.hits})
        shown = tuple(
            Impression(hit.rank, documents[hit.page.doc].content, hit.page.page, hit.path)
            for hit in result.hits
            if hit.page.doc in documents
        )
        return LoggedSearch(
            secrets.token_hex(16), time.time(), result.query.raw, front, self.learned(), shown
        )

    def seen_whole(self, result: SearchResult, front: str) -> str:
        """Stores a search all hits of which are on screen; its id, or nothing when it is not logged."""
        search = self.begin(result, front)
        if search is None:
            return ""
        shown = tuple(replace(impression, seen=True) for impression in search.impressions)
        return search.id if self.put(replace(search, impressions=shown)) else ""

    def put(self, search: LoggedSearch) -> bool:
        """Stores a search as it is now, in the place of what was stored of it; says whether it could be.

        Logging never gets in the way of searching: an index that cannot be written is left as it is.
        """
        if not self.settings.log:
            return False
        try:
            self.index.follow()
            self.index.clicks.put(search)
        except IndexUnusable:
            return False
        return True

    def mark(
        self, identifier: str, rank: int, *, opened: int = 0, copied: int = 0, verdict: int | None = None
    ) -> bool:
        """Adds to what is known of one hit of a stored search; says whether there is such a hit."""
        search = self.index.clicks.get(identifier) if identifier else None
        if search is None or all(impression.rank != rank for impression in search.impressions):
            return False
        impressions = tuple(
            replace(
                impression,
                opened=impression.opened + opened,
                copied=impression.copied + copied,
                verdict=impression.verdict if verdict is None else verdict,
                seen=True,
            )
            if impression.rank == rank
            else impression
            for impression in search.impressions
        )
        return self.put(replace(search, impressions=impressions))

    def page_of(self, impression: Impression) -> PageId | None:
        """The page as it is indexed now: of the same content, or else of the file at the same path."""
        document = self.index.documents.by_content(impression.content)
        if document is None or document.id not in self.index.documents.live():
            number = self.index.files.document_of(impression.path)
            document = None if number is None else self.index.documents.get([number]).get(number)
        return (
            PageId(document.id, impression.page) if document and impression.page <= document.pages else None
        )

    def find(self, start: str) -> str:
        """The id of the one search that begins so; raises UsageError when there is none or several."""
        found = self.index.clicks.beginning_with(start.lower()) if start else []
        if len(found) != 1:
            raise UsageError(
                f"{len(found) or 'no'} logged searches begin with {start!a}",
                hint="docsearch clicks lists them with their numbers",
            )
        return found[0]


def relevance(search: LoggedSearch) -> dict[int, float]:
    """What the user's doing says of the hits, by rank: above 0 for what was wanted, 0 for what was not.

    Only hits are named of which it says anything: those that were chosen or called wrong.
    """
    chosen = [impression for impression in search.impressions if impression.chosen]
    if not chosen and not any(impression.verdict for impression in search.impressions):
        return {}
    wanted = {i.rank: RIGHT if i.verdict > 0 else PASSED for i in chosen}
    clicked = [i.rank for i in chosen if i.verdict == 0]
    if clicked:
        wanted[_last(search, clicked)] = LAST
    return wanted | {i.rank: 0.0 for i in search.impressions if i.verdict < 0}


def examined(search: LoggedSearch) -> frozenset[int]:
    """The ranks the user looked at: what was on screen, and all above a page that was chosen."""
    deepest = max((i.rank for i in search.impressions if i.chosen or i.verdict), default=0)
    return frozenset(i.rank for i in search.impressions if i.seen or i.rank <= deepest)


def _last(search: LoggedSearch, ranks: list[int]) -> int:
    """Which of the chosen hits was most likely the last: that looked at longest, then the lowest."""
    looked = {i.rank: min(i.preview_seconds, _LONG_LOOK_SECONDS) for i in search.impressions}
    return max(ranks, key=lambda rank: (looked[rank] // _RANK_SECONDS, rank))


# -- as values -------------------------------------------------------------------------------------


def as_values(search: LoggedSearch) -> dict[str, object]:
    """A search as JSON values; paths as hexadecimal bytes too, for names that are no text."""
    return {
        "id": search.id,
        "at": search.at,
        "query": search.query,
        "front": search.front,
        "learned": search.learned,
        "shown": [_impression_values(impression) for impression in search.impressions],
    }


def from_values(values: Mapping[str, object]) -> LoggedSearch:
    """What `as_values` made; raises ValueError when it is something else."""
    try:
        shown = values["shown"]
        if not isinstance(shown, list):
            raise TypeError("no list")
        impressions = tuple(_impression(row) for row in shown)
        identifier = str(values["id"])
        if len(identifier) != 32 or not set(identifier) <= set("0123456789abcdef"):
            raise ValueError("an id has 32 hexadecimal digits")
        at, learned = float(values["at"]), int(values.get("learned", 0))  # type: ignore[arg-type, call-overload]
        return LoggedSearch(
            identifier, at, str(values["query"]), str(values.get("front", "")), learned, impressions
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a logged search") from error


def grades(searches: Iterable[LoggedSearch]) -> Iterator[tuple[str, Impression, int]]:
    """(query, page, grade) of what was chosen: 2 when called right or opened last, 1 when opened; 0 wrong."""
    for search in searches:
        said = relevance(search)
        for impression in search.impressions:
            if impression.rank in said:
                value = said[impression.rank]
                yield search.query, impression, 2 if value >= LAST else int(value > 0)


def _impression_values(impression: Impression) -> dict[str, object]:
    path = str(impression.path)
    return {
        "rank": impression.rank,
        "content": impression.content,
        "page": impression.page,
        "path": path.encode("utf-8", "replace").decode(),
        "path_bytes": os.fsencode(impression.path).hex(),
        "seen": impression.seen,
        "focus_seconds": round(impression.focus_seconds, 3),
        "preview_seconds": round(impression.preview_seconds, 3),
        "opened": impression.opened,
        "copied": impression.copied,
        "verdict": impression.verdict,
    }


def _impression(row: Mapping[str, object]) -> Impression:
    return Impression(
        rank=int(row["rank"]),  # type: ignore[call-overload]
        content=str(row["content"]),
        page=int(row["page"]),  # type: ignore[call-overload]
        path=Path(os.fsdecode(bytes.fromhex(str(row["path_bytes"])))),
        seen=bool(row.get("seen")),
        focus_seconds=float(row.get("focus_seconds", 0)),  # type: ignore[arg-type]
        preview_seconds=float(row.get("preview_seconds", 0)),  # type: ignore[arg-type]
        opened=int(row.get("opened", 0)),  # type: ignore[call-overload]
        copied=int(row.get("copied", 0)),  # type: ignore[call-overload]
        verdict=max(-1, min(1, int(row.get("verdict", 0)))),  # type: ignore[call-overload]
    )
