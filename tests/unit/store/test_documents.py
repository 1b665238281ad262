from __future__ import annotations

from pathlib import Path

import numpy as np

from docsearch.records import PageId
from docsearch.store.index import Index
from docsearch.store.pages import TermQuery
from tests.stored import add_document, add_pages, file_state, root_of


def test_a_document_is_live_when_it_is_ready_and_a_file_holds_it(index: Index) -> None:
    number = index.documents.begin("digest", 10)
    assert index.documents.live() == set()
    assert index.documents.by_content("digest") is None
    index.documents.commit(number, kind="pdf", title="Title", pages=3, waiting=())
    assert index.documents.live() == set()
    index.files.put(root_of(index), file_state(Path("/library/a.pdf"), "digest"), number, "Title")
    assert index.documents.live() == {number}
    stored = index.documents.by_content("digest")
    assert stored is not None
    assert (stored.id, stored.kind, stored.title, stored.pages) == (number, "pdf", "Title", 3)
    assert index.documents.totals() == (1, 3, 10)
    assert index.documents.get([number, 99]) == {number: stored}
    assert index.documents.get([]) == {}


def test_discard_forgets_what_was_begun_and_nothing_else(index: Index) -> None:
    ready = add_document(index, Path("/library/a.pdf"), ["text"])
    begun = index.documents.begin("digest", 10)
    index.documents.discard(begun)
    index.documents.discard(ready)
    assert index.documents.live() == {ready}
    assert index.documents.begin("digest", 10) > begun, "a number was used twice"


def test_sweep_removes_what_nobody_holds_from_every_table(index: Index) -> None:
    kept = add_document(index, Path("/library/kept.pdf"), ["kept page"])
    gone = add_document(index, Path("/library/gone.pdf"), ["gone page"])
    crashed = index.documents.begin("digest", 10)
    add_pages(index, crashed, ["crashed page"])
    table = index.vectors("print", 2)
    table.replace(table.as_rows([PageId(kept, 1), PageId(gone, 1)], np.eye(2, dtype=np.float32)))
    index.files.forget([Path("/library/gone.pdf")])
    assert index.pages.documents() == {kept, gone, crashed}
    index.sweep()
    assert index.pages.documents() == table.documents() == {kept}
    assert index.documents.by_content("digest") is None
    assert index.evidence.lead_scores(["gone"], 10) == {}
    assert [page for page, _ in index.pages.match(TermQuery(("page",)), 10)] == [PageId(kept, 1)]


def test_a_second_sweep_finds_nothing_to_do(index: Index) -> None:
    number = add_document(index, Path("/library/a.pdf"), ["text"])
    index.sweep()
    index.sweep()
    assert index.documents.live() == index.pages.documents() == {number}


def test_pages_wait_for_ocr_until_they_are_done(index: Index) -> None:
    number = add_document(index, Path("/library/a.pdf"), ["", "text", ""], waiting=[1, 3])
    index.documents.embedded(number, "print")
    assert index.documents.waiting_for_ocr() == {number: [1, 3]}
    index.documents.ocr_done(number, [1])
    assert index.documents.waiting_for_ocr() == {number: [3]}
    assert [document.id for document in index.documents.waiting_for_vectors("print")] == [number]
    index.files.forget([Path("/library/a.pdf")])
    assert index.documents.waiting_for_ocr() == {}


def test_vectors_are_kept_apart_by_model(index: Index) -> None:
    number = add_document(index, Path("/library/a.pdf"), ["text"])
    index.documents.embedded(number, "one")
    assert index.documents.waiting_for_vectors("one") == []
    assert [document.id for document in index.documents.waiting_for_vectors("two")] == [number]
