"""Reader processes for one run, made from the settings; pools start when a tier first needs them."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from docsearch.config import Settings
from docsearch.ingest.workers import Limits, OcrSetup, WorkerPool

_ANALYZE = "docsearch.store.analyzer:analyze_page"


class Readers:
    """Makes worker pools and closes them: one pool lives at a time, each tier has the memory to itself."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pool: WorkerPool | None = None
        self._is_text = False

    @property
    def passwords(self) -> tuple[str, ...]:
        """Passwords to try on encrypted files."""
        return self.settings.index.passwords

    def text_pool(self) -> WorkerPool:
        """Workers that read text layers and analyze them; the same ones until another pool is asked for."""
        if self._pool is not None and self._is_text:
            return self._pool
        pool = WorkerPool(self._processes(), limits=self._limits(), analyse=_ANALYZE)
        return self._use(pool, is_text=True)

    def ocr_pool(self) -> WorkerPool:
        """Workers that recognise text in page images, one thread each, at low priority."""
        ocr = self.settings.ocr
        setup = OcrSetup(ocr.engine, ocr.languages, threads=1)
        return self._use(WorkerPool(self._processes(), limits=self._limits(), niceness=5, ocr=setup))

    def picture_pool(self) -> WorkerPool:
        """Workers that render pages for the embedder."""
        return self._use(WorkerPool(self._processes(), limits=self._limits(), niceness=5))

    def close(self) -> None:
        """Ends all reader processes."""
        if self._pool is not None:
            self._pool.close()
        self._pool = None

    def _use(self, pool: WorkerPool, *, is_text: bool = False) -> WorkerPool:
        self.close()
        self._pool, self._is_text = pool, is_text
        return pool

    def _processes(self) -> int:
        return self.settings.index.workers or os.cpu_count() or 1

    def _limits(self) -> Limits:
        index = self.settings.index
        return Limits(
            page_seconds=index.page_seconds,
            file_seconds=index.file_seconds,
            memory_mb=index.memory_mb,
            max_file_mb=index.max_file_mb,
            max_pages=index.max_pages,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
