"""The hits of the last search, so that `docsearch show 3` means the third of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docsearch.config import Folders, is_there, typed_path, whole_file
from docsearch.errors import UsageError
from docsearch.records import Hit

_FILE = "last-search.json"


@dataclass(frozen=True, slots=True)
class PageReference:
    """A page of a file, and the query that led there (empty when it was named directly)."""

    path: Path
    page: int
    query: str = ""
    search: str = ""
    """The id under which the search was logged; empty when it was not, or is not this page's."""
    rank: int = 0


def remember(folders: Folders, query: str, hits: Sequence[Hit], search: str = "") -> None:
    """Keeps the hits for `resolve`; a cache that cannot be written is no reason to fail.

    `search` is the id of the search in the click log.
    """
    remember_pages(folders, query, {hit.rank: (hit.path, hit.page.page) for hit in hits}, search)


def remember_pages(
    folders: Folders, query: str, pages: Mapping[int, tuple[Path, int]], search: str = ""
) -> None:
    """Keeps pages under their numbers, likewise."""
    entries = {str(number): [os.fsencode(path).hex(), page] for number, (path, page) in pages.items()}
    text = json.dumps({"query": query, "search": search, "hits": entries})
    try:
        folders.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        target = folders.cache / _FILE
        with whole_file(target, durable=False) as file:
            file.write(text.encode())
    except OSError:
        return


def resolve(folders: Folders, reference: str) -> PageReference:
    """What a person means by `3` (a hit of the last search), `report.pdf#12` or `report.pdf`.

    Raises:
        UsageError: no such hit, or no such file.
    """
    if reference.isdecimal():
        return _hit(folders, int(reference))
    name, mark, page = reference.rpartition("#")
    if not mark or not page.isdecimal():
        name, page = reference, "1"
    path = typed_path(Path(name))
    if not (is_there(path) and path.is_file()):
        raise UsageError(f"there is no file {path}", hint="give a hit's number or a path like report.pdf#12")
    return PageReference(path.resolve(), int(page))


def last_search(folders: Folders) -> str:
    """The id of the last search in the click log; empty when it was not logged."""
    try:
        return str(_stored(folders)["search"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _hit(folders: Folders, rank: int) -> PageReference:
    try:
        stored = _stored(folders)
        path, page = stored["hits"][str(rank)]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"the last search has no hit {rank}", hint="run docsearch search first") from error
    found = Path(os.fsdecode(bytes.fromhex(path)))
    return PageReference(found, page, stored["query"], stored.get("search", ""), rank)


def _stored(folders: Folders) -> Any:
    return json.loads((folders.cache / _FILE).read_text(encoding="utf-8", errors="surrogateescape"))
