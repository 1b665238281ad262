"""Reading evaluation files line by line, so that a bad line can be named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from docsearch.errors import UsageError


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Every line that is not blank, with its number from 1 and without its line end.

    Raises UsageError when the file cannot be read or is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text") from error


def bad_line(path: Path, number: int, reason: str) -> UsageError:
    """The error for line `number` of `path`; the caller raises it."""
    return UsageError(f"{path}, line {number}: {reason}")
