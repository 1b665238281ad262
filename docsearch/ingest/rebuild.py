"""Makes the index anew from the files, beside the old one, which is searched until the new is complete."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import closing

from docsearch.config import Settings
from docsearch.errors import UsageError
from docsearch.ingest.pipeline import Indexer, Tier
from docsearch.models.protocols import Embedder
from docsearch.records import Failure, Progress
from docsearch.store import generation
from docsearch.store.carry import carry_all
from docsearch.store.clicks import carry_clicks
from docsearch.store.index import Index, maker


def rebuild(
    index: Index,
    settings: Settings,
    embedder: Callable[[], Embedder] | None,
    *,
    ocr_again: bool = False,
    drop_missing: bool = False,
) -> Iterator[Progress | Failure]:
    """Reads all files again; `index` is the new one afterwards.

    Roots and what else the user gave are kept, and so is what OCR has read, by content, unless
    `ocr_again`. One that was stopped goes on where it was. `drop_missing` accepts that documents of
    roots that are not there are lost. Document numbers go on, so that a page that is on somebody's
    screen is never taken for another one.

    Raises:
        IndexBusy: another process is writing.
        StorageFull: there is no room; the old index stays.
        UsageError: a root is not there.
    """
    with index.writing():
        if not drop_missing:
            _check_roots(index)
        place = generation.begin(index.folder, _recipe(index, ocr_again=ocr_again))
        old = generation.current(index.folder) / generation.CATALOG
        with closing(Index(place)) as new:
            if not new.files.roots():
                carry_all(old, new.catalog, costly=not ocr_again)
                new.documents.number_from(index.documents.last_number())
            yield from Indexer(new, settings, embedder).run((), tiers=tuple(Tier))
            _same_roots(index, new)
            carry_clicks(index.catalog, new.catalog)
        index.replace_by(place)


def _check_roots(index: Index) -> None:
    for _, root, _ in index.files.roots():
        if not root.exists():
            raise UsageError(
                f"{root} is not there, and a new index would lose its documents",
                hint="bring it back, or go on without it: docsearch rebuild --drop-missing",
            )


def _same_roots(index: Index, new: Index) -> None:
    """Roots that were added or removed meanwhile; added ones are read by the next run."""
    roots = {root for _, root, _ in index.files.roots()}
    for number, root, _ in new.files.roots():
        if root not in roots:
            new.files.remove_root(number)
    for root in roots:
        new.files.add_root(root)


def _recipe(index: Index, *, ocr_again: bool) -> str:
    """What an unfinished rebuild must have been begun with to go on."""
    roots = hashlib.blake2b(digest_size=16)
    for _, root, _ in index.files.roots():
        roots.update(os.fsencode(root) + b"\0")
    return f"rebuild {maker()} {roots.hexdigest()} ocr again: {ocr_again}"
