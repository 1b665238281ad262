"""An index: its roots, how far a run is, and what there is of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from docsearch.records.documents import Failure


@dataclass(frozen=True, slots=True)
class Root:
    """A folder or file the user asked to be searchable."""

    path: Path
    online: bool
    files: int = 0
    pages: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an indexing run has come; counts are of this run."""

    tier: str
    pages_done: int
    pages_total: int
    files_done: int
    files_total: int
    current: Path | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """What the index holds, what waits, what failed, and what it costs on disk."""

    roots: tuple[Root, ...]
    documents: int
    pages: int
    pages_waiting_for_ocr: int
    pages_waiting_for_vectors: int
    failures: tuple[Failure, ...]
    index_bytes: int
    document_bytes: int
    embedder: str
    reranker: str
    device: str
    outdated: bool = False
    """Whether words are found less well than they would be in an index made anew."""
    distilled: str = ""
    """The model from which the small encoder was distilled that reads queries, as there is no GPU."""
    pages_waiting_for_tokens: int = 0
    """Pages without token vectors, where late interaction is in use."""
