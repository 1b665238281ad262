"""What was searched and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Impression:
    """A page in a list of results, and what the user did with it. It names content, not a document number.

    Attributes:
        rank: its place in the list, from 1.
        content: digest of the document's content.
        page: page number from 1.
        path: where the document lay then.
        seen: whether it was on screen.
        focus_seconds: how long the cursor stood on it.
        preview_seconds: how long its page was looked at.
        opened: how many times it was opened in a viewer.
        copied: how many times its path, text or citation was copied.
        verdict: 1 when the user called it right, -1 when wrong, 0 without a word.
    """

    rank: int
    content: str
    page: int
    path: Path
    seen: bool = False
    focus_seconds: float = 0.0
    preview_seconds: float = 0.0
    opened: int = 0
    copied: int = 0
    verdict: int = 0

    @property
    def chosen(self) -> bool:
        """Whether the user opened or copied it, or called it right."""
        return self.verdict > 0 or (self.verdict == 0 and bool(self.opened or self.copied))


@dataclass(frozen=True, slots=True)
class LoggedSearch:
    """A search the user made, and what came of it.

    Attributes:
        id: 32 hexadecimal digits, drawn at random.
        at: when, in seconds since 1970.
        query: as it was typed, filters included.
        front: where it was asked: "cli" or "screen".
        learned: number of the learned state that answered; 0 before anything was learned.
        impressions: what was shown, in order.
    """

    id: str
    at: float
    query: str
    front: str
    learned: int = 0
    impressions: tuple[Impression, ...] = ()
