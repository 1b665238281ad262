"""A line for the path of a folder or file that exists; completes folder names as they are typed."""

from __future__ import annotations

from pathlib import Path

from textual.suggester import Suggester
from textual.widgets import Input

from docsearch.config import is_there, typed_path


def path_in(text: str) -> Path:
    """The absolute path that was typed, with ~ for home."""
    return typed_path(Path(text.strip()))


def problem_with(text: str) -> str | None:
    """Why a typed path cannot be added; None when it can."""
    if not text.strip():
        return "Type the path of a folder or a file."
    return None if is_there(path_in(text)) else f"There is no {text.strip()}"


class FolderSuggester(Suggester):
    """Suggests the first folder whose name begins as typed.

    Args:
        files: whether files are suggested too.
    """

    def __init__(self, *, files: bool) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._files = files

    async def get_suggestion(self, value: str) -> str | None:
        """The completed path."""
        head, slash, start = value.rpartition("/")
        if not slash or not start:
            return None
        try:
            below = [p for p in path_in(head + "/").iterdir() if p.name.startswith(start)]
            names = sorted(p.name for p in below if self._files or p.is_dir())
        except (OSError, ValueError, RuntimeError):
            return None
        return f"{head}/{names[0]}" if names else None


class PathInput(Input):
    """A line for a path; the right arrow takes the suggestion."""

    def __init__(self, *, id: str | None = None, files: bool = False) -> None:
        placeholder = "~/Pictures/page.jpg" if files else "~/Documents"
        super().__init__(placeholder=placeholder, id=id, suggester=FolderSuggester(files=files))
