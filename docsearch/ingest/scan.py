"""Compares a root's files with the catalog: what is new, changed, copied, moved or gone.

Nothing is read but the content digests of files that are new or whose size or time changed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from docsearch.errors import UnreadableDocument
from docsearch.ingest.discover import FoundFile, Offline, content_hash, discover
from docsearch.records import Failure, FailureKind, Progress
from docsearch.store.files import FileState, StoredFile
from docsearch.store.index import Index

_REPORT_EVERY = 200


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """A file whose content no document holds yet."""

    root: int
    state: FileState


@dataclass(slots=True)
class Listing:
    """What is in a root now. Files below an unreadable folder are neither there nor gone."""

    files: list[FoundFile] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def scan_root(
    index: Index, number: int, root: Path, *, retry: bool = False
) -> Generator[Progress | Failure, None, list[UnreadFile]]:
    """Updates the catalog for one root and returns the files that must be read.

    A root that is not there (an unmounted drive) is marked offline and keeps its documents.
    """
    listing = _list(index, root)
    index.files.set_online(number, listing is not None)
    if listing is None:
        yield Failure(root, FailureKind.UNREADABLE, "the folder is not there; its documents are kept")
        return []
    index.files.replace_stray_failures(root, listing.failures)
    yield from listing.failures
    known = index.files.of_root(number)
    unread = []
    for done, found in enumerate(listing.files):
        if done % _REPORT_EVERY == 0:
            yield Progress("scan", 0, 0, done, len(listing.files), found.path)
        stored = known.get(found.path)
        if _unchanged(found, stored, retry=retry):
            continue
        outcome = _place(index, number, found)
        if isinstance(outcome, Failure):
            yield outcome
        elif outcome is not None:
            unread.append(outcome)
    _forget_gone(index, known, listing)
    return unread


def is_current(file: FileState | StoredFile) -> bool:
    """Whether the file is still there with the size and time it is known by."""
    try:
        now = file.path.stat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (file.size, file.mtime_ns)


def current_paths(index: Index, documents: Iterable[int]) -> dict[int, Path]:
    """A file to read each document from; none for one whose files are away or changed since."""
    held = index.files.of_documents(documents)
    current = ((number, filter(is_current, files)) for number, files in held.items())
    return {number: file.path for number, files in current for file in islice(files, 1)}


def _list(index: Index, root: Path) -> Listing | None:
    """What is in the root, or None when it is not there."""
    listing = Listing()
    for finding in discover([root], excluded=(index.folder, index.folder.with_name("cache"))):
        match finding:
            case FoundFile():
                listing.files.append(finding)
            case Failure():
                listing.failures.append(finding)
            case Offline():
                return None
    return listing


def _unchanged(found: FoundFile, stored: StoredFile | None, *, retry: bool) -> bool:
    if stored is None or (found.size, found.mtime_ns) != (stored.size, stored.mtime_ns):
        return False
    return stored.document is not None or not retry


def _place(index: Index, root: int, found: FoundFile) -> UnreadFile | Failure | None:
    """Gives a file the document that already holds its content; else it is to be read."""
    try:
        digest = content_hash(found.path)
    except UnreadableDocument as error:
        failure = Failure(found.path, error.kind, error.detail)
        index.files.put_failure(failure)
        return failure
    state = FileState(found.path, found.size, found.mtime_ns, digest)
    document = index.documents.by_content(digest)
    if document is None:
        return UnreadFile(root, state)
    index.files.clear_failures(found.path)
    index.files.put(root, state, document.id, document.title)
    return None


def _forget_gone(index: Index, known: Iterable[Path], listing: Listing) -> None:
    present = {found.path for found in listing.files}
    unreadable = [failure.path for failure in listing.failures]
    gone = [path for path in known if path not in present and not _below(path, unreadable)]
    index.files.forget(gone)


def _below(path: Path, folders: list[Path]) -> bool:
    return any(path == folder or folder in path.parents for folder in folders)
