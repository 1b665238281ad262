"""Reader processes for one run, made from the settings; pools start when a tier first needs them."""

from __future__ import annotations

import os
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from docsearch.config import Settings
from docsearch.ingest.workers import Limits, OcrSetup, WorkerPool

_ANALYZE = "docsearch.store.analyzer:analyze_page"


class Readers:
    """Makes worker pools and closes them at the end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._stack = ExitStack()
        self._text: WorkerPool | None = None

    @property
    def passwords(self) -> tuple[str, ...]:
        """Passwords to try on encrypted files."""
        return self.settings.index.passwords

    def text_pool(self) -> WorkerPool:
        """Workers that read text layers and analyze them; always the same ones."""
        if self._text is None:
            pool = WorkerPool(self._processes(), limits=self._limits(), analyse=_ANALYZE)
            self._text = self._stack.enter_context(pool)
        return self._text

    def ocr_pool(self) -> WorkerPool:
        """Workers that recognise text in page images, one thread each, at low priority."""
        ocr = self.settings.ocr
        setup = OcrSetup(ocr.engine, ocr.languages, threads=1)
        pool = WorkerPool(self._processes(), limits=self._limits(), niceness=5, ocr=setup)
        return self._stack.enter_context(pool)

    def picture_pool(self) -> WorkerPool:
        """Workers that render pages for the embedder."""
        return self._stack.enter_context(WorkerPool(self._processes(), limits=self._limits(), niceness=5))

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
        self._stack.close()
