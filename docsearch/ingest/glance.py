"""Reads enough of a picture to tell its page from all others: for searching with it, not for the index."""

from __future__ import annotations

import os
from functools import cached_property

from docsearch.config import OcrSettings
from docsearch.ingest.document import Document
from docsearch.ingest.ocr import OcrEngine, make_ocr

ENOUGH = 300.0
"""How much is read, in line heights: some hundred words."""


class Glance:
    """Keeps the OCR engine for the next picture."""

    def __init__(self, settings: OcrSettings) -> None:
        self.settings = settings

    def read(self, document: Document) -> str:
        """Text of the first page: its text layer, or lines recognised in its picture; empty if OCR is off."""
        text = document.page_text(1)
        if self.settings.engine == "off" or not document.needs_ocr(1, text):
            return text
        return self._engine.recognise(document.render(1, self._engine.pixels), ENOUGH).text

    @cached_property
    def _engine(self) -> OcrEngine:
        return make_ocr(self.settings.engine, self.settings.languages, threads=os.cpu_count() or 1)
