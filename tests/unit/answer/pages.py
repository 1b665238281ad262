"""Pages to answer from, made by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from docsearch.answer.passages import Source
from docsearch.records import Hit, PageId, Snippet, TextSource


def source(
    text: str,
    *,
    doc: int = 1,
    page: int = 1,
    title: str = "A document",
    text_source: TextSource = TextSource.LAYER,
) -> Source:
    hit = Hit(
        rank=1,
        page=PageId(doc, page),
        path=Path(f"/library/{doc}.pdf"),
        title=title,
        pages=9,
        score=1.0,
        snippet=Snippet(""),
        source=text_source,
        modified=date(2024, 1, 1),
    )
    return Source(hit, text)
