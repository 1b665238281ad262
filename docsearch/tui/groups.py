"""Hits of one document belong together: groups, the rows they are listed in, and where rows stay. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docsearch.records import Hit

PAGES_SHOWN = 2
"""Further pages of a document that are listed below its best one before they are unfolded, at least."""


@dataclass(frozen=True, slots=True)
class Folding:
    """How groups are listed.

    Attributes:
        unfolded: documents whose pages are all listed.
        head: lines of a document's best page.
        shown: further pages that are listed in any case.
    """

    unfolded: frozenset[int] = frozenset()
    head: int = 4
    shown: int = PAGES_SHOWN

    @staticmethod
    def filling(lines: int, groups: int, head: int, unfolded: frozenset[int]) -> Folding:
        """As many pages of each document as there is room for when there are few documents."""
        room = lines // groups - head - 2 if groups else 0
        return Folding(unfolded, head, max(PAGES_SHOWN, room))


@dataclass(frozen=True, slots=True)
class Group:
    """The hits of one document, best first; at least one."""

    hits: tuple[Hit, ...]

    @property
    def document(self) -> int:
        """The document's number."""
        return self.hits[0].page.doc


class RowKind(Enum):
    """What a row of the list is."""

    HEAD = "the best page of a document"
    PAGE = "another page of it"
    FOLD = "how many pages are folded"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the list. `top` is its first line, `hit` what it stands for."""

    kind: RowKind
    hit: Hit
    top: int
    height: int
    folded: int = 0
    """Of a fold, how many pages it hides; negative when it hides none and could."""


def grouped(hits: Iterable[Hit]) -> list[Group]:
    """Groups in the order of their best hits."""
    documents: dict[int, list[Hit]] = {}
    for hit in hits:
        documents.setdefault(hit.page.doc, []).append(hit)
    return [Group(tuple(members)) for members in documents.values()]


def listed(groups: Sequence[Group], folding: Folding) -> list[Row]:
    """The rows of the groups one below the other, with an empty line behind each group."""
    rows: list[Row] = []
    top = 0
    for group in groups:
        for row in _rows(group, folding):
            rows.append(replace(row, top=top))
            top += row.height
        top += 1
    return rows


def _rows(group: Group, folding: Folding) -> list[Row]:
    best, *others = group.hits
    unfolded = group.document in folding.unfolded
    folds = len(others) > folding.shown + 1
    shown = others if unfolded or not folds else others[: folding.shown]
    rows = [Row(RowKind.HEAD, best, 0, folding.head), *(Row(RowKind.PAGE, hit, 0, 1) for hit in shown)]
    if folds:
        hidden = -len(others) if unfolded else len(others) - folding.shown
        rows.append(Row(RowKind.FOLD, best, 0, 1, hidden))
    return rows


def height_of(group: Group, folding: Folding) -> int:
    """Lines that a group takes, the empty one behind it with them."""
    return sum(row.height for row in _rows(group, folding)) + 1


def keep_in_place(
    new: Sequence[Group], kept: Group, lines_above: int, folding: Folding
) -> tuple[list[Group], int]:
    """The new order with `kept` as it is where it was, and how many lines further down it has come.

    As many groups are put above it as fill the lines that were above it; what they are too many, the
    list has to be scrolled by.
    """
    others = [group for group in new if group.document != kept.document]
    above, lines = 0, 0
    while lines < lines_above and above < len(others):
        lines += height_of(others[above], folding)
        above += 1
    return [*others[:above], _renewed(kept, new), *others[above:]], lines - lines_above


def _renewed(kept: Group, new: Sequence[Group]) -> Group:
    """The group in its old order, with what is newly known of its hits; hits that are new come last."""
    known = {hit.page: hit for group in new if group.document == kept.document for hit in group.hits}
    old = [known.pop(hit.page, hit) for hit in kept.hits]
    return Group((*old, *known.values()))
