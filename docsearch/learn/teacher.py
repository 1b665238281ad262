"""How a large model reads queries: its vectors, kept on disk while a smaller encoder learns from them.

What was read is written every few seconds, so that little is lost when the work is cut off.
"""

from __future__ import annotations

import json
import shutil
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from docsearch.config import owner_only, whole_file
from docsearch.errors import StorageFull
from docsearch.models.protocols import Embedder, ModelInput, Vectors
from docsearch.records import DistillStep

FIRST_BATCH, LARGEST_BATCH = 4, 64
BATCH_SECONDS = 1.0
"""A batch may take about so long: a large model without a GPU takes seconds for one query."""
SAVE_SECONDS = 10.0
_PREFIX, _NAME = "teacher-", "model"
_BROKEN = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)


class TeacherVectors:
    """Vectors of queries by their text, in a folder for one fingerprint. They are the user's own words."""

    def __init__(self, folder: Path, teacher: Embedder) -> None:
        self.folder = folder / (_PREFIX + teacher.fingerprint)
        self.teacher = teacher
        self.dimensions = teacher.dimensions
        self._vectors: dict[str, Vectors] = {}
        self._new: list[str] = []
        for file in sorted(self.folder.glob("*.npz")):
            self._read(file)

    def __contains__(self, text: str) -> bool:
        return text in self._vectors

    def of(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (len(texts), dimensions); raises KeyError for one that was not read."""
        found = [self._vectors[text] for text in texts]
        return np.stack(found).astype(np.float32) if found else np.zeros((0, self.dimensions), np.float32)

    def read(self, texts: Sequence[str], seconds: float) -> Iterator[DistillStep]:
        """Has the teacher read what was not read yet, in this order; it ends after so many seconds.

        What was read is kept when this is closed half-way. Raises StorageFull when it cannot be kept.
        """
        waiting = [text for text in dict.fromkeys(texts) if text not in self]
        known, began, size, start = len(texts) - len(waiting), time.monotonic(), FIRST_BATCH, 0
        saved = before = began
        try:
            while start < len(waiting) and before - began <= seconds:
                yield DistillStep("the model reads queries", known + start, len(texts), "queries")
                self._add(waiting[start : start + size])
                start, now = start + size, time.monotonic()
                if now - before < BATCH_SECONDS / 2:
                    size = min(2 * size, LARGEST_BATCH)
                if now - saved >= SAVE_SECONDS:
                    self._save()
                    saved = now
                before = now
        finally:
            self._save()

    def forget(self) -> None:
        """Deletes what is on disk."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _add(self, texts: Sequence[str]) -> None:
        vectors = self.teacher.embed_queries([ModelInput(text=text) for text in texts])
        for text, vector in zip(texts, vectors.astype(np.float16), strict=True):
            self._vectors[text] = vector
            self._new.append(text)

    def _save(self) -> None:
        if not self._new:
            return
        file = self.folder / f"{time.time_ns():020}.npz"
        arrays: dict[str, Any] = {
            "texts": np.frombuffer(json.dumps(self._new).encode(), np.uint8),
            "vectors": np.stack([self._vectors[text] for text in self._new]),
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(self.folder / _NAME, "w", encoding="utf-8", opener=owner_only) as name:
                name.write(self.teacher.name)
            with whole_file(file, durable=False) as target:
                np.savez(target, **arrays)
        except OSError as error:
            raise StorageFull(f"cannot write {file}: {error.strerror}") from error
        self._new = []

    def _read(self, file: Path) -> None:
        """A file that is broken is left out: its queries are read again."""
        with suppress(*_BROKEN), np.load(BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
            texts, vectors = json.loads(arrays["texts"].tobytes()), arrays["vectors"]
            if vectors.shape == (len(texts), self.dimensions) and vectors.dtype == np.float16:
                self._vectors.update(zip(texts, vectors, strict=True))


def forget_all(folder: Path, model: str) -> bool:
    """Deletes what is kept of how a model of this name reads queries; says whether there was anything."""
    found = [path.parent for path in folder.glob(f"{_PREFIX}*/{_NAME}") if _said(path) == model]
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return bool(found)


def _said(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text("utf-8")
    return ""
