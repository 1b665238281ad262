"""Compares a root, or some paths below it, with the catalog: what is new, changed, copied, moved, gone.

Nothing is read but the content digests of files that are new or whose size or time changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from docsearch.errors import StorageFull, UnreadableDocument
from docsearch.ingest.discover import (
    IGNORE_FILE,
    Finding,
    FoundFile,
    Offline,
    content_hash,
    discover,
    discover_at,
)
from docsearch.records import Failure, FailureKind, Progress
from docsearch.store.files import FileState, StoredFile
from docsearch.store.index import Index

_REPORT_EVERY = 200


@dataclass(frozen=True, slots=True)
class Changes:
    """Where something may have changed: files and folders, and roots to be compared as a whole.

    Attributes:
        paths: each may be a file, a folder (with all below it), or gone.
        roots: roots to compare as a whole.
        settle_seconds: files in folders that were changed within this time are left alone, and reported.
    """

    paths: tuple[Path, ...] = ()
    roots: tuple[Path, ...] = ()
    settle_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """A file whose content no document holds yet."""

    root: int
    state: FileState


@dataclass(slots=True)
class Scanned:
    """What a scan came to: files to be read, and files that are still being written."""

    unread: list[UnreadFile] = field(default_factory=list)
    unsettled: list[Path] = field(default_factory=list)


@dataclass(slots=True)
class Listing:
    """What is in a place now. Files below an unreadable folder are neither there nor gone."""

    files: list[FoundFile] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def scan_root(
    index: Index, number: int, root: Path, *, retry: bool = False, settle_seconds: float = 0.0
) -> Generator[Progress | Failure, None, Scanned]:
    """Updates the catalog for one root and tells which files must be read.

    A root that is not there (an unmounted drive) is marked offline and keeps its documents.
    """
    listing = listing_of(index, root)
    index.files.set_online(number, listing is not None)
    if listing is None:
        yield Failure(root, FailureKind.UNREADABLE, "the folder is not there; its documents are kept")
        return Scanned()
    known = index.files.of_root(number)
    return (yield from _compare(index, number, root, listing, known, retry, settle_seconds))


def listing_of(index: Index, root: Path) -> Listing | None:
    """What is in a root now; None when it is not there."""
    return None if _is_unmounted(index, root) else _list(discover([root], excluded(index)))


def scan_changes(index: Index, changes: Changes) -> Generator[Progress | Failure, None, Scanned]:
    """Updates the catalog for what may have changed. A path of no root, or of one that is away, counts not.

    What is new is placed before anything is forgotten for good, so a file that was moved is not read again.
    """
    scanned = Scanned()
    roots = index.files.roots()
    paths = _outermost(path.parent if path.name == IGNORE_FILE else path for path in changes.paths)
    for number, root, _ in roots:
        if root in changes.roots:
            part = yield from scan_root(index, number, root, settle_seconds=changes.settle_seconds)
        else:
            inside = [path for path in paths if below(path, [root])]
            part = yield from _scan_paths(index, number, root, inside, changes)
        scanned.unread += part.unread
        scanned.unsettled += part.unsettled
    return scanned


def place_known(index: Index, unread: Iterable[UnreadFile]) -> list[UnreadFile]:
    """Gives files the documents that were made of their contents meanwhile; returns those to be read yet."""
    waiting = []
    for file in unread:
        document = index.documents.by_content(file.state.content)
        if document is None:
            if not _has_failed(index, file.state):
                waiting.append(file)
        elif is_current(file.state):
            index.files.clear_failures(file.state.path)
            index.files.put(file.root, file.state, document.id, document.title)
    return waiting


def _has_failed(index: Index, file: FileState) -> bool:
    """Whether the file was read in vain as it is."""
    return index.files.at(file.path).get(file.path) == StoredFile(
        file.path, file.size, file.mtime_ns, file.content, None
    )


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


def _scan_paths(
    index: Index, number: int, root: Path, paths: Sequence[Path], changes: Changes
) -> Generator[Progress | Failure, None, Scanned]:
    scanned = Scanned()
    if not paths or _is_unmounted(index, root):
        return scanned
    for path in paths:
        listing = _list(discover_at(root, path, excluded(index)))
        if listing is None:
            return scanned
        known = index.files.at(path)
        asked = any(found.path == path for found in listing.files)
        settle_seconds = 0.0 if asked else changes.settle_seconds
        part = yield from _compare(index, number, path, listing, known, False, settle_seconds)
        scanned.unread += part.unread
        scanned.unsettled += part.unsettled
    return scanned


def _compare(
    index: Index,
    number: int,
    top: Path,
    listing: Listing,
    known: Mapping[Path, StoredFile],
    retry: bool,
    settle_seconds: float,
) -> Generator[Progress | Failure, None, Scanned]:
    """Brings what the catalog knows at and below `top` in line with what is there."""
    index.files.replace_stray_failures(top, listing.failures)
    yield from listing.failures
    scanned = Scanned()
    for done, found in enumerate(listing.files):
        if done % _REPORT_EVERY == 0:
            yield Progress("scan", 0, 0, done, len(listing.files), found.path)
        if _unchanged(found, known.get(found.path), retry=retry):
            continue
        if 0 <= time.time() - found.mtime_ns / 1e9 < settle_seconds:
            scanned.unsettled.append(found.path)
            continue
        outcome = _place(index, number, found)
        if isinstance(outcome, Failure):
            yield outcome
        elif outcome is not None:
            scanned.unread.append(outcome)
    _forget_gone(index, known, listing)
    return scanned


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """The paths that lie below no other of them."""
    chosen: set[Path] = set(paths)
    return sorted(path for path in chosen if chosen.isdisjoint(path.parents))


def excluded(index: Index) -> tuple[Path, ...]:
    """Folders of our own, that may lie in a root and are none of the user's documents."""
    return (index.folder, index.folder.with_name("cache"))


def _is_unmounted(index: Index, root: Path) -> bool:
    """Whether a root that was a mount point is now the empty folder that stays when a drive is gone."""
    fact = f"mount point {os.fsencode(root).hex()}"
    was_mount = index.catalog.fact(fact) is not None
    with suppress(OSError, StorageFull):  # a folder that cannot be read, an index that cannot be written
        if not root.is_mount():
            return was_mount and root.is_dir() and not any(root.iterdir())
        if not was_mount:
            index.catalog.set_fact(fact, "yes")
    return False


def _list(findings: Iterator[Finding]) -> Listing | None:
    """What was found, or None when the root is not there."""
    listing = Listing()
    for finding in findings:
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
        if not os.path.lexists(found.path):
            return None
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
    gone = [path for path in known if path not in present and not below(path, unreadable)]
    index.files.forget(gone)


def below(path: Path, folders: Iterable[Path]) -> bool:
    """Whether a path is one of the folders or lies below one."""
    return any(path == folder or folder in path.parents for folder in folders)
