"""Holds an index against itself and against the files it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from docsearch.errors import StorageFull, UnreadableDocument
from docsearch.ingest.discover import FoundFile, content_hash
from docsearch.ingest.scan import Listing, below, listing_of
from docsearch.store.check import Checkup, Finding, Kind, check
from docsearch.store.files import StoredFile
from docsearch.store.index import Index


def verify(index: Index, *, content: bool = False) -> Checkup:
    """Checks the stores, then sizes and times of all files; with `content`, what is in them too.

    A folder that cannot be written is checked without the write lock.

    Raises:
        IndexBusy: another process is writing.
    """
    with ExitStack() as stack:
        with suppress(StorageFull):
            stack.enter_context(index.writing())
        found = check(index)
        if not any(finding.kind is Kind.CATALOG for finding in found.findings):
            found.findings += against_files(index, content=content)
    return found


def against_files(index: Index, *, content: bool = False) -> Iterator[Finding]:
    """What is gone, changed or new below the roots that are there."""
    for number, root, _ in index.files.roots():
        listing = listing_of(index, root)
        if listing is not None:
            yield from _compared(index.files.of_root(number), listing, content=content)


def _compared(known: dict[Path, StoredFile], listing: Listing, *, content: bool) -> Iterator[Finding]:
    files = {found.path: found for found in listing.files}
    unreadable = [failure.path for failure in listing.failures]
    for path, stored in known.items():
        found = files.get(path)
        if found is not None:
            yield from _compared_file(stored, found, content=content)
        elif not below(path, unreadable):
            yield Finding(Kind.GONE, "still in the results", stored.document, path)
    for path in sorted(files.keys() - known.keys()):
        yield Finding(Kind.NEW, "", path=path)


def _compared_file(stored: StoredFile, found: FoundFile, *, content: bool) -> Iterator[Finding]:
    if (found.size, found.mtime_ns) != (stored.size, stored.mtime_ns):
        yield Finding(Kind.CHANGED, "", stored.document, stored.path)
    elif content:
        with suppress(UnreadableDocument):
            if content_hash(stored.path) != stored.content:
                yield Finding(Kind.SILENT, "", stored.document, stored.path)
