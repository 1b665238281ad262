"""What can be completed in the query line: folders, kinds of file and years of one index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from docsearch.records import KIND_GROUPS
from docsearch.store.index import Index

MOST_FOLDERS = 2000


def completions(index: Index) -> Mapping[str, tuple[str, ...]]:
    """Values for `in`, `type`, `after` and `before`, the commonest first."""
    folders, years = Counter[str](), Counter[int]()
    for number, root, _ in index.files.roots():
        for path, file in index.files.of_root(number).items():
            folders.update(_folders(path, root))
            years[date.fromtimestamp(file.mtime_ns / 1e9).year] += 1
    days = tuple(str(year) for year in sorted(years, reverse=True))
    known = tuple(folder for folder, _ in folders.most_common(MOST_FOLDERS))
    return {"in": known, "type": _kinds(index), "after": days, "before": days}


def _folders(path: Path, root: Path) -> list[str]:
    """The names of the folders from the root down to the file."""
    below = path.relative_to(root).parts[:-1] if path.is_relative_to(root) else ()
    return [root.name, *below]


def _kinds(index: Index) -> tuple[str, ...]:
    documents = index.documents.get(index.documents.live()).values()
    kinds = Counter(document.kind for document in documents)
    groups = [name for name, members in KIND_GROUPS.items() if any(kind in kinds for kind in members)]
    return tuple(dict.fromkeys([*(kind for kind, _ in kinds.most_common()), *groups]))
