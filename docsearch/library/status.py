"""What an index holds, what waits and what it costs, as the front ends tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docsearch.models.registry import Role
from docsearch.records import Root, Status
from docsearch.store.index import Index

if TYPE_CHECKING:
    from docsearch.library.models import ChosenModels


def roots_of(index: Index) -> tuple[Root, ...]:
    """The folders and files that are searched."""
    files = index.files
    return tuple(Root(path, online, *files.counts(number)) for number, path, online in files.roots())


def status_of(index: Index, models: ChosenModels) -> Status:
    """Everything `docsearch status` tells. Loads no model but the one that ships."""
    documents, pages, size = index.documents.totals()
    return Status(
        roots=roots_of(index),
        documents=documents,
        pages=pages,
        pages_waiting_for_ocr=sum(map(len, index.documents.waiting_for_ocr().values())),
        pages_waiting_for_vectors=_pages_without_vectors(index, models),
        failures=tuple(index.files.failures()),
        index_bytes=index.size_bytes(),
        document_bytes=size,
        embedder=models.settings.models.embedder,
        reranker=models.settings.models.reranker,
        device=models.device(),
        outdated=index.outdated(),
        distilled=reading.model if (reading := models.reads_queries(index)) else "",
        pages_waiting_for_tokens=_pages_without_tokens(index, models),
    )


def _pages_without_tokens(index: Index, models: ChosenModels) -> int:
    """Pages that wait for late interaction, by what there is of a model of that name."""
    row = models.row(models.settings.models.reranker)
    if row is None or row.role is not Role.LATE_INTERACTION:
        return 0
    documents = index.documents.get(index.documents.live()).values()
    made = index.token_vectors.pages_of_models(list(documents)).get(row.name, 0)
    return sum(document.pages for document in documents) - made


def _pages_without_vectors(index: Index, models: ChosenModels) -> int:
    """Pages that wait for the embedder of the settings; for one that is slow to load, by what was noted."""
    if models.embedder is None:
        return 0
    if models.slow_to_load:
        _, pages, _ = index.documents.totals()
        return pages - models.pages_with_vectors(index)
    waiting = index.documents.waiting_for_vectors(models.embedder_now.fingerprint)
    return sum(document.pages for document in waiting)
