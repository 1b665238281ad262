"""The error tree.

    DocsearchError
    ├── UsageError           what was asked for makes no sense
    ├── SettingsError        a settings or models file is wrong
    ├── IndexUnusable        the index cannot be used
    │   ├── IndexBusy        another process is writing
    │   ├── IndexDamaged     a table or the catalog cannot be opened
    │   └── StorageFull      no space, or no permission to write
    ├── UnreadableDocument   one file cannot be read (becomes a recorded Failure)
    ├── ModelUnavailable     a model is unknown, missing or does not fit
    └── MissingExtra         an optional package is not installed

Every error carries what happened, what to do about it, and the exit code of the command line.
Exceptions of other libraries become one of these in the module that imports the library.
"""

from __future__ import annotations

from docsearch.records import FailureKind


class DocsearchError(Exception):
    """Something the user can understand: a message, a hint what to do, an exit code."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(DocsearchError):
    """What was asked for makes no sense as it stands."""

    exit_code = 2


class SettingsError(DocsearchError):
    """A settings or models file holds something that cannot be used; the message names it."""

    exit_code = 2


class IndexUnusable(DocsearchError):
    """The index as a whole cannot be used."""

    exit_code = 3


class IndexBusy(IndexUnusable):
    """Another process is writing to this index."""

    exit_code = 4


class IndexDamaged(IndexUnusable):
    """A table or the catalog cannot be opened."""


class StorageFull(IndexUnusable):
    """The disk is full, or the index folder cannot be written."""

    exit_code = 5


class UnreadableDocument(DocsearchError):
    """One file cannot be read. A loop over files records it and goes on."""

    def __init__(self, kind: FailureKind, detail: str = "") -> None:
        super().__init__(f"{kind.value}: {detail}" if detail else kind.value)
        self.kind = kind
        self.detail = detail


class ModelUnavailable(DocsearchError):
    """A model is unknown, not on this machine, or does not fit it."""

    exit_code = 6


class MissingExtra(DocsearchError):
    """An optional package is not installed; the hint says which command brings it."""

    exit_code = 7

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs packages that are not installed",
            hint=f'install them with: pip install "docsearch[{extra}]"',
        )
