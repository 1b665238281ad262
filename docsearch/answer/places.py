"""Where the words of a quote stand on its page, as boxes to draw. Pure."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from docsearch.records import Box, Word

_BUCKET = 8
_SLACK = 12
_SAME_LINE = 0.6


def quote_boxes(words: Sequence[Word], quote: str) -> tuple[Box, ...]:
    """A box for each run of the quote's words along a line of the page, in reading order.

    The words of a page need not be cut as its text is: what is not found is left out.
    """
    page = [_plain(word.text) for word in words]
    wanted = [plain for part in quote.split() if (plain := _plain(part))]
    return _joined([words[place].box for place in sorted(_places(page, wanted))])


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum()) or folded.strip()


def _places(page: list[str], wanted: list[str]) -> set[int]:
    """Places of the wanted words on the page: there where most of them stand together."""
    votes = Counter(
        (place - number) // _BUCKET
        for number, word in enumerate(wanted)
        for place, other in enumerate(page)
        if word == other
    )
    if not votes:
        return set()
    near = {bucket: votes[bucket] + votes[bucket + 1] for bucket in list(votes)}
    start = max(0, max(near, key=lambda bucket: (near[bucket], -bucket)) * _BUCKET - _SLACK)
    window = page[start : start + len(wanted) + 2 * _SLACK + 2 * _BUCKET]
    blocks = SequenceMatcher(None, window, wanted, autojunk=False).get_matching_blocks()
    return {start + block.a + offset for block in blocks for offset in range(block.size)}


def _joined(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """Boxes with those that follow each other on one line made one."""
    joined: list[Box] = []
    for box in boxes:
        if joined and _on_one_line(joined[-1], box):
            last = joined[-1]
            joined[-1] = Box(
                min(last.x0, box.x0), min(last.y0, box.y0), max(last.x1, box.x1), max(last.y1, box.y1)
            )
        else:
            joined.append(box)
    return tuple(joined)


def _on_one_line(left: Box, right: Box) -> bool:
    shared = min(left.y1, right.y1) - max(left.y0, right.y0)
    height = min(left.y1 - left.y0, right.y1 - right.y0)
    gap = right.x0 - left.x1
    return shared >= _SAME_LINE * height and -0.01 <= gap <= 0.03
