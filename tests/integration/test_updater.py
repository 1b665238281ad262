"""The process that works for a watcher, run in this one: what it is asked and what it answers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import pytest

from docsearch.config import WatchSettings
from docsearch.ingest.readers import Readers
from docsearch.ingest.scan import Changes
from docsearch.library import Library
from docsearch.store.lock import writer_lock
from docsearch.watch import updater
from docsearch.watch.manners import must_save_power
from docsearch.watch.updater import TextUpdates, as_message, from_message
from tests.documents import text_file, text_pdf

Messages = list[dict[str, Any]]
Serve = Callable[..., Messages]


@pytest.fixture
def library(open_library: Callable[[], Library], folder: Path) -> Library:
    """The library of this test, the folder its root."""
    opened = open_library()
    opened.store.files.add_root(folder)
    return opened


@pytest.fixture
def serve(library: Library) -> Serve:
    """Asks for updates, all at once, and returns what is told until nothing is left to do."""

    def serve_them(
        *asked: Changes, on: Callable[[dict[str, Any]], None] = lambda _: None, read_seconds: float = 2.0
    ) -> Messages:
        told: Messages = []

        def tell(message: dict[str, Any]) -> None:
            json.dumps(message)
            told.append(message)
            on(message)

        requests: SimpleQueue[dict[str, Any]] = SimpleQueue()
        for number, changes in enumerate(asked):
            requests.put(as_message(changes, number))
        with Readers(library.settings) as readers:
            TextUpdates(library.indexer, readers, tell, read_seconds).serve(requests, idle_seconds=0.0)
        return told

    return serve_them


def of(told: Messages, event: str) -> Messages:
    return [message for message in told if message["event"] == event]


def test_requests_survive_the_way_through_json() -> None:
    changes = Changes((Path(os.fsdecode(b"/a/n\xe4me.pdf")), Path("/b")), (Path("/c"),), 1.5)
    assert from_message(json.loads(json.dumps(as_message(changes, 3)))) == changes


def test_what_is_asked_for_is_read(serve: Serve, library: Library, folder: Path) -> None:
    file = text_pdf(folder / "a.pdf", ["llamas"])
    told = serve(Changes((file,)))
    [updated] = of(told, "updated")
    assert (updated["number"], updated["read"], updated["unsettled"]) == (0, 1, [])
    assert [hit.path for hit in library.search(library.parse("llamas")).hits] == [file]
    [again] = of(serve(Changes((), (folder,))), "updated")
    assert again["read"] == 0


def test_files_that_cannot_be_read_are_told(serve: Serve, folder: Path) -> None:
    (folder / "noise.pdf").write_bytes(b"%PDF-1.7\n" + bytes(5000))
    told = serve(Changes((folder / "noise.pdf",)))
    assert of(told, "failure")[0]["path"] == str(folder / "noise.pdf")
    assert of(told, "updated")


def test_a_file_that_is_still_written_is_told_and_left(serve: Serve, folder: Path, library: Library) -> None:
    file = text_file(folder / "young.txt", "young")
    [updated] = of(serve(Changes((), (folder,), 3600.0)), "updated")
    assert (updated["unsettled"], updated["read"]) == ([str(file)], 0)
    assert library.roots()[0].files == 0


def test_newer_changes_are_read_first(serve: Serve, library: Library, folder: Path) -> None:
    """A long run makes way for what was saved just now, and goes on where it was."""
    many = [text_file(folder / f"{number}.txt", f"llama {number} " * 9) for number in range(12)]
    newer = text_file(folder / "newer.txt", "alpaca")
    told = serve(Changes(tuple(many)), Changes((newer,)), read_seconds=0.0)
    assert [message["number"] for message in of(told, "updated")] == [1, 0]
    assert library.roots()[0].files == 13
    assert library.store.documents.totals()[0] == 13


def test_what_failed_is_not_read_again_when_reading_goes_on(library: Library, folder: Path) -> None:
    (folder / "noise.pdf").write_bytes(b"%PDF-1.7\n" + bytes(50_000))
    many = [text_file(folder / f"{number}.txt", f"llama {number} " * 9) for number in range(12)]
    newer = text_file(folder / "newer.txt", "alpaca")
    requests: SimpleQueue[dict[str, Any]] = SimpleQueue()
    requests.put(as_message(Changes((folder / "noise.pdf", *many)), 0))
    told: Messages = []

    def tell(message: dict[str, Any]) -> None:
        told.append(message)
        if message["event"] == "failure" and not of(told[:-1], "failure"):
            requests.put(as_message(Changes((newer,)), 1))

    with Readers(library.settings) as readers:
        TextUpdates(library.indexer, readers, tell, read_seconds=0.0).serve(requests, idle_seconds=0.0)
    assert [message["number"] for message in of(told, "updated")] == [1, 0]
    assert len(of(told, "failure")) == 1
    assert library.store.documents.totals()[0] == 13


def test_equal_contents_in_two_requests_are_one_document(
    serve: Serve, library: Library, folder: Path
) -> None:
    """What is read for the newer request is not read for the older one, but its file gets the document."""
    one, two = text_file(folder / "1.txt", "the same"), text_file(folder / "2.txt", "the same")
    told = serve(Changes((one,)), Changes((two,)))
    assert len(of(told, "updated")) == 2
    assert library.store.documents.totals()[0] == 1
    documents = {library.store.files.document_of(path) for path in (one, two)}
    assert len(documents) == 1
    assert None not in documents


def test_it_waits_while_another_process_writes(serve: Serve, library: Library, folder: Path) -> None:
    file = text_file(folder / "x.txt", "llamas")
    lock = writer_lock(library.store.folder)
    lock.__enter__()

    def let_go(message: dict[str, Any]) -> None:
        if message["event"] == "waiting":
            lock.__exit__(None, None, None)

    told = serve(Changes((file,)), on=let_go)
    assert len(of(told, "waiting")) == 1
    assert of(told, "updated")


def test_trouble_with_the_index_is_told_and_the_next_request_is_met(
    serve: Serve, library: Library, folder: Path
) -> None:
    file = text_file(folder / "x.txt", "llamas")
    tables = library.store.tables_folder
    blocked = tables.with_name("tables.away")
    tables.rename(blocked)
    tables.write_text("no folder")

    def mend(message: dict[str, Any]) -> None:
        if message["event"] == "trouble":
            tables.unlink()
            blocked.rename(tables)

    told = serve(Changes((file,)), on=mend)
    assert [message["number"] for message in of(told, "trouble")] == [0]
    assert of(serve(Changes((file,))), "updated")[0]["read"] == 1


def test_rows_of_replaced_documents_go_when_it_is_at_rest(
    serve: Serve, library: Library, folder: Path
) -> None:
    file = text_file(folder / "x.txt", "first")
    for number in range(5):
        text_file(file, f"version {number}")
        serve(Changes((file,)))
    assert library.store.pages.documents() == set(library.store.documents.live())


@pytest.mark.parametrize(
    ("left", "percent", "saves"),
    [(None, 100, False), (40, 50, True), (60, 50, False), (60, 100, True), (100, 100, True), (5, 0, False)],
)
def test_power_is_saved_below_the_setting(left: int | None, percent: int, saves: bool) -> None:
    assert must_save_power(WatchSettings(battery_percent=percent), left) is saves


def test_reading_ends_when_the_input_ends(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher that died closes the pipe: the process asks itself to end."""
    asked: SimpleQueue[int] = SimpleQueue()
    monkeypatch.setattr(os, "kill", lambda _, signal: asked.put(signal))
    requests: SimpleQueue[dict[str, Any]] = SimpleQueue()
    thread = Thread(target=updater._read_requests, args=(['{"do": "warm"}\n'], requests))
    thread.start()
    thread.join()
    assert requests.get_nowait() == {"do": "warm"}
    assert asked.get_nowait() == 15
