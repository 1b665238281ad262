"""What is asked of an index that a watcher may be writing to: roots it is to take, or to forget."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from docsearch.errors import IndexBusy, UsageError
from docsearch.store.index import Index
from docsearch.watch.state import running_watcher


def hand_over(index: Index, paths: Iterable[Path]) -> bool:
    """Adds the paths as roots for a running watcher to index; False when there is no watcher."""
    if running_watcher(index.folder) is None:
        return False
    for path in paths:
        index.files.add_root(path)
    return True


def remove_root(index: Index, path: Path) -> int:
    """Forgets a root; returns how many files it had. A watcher that is writing sweeps its pages.

    Raises:
        UsageError: the path is no root.
        IndexBusy: another process is writing, and no watcher is there to tidy up after it.
    """
    for number, root, _ in index.files.roots():
        if root == path:
            files, *_ = index.files.counts(number)
            _remove(index, number)
            return files
    raise UsageError(f"{path} is not indexed as a root", hint="docsearch roots lists them")


def _remove(index: Index, root: int) -> None:
    try:
        with index.writing():
            index.files.remove_root(root)
            index.sweep()
    except IndexBusy:
        if running_watcher(index.folder) is None:
            raise
        index.files.remove_root(root)
