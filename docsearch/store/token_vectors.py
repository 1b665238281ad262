"""Token vectors of pages, for late interaction: several hundred vectors a page, read a few pages at a time.

They lie in files of their own beside the tables, named by the content of the document: making them takes
seconds a page, and so a document that moves keeps them, and so does an index that is made anew. What goes
gives its room back at once. Whether a document is searchable is not known here.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from docsearch.config import whole_file
from docsearch.errors import StorageFull
from docsearch.store import generation
from docsearch.store.documents import StoredDocument

Tokens = NDArray[np.float16]
"""Shape (tokens, dimensions); no tokens for a page that could not be shown to the model."""

FOLDER = "token-vectors"
PAGES_A_FILE = 4
"""As many are lost when the making is stopped: at seconds a page that should be few."""
_SUFFIX = ".tokens"
_MODEL = "model.json"
_HEAD = struct.Struct("<8sHHI")
"""Mark, dimensions, pages, and how many of the pages waited for OCR."""
_MARK = b"tokens 1"


@dataclass(frozen=True, slots=True)
class Span:
    """Pages of a document that share a file, both ends included."""

    document: StoredDocument
    first: int
    last: int

    @property
    def pages(self) -> range:
        """Their numbers."""
        return range(self.first, self.last + 1)


@dataclass(frozen=True, slots=True)
class _Head:
    dimensions: int
    waited: int
    lengths: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return _HEAD.size + 4 * len(self.lengths) + 2 * self.dimensions * sum(self.lengths)


class TokenVectors:
    """The token vectors of one model, half precision. Files appear whole or not at all."""

    def __init__(self, folder: Path, dimensions: int) -> None:
        self.folder = folder
        self.dimensions = dimensions

    def begin(self, model: str) -> None:
        """Makes the folder and notes whose vectors these are. Raises StorageFull."""
        with _errors(self.folder):
            for folder in (self.folder.parent, self.folder):
                folder.mkdir(exist_ok=True, mode=0o700)
            if _model_of(self.folder) != model:
                with whole_file(self.folder / _MODEL) as file:
                    file.write(json.dumps({"model": model}).encode())

    def write(self, span: Span, pages: Sequence[NDArray[np.floating]], waited: int = 0) -> None:
        """Keeps the vectors of these pages, shape (tokens, dimensions) each; `waited` of them for OCR.

        Raises StorageFull.
        """
        assert len(pages) == len(span.pages)
        lengths = np.array([len(page) for page in pages], "<u4")
        head = _HEAD.pack(_MARK, self.dimensions, len(pages), waited)
        body = [np.ascontiguousarray(page, "<f2").tobytes() for page in pages]
        with _errors(self.folder):
            path = self._path(span.document.content, span.first)
            path.parent.mkdir(exist_ok=True, mode=0o700)
            with whole_file(path) as file:
                file.writelines([head, lengths.tobytes(), *body])

    def read(self, content: str, pages: Iterable[int]) -> dict[int, Tokens]:
        """The vectors of these pages of a document, by page; those that are not there are left out."""
        wanted: dict[int, list[int]] = {}
        for page in pages:
            wanted.setdefault(_first(page), []).append(page)
        found: dict[int, Tokens] = {}
        for first, together in wanted.items():
            with suppress(OSError, ValueError), self._path(content, first).open("rb") as file:
                found |= self._read(file, first, together)
        return found

    def missing(
        self, documents: Iterable[StoredDocument], waiting: Mapping[int, Sequence[int]] | None = None
    ) -> Iterator[Span]:
        """What is still to be made.

        With `waiting`, the pages of each document that wait for OCR, also what was made before OCR had read
        pages that it has read since: for models that look at the text.
        """
        for document in documents:
            for first in range(1, document.pages + 1, PAGES_A_FILE):
                span = Span(document, first, min(first + PAGES_A_FILE - 1, document.pages))
                head = self._head(span)
                if head is None or (waiting is not None and head.waited > pages_waiting(span, waiting)):
                    yield span

    def pages(self, documents: Iterable[StoredDocument]) -> int:
        """How many pages of these documents have vectors, as far as there are files for them."""
        there = self._names()
        return sum(
            min(PAGES_A_FILE, document.pages - first + 1)
            for document in documents
            for first in range(1, document.pages + 1, PAGES_A_FILE)
            if _name(document.content, first) in there
        )

    def _names(self) -> set[str]:
        return {path.name for path in self.folder.glob(f"*/*{_SUFFIX}")}

    def _path(self, content: str, first: int) -> Path:
        name = _name(content, first)
        return self.folder / name[:2] / name

    def _head(self, span: Span) -> _Head | None:
        """What the file of these pages begins with; None when it is not there, or not whole."""
        with suppress(OSError, ValueError):
            path = self._path(span.document.content, span.first)
            with path.open("rb") as file:
                head = self._read_head(file)
            if len(head.lengths) == len(span.pages) and path.stat().st_size == head.size:
                return head
        return None

    def _read_head(self, file: BinaryIO) -> _Head:
        start = file.read(_HEAD.size)
        if len(start) != _HEAD.size:
            raise ValueError("the file ends early")
        mark, dimensions, pages, waited = _HEAD.unpack(start)
        if mark != _MARK or dimensions != self.dimensions or pages > PAGES_A_FILE:
            raise ValueError("the file is none of this model's")
        lengths = np.frombuffer(file.read(4 * pages), "<u4")
        if len(lengths) != pages:
            raise ValueError("the file ends early")
        return _Head(dimensions, waited, tuple(lengths.tolist()))

    def _read(self, file: BinaryIO, first: int, pages: Iterable[int]) -> dict[int, Tokens]:
        head = self._read_head(file)
        if os.fstat(file.fileno()).st_size != head.size:
            raise ValueError("the file ends early")
        starts = np.cumsum((0, *head.lengths)) * 2 * head.dimensions + file.tell()
        found: dict[int, Tokens] = {}
        for page in pages:
            place = page - first
            if 0 <= place < len(head.lengths) and head.lengths[place]:
                file.seek(int(starts[place]))
                content = file.read(2 * head.dimensions * head.lengths[place])
                found[page] = np.frombuffer(content, "<f2").reshape(-1, head.dimensions)
        return found


class TokenVectorFolders:
    """The token vectors of all models in an index folder, one folder a fingerprint."""

    def __init__(self, index_folder: Path) -> None:
        self.folder = index_folder / FOLDER

    def of(self, fingerprint: str, dimensions: int) -> TokenVectors:
        """Those of one model."""
        return TokenVectors(self.folder / fingerprint, dimensions)

    def pages_of_models(self, documents: Sequence[StoredDocument]) -> dict[str, int]:
        """How many pages of these documents have token vectors, by the name of the model."""
        pages: dict[str, int] = {}
        for folder in self._folders():
            model = _model_of(folder)
            pages[model] = max(pages.get(model, 0), TokenVectors(folder, 0).pages(documents))
        return pages

    def supersede(self, fingerprint: str, model: str) -> None:
        """Deletes what a model of this name made when its row or weights were others."""
        others = [folder for folder in self._folders() if folder.name != fingerprint]
        generation.remove(folder for folder in others if _model_of(folder) == model)

    def sweep(self, contents: Iterable[str]) -> None:
        """Deletes what belongs to none of these contents, and what a crash left. For the writer only."""
        if not self.folder.is_dir():
            return
        live = {_stem(content) for content in contents}
        for path in self.folder.glob("*/*/*"):
            if path.suffix != _SUFFIX or path.name.partition("-")[0] not in live:
                with suppress(OSError):
                    path.unlink()

    def _folders(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*") if path.is_dir())


def _first(page: int) -> int:
    """The first page of the file that a page is in."""
    return (page - 1) // PAGES_A_FILE * PAGES_A_FILE + 1


def _stem(content: str) -> str:
    """A name for a content that is one whatever the content's digest says: a catalog may be anybody's."""
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def _name(content: str, first: int) -> str:
    return f"{_stem(content)}-{first:06d}{_SUFFIX}"


def pages_waiting(span: Span, waiting: Mapping[int, Sequence[int]]) -> int:
    """How many of these pages wait for OCR."""
    return sum(page in span.pages for page in waiting.get(span.document.id, ()))


def _model_of(folder: Path) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((folder / _MODEL).read_bytes())["model"])
    return ""


@contextmanager
def _errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFull(
            f"cannot write {folder}: {error.strerror}",
            hint="free some space; vectors that were made are kept, and the next run goes on",
        ) from error
