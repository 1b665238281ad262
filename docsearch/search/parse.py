"""The query language: words, "exact phrases", -without, and filters such as in:folder or after:2024-01.

    in:invoices  type:pdf  type:image  after:2024-01  before:2025  title:budget  title:"annual report"

A query is always text. Something that looks like a path or an address is looked for as words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

from docsearch.errors import UsageError
from docsearch.records import KIND_GROUPS, Filters, Query

FILTER_NAMES = ("in", "type", "after", "before", "title")

_PART = re.compile(
    rf"""(?P<minus>-)?(?:(?P<key>(?ai:{"|".join(FILTER_NAMES)})):)?(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"]+))"""
)
_OTHER_NAMES = {"jpg": "jpeg", "tif": "tiff", "markdown": "md"}


def parse(raw: str, image: Path | None = None) -> Query:
    """The query that a person typed, with a picture beside it if one is given.

    Raises:
        UsageError: a date filter is not a date.
    """
    words: list[str] = []
    phrases: list[str] = []
    excluded: list[str] = []
    filters = Filters()
    for part in _PART.finditer(raw):
        value = part["quoted"] if part["quoted"] is not None else part["plain"]
        if not value.strip():
            continue
        if part["key"] and not part["minus"]:
            filters = _with_filter(filters, part["key"].lower(), value)
        elif part["minus"]:
            excluded.append(value if not part["key"] else f"{part['key']}:{value}")
        elif part["quoted"] is not None:
            phrases.append(value)
        else:
            words.append(value)
    return Query(raw, " ".join(words), tuple(phrases), tuple(excluded), filters, image)


def _with_filter(filters: Filters, key: str, value: str) -> Filters:
    match key:
        case "in":
            return replace(filters, folders=(*filters.folders, _folder(value)))
        case "type":
            return replace(filters, types=(*filters.types, *_types(value)))
        case "title":
            return replace(filters, titles=(*filters.titles, value))
        case "after":
            return replace(filters, after=_day(key, value))
        case _:
            return replace(filters, before=_day(key, value))


def _folder(value: str) -> str:
    """The folder with ~ replaced by the home folder it stands for, if it stands for one."""
    folder = Path(value)
    with suppress(RuntimeError):
        folder = folder.expanduser()
    return str(folder)


def _types(value: str) -> list[str]:
    names = [name.strip(" .").lower() for name in value.split(",")]
    return [kind for name in names if name for kind in _kinds(name)]


def _kinds(name: str) -> Iterable[str]:
    return sorted(KIND_GROUPS[name]) if name in KIND_GROUPS else (_OTHER_NAMES.get(name, name),)


def _day(key: str, value: str) -> date:
    """The first day of a year, a month, or the day itself."""
    match = re.fullmatch(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", value)
    try:
        if match:
            return date(int(match[1]), int(match[2] or 1), int(match[3] or 1))
    except ValueError:
        pass
    raise UsageError(
        f"{key}:{value} is not a date", hint=f"write {key}:2024, {key}:2024-01 or {key}:2024-01-31"
    )
