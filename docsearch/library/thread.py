"""The questions so far, for a follow-up to build on: kept in a file for its owner only.

A file that cannot be read is a thread that was forgotten; one that cannot be written is none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from docsearch.config import whole_file
from docsearch.records import PageId, Turn

MOST_TURNS = 8
"""Older questions are forgotten."""


def load_thread(file: Path) -> tuple[Turn, ...]:
    """The turns in a file, the first one first."""
    try:
        return tuple(map(_turn, json.loads(file.read_text(encoding="utf-8"))))[-MOST_TURNS:]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return ()


def save_thread(file: Path, turns: Sequence[Turn]) -> None:
    """Keeps the last turns; the old file stands until the new one is whole."""
    text = json.dumps([_values(turn) for turn in turns[-MOST_TURNS:]])
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with whole_file(file, durable=False) as stream:
            stream.write(text.encode())


def forget_thread(file: Path) -> None:
    """Removes the file."""
    with suppress(OSError):
        file.unlink()


def _values(turn: Turn) -> dict[str, Any]:
    return {
        "question": turn.question.encode("utf-8", "replace").decode(),
        "text": turn.text.encode("utf-8", "replace").decode(),
        "pages": [[page.doc, page.page] for page in turn.pages],
    }


def _turn(values: Any) -> Turn:
    pages = tuple(PageId(int(doc), int(page)) for doc, page in values["pages"])
    return Turn(str(values["question"]), str(values["text"]), pages)
