"""From files to search results and back: what a run of the indexer does to what can be found."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from docsearch.errors import IndexBusy, UsageError
from docsearch.library import Library
from docsearch.records import Failure, FailureKind, PageId, Progress
from docsearch.store.lock import writer_lock
from tests import documents
from tests.integration.conftest import Events, OpenLibrary


def run(library: Library, *paths: Path, retry: bool = False) -> Events:
    return list(library.index(paths, retry=retry))


def failures(events: Events) -> dict[str, FailureKind]:
    return {event.path.name: event.kind for event in events if isinstance(event, Failure)}


def tiers(events: Events) -> set[str]:
    return {event.tier for event in events if isinstance(event, Progress)}


def found(library: Library, words: str) -> set[tuple[str, int]]:
    return {(hit.path.name, hit.page.page) for hit in library.search(library.parse(words), 50).hits}


def test_a_folder_is_indexed_and_kept_up_to_date(folder: Path, open_library: OpenLibrary) -> None:
    documents.text_pdf(folder / "lease.pdf", ["The tenant pays rent", "Pets are llamas only"], title="Lease")
    documents.text_file(folder / "notes.txt", "Zanzibar notes")
    library = open_library()

    events = run(library, folder)
    assert failures(events) == {}
    assert found(library, "llamas") == {("lease.pdf", 2)}
    assert found(library, "zanzibar type:text") == {("notes.txt", 1)}
    done = [event for event in events if isinstance(event, Progress) and event.tier == "text"][-1]
    assert (done.pages_done, done.pages_total, done.files_done, done.files_total) == (3, 3, 2, 2)
    assert [(root.path, root.files, root.pages) for root in library.roots()] == [(folder, 2, 3)]

    assert tiers(run(library)) <= {"scan"}, "files that did not change were read again"

    shutil.copy(folder / "lease.pdf", folder / "copy.pdf")
    assert "text" not in tiers(run(library)), "a copy was read again"
    [hit] = library.search(library.parse("llamas")).hits
    assert {hit.path.name, *(copy.name for copy in hit.copies)} == {"lease.pdf", "copy.pdf"}
    page = hit.page

    (folder / "sub").mkdir()
    (folder / "lease.pdf").rename(folder / "sub" / "moved.pdf")
    (folder / "copy.pdf").unlink()
    assert "text" not in tiers(run(library)), "a moved file was read again"
    assert found(library, "llamas in:sub") == {("moved.pdf", 2)}
    assert library.find_page(folder / "sub" / "moved.pdf", 2) == page
    assert library.find_page(folder / "lease.pdf", 2) is None

    documents.text_pdf(folder / "sub" / "moved.pdf", ["Pets are alpacas now"], title="Lease")
    assert "text" in tiers(run(library))
    assert found(library, "alpacas") == {("moved.pdf", 1)}
    assert found(library, "llamas") == set()

    (folder / "sub" / "moved.pdf").unlink()
    run(library)
    assert found(library, "alpacas") == set()
    assert library.status().documents == 1
    assert library.store.pages.rows() == 1, "rows of a deleted document were left behind"


def test_one_bad_file_does_not_stop_the_rest(folder: Path, open_library: OpenLibrary) -> None:
    documents.corrupt_pdf(folder / "corrupt.pdf")
    documents.truncated_pdf(folder / "truncated.pdf", keep=0.2)
    documents.encrypted_pdf(folder / "secret.pdf", "sesame", ["Confidential walrus"])
    documents.lost_page_pdf(folder / "lost.pdf", 3)
    (folder / "empty.pdf").touch()
    documents.text_pdf(folder / "good.pdf", ["A fine walrus"])
    library = open_library()

    seen = failures(run(library, folder))
    assert seen["secret.pdf"] is FailureKind.PASSWORD
    assert {"corrupt.pdf", "empty.pdf"} <= set(seen)
    assert found(library, "walrus") == {("good.pdf", 1)}
    assert found(library, "good page") >= {("lost.pdf", 1), ("lost.pdf", 2)}
    stored = {(failure.path.name, failure.page): failure for failure in library.status().failures}
    assert ("lost.pdf", 3) in stored
    assert stored["secret.pdf", None].reason.startswith("needs a password")
    assert {name for name, page in stored if page is None} == set(seen) - {"lost.pdf"}

    again = run(library)
    assert "text" not in tiers(again), "files that cannot be read were tried again unasked"

    with_password = open_library(passwords=("wrong", "sesame"))
    assert "secret.pdf" not in failures(run(with_password, retry=True))
    assert found(with_password, "confidential") == {("secret.pdf", 1)}
    assert ("secret.pdf", None) not in {(f.path.name, f.page) for f in with_password.status().failures}


def test_a_root_that_is_away_keeps_its_documents(folder: Path, open_library: OpenLibrary) -> None:
    documents.text_pdf(folder / "a.pdf", ["The walrus"])
    documents.scan_pdf(folder / "scan.pdf", ["A scan that waits"])
    library = open_library()
    run(library, folder)
    folder.rename(folder.with_name("elsewhere"))

    assert failures(run(library)) == {folder.name: FailureKind.UNREADABLE}
    assert found(library, "walrus") == {("a.pdf", 1)}
    assert [root.online for root in library.roots()] == [False]
    assert library.status().failures == ()

    folder.with_name("elsewhere").rename(folder)
    assert tiers(run(library)) <= {"scan"}
    assert [root.online for root in library.roots()] == [True]


def test_a_root_can_be_a_file_and_roots_may_overlap(folder: Path, open_library: OpenLibrary) -> None:
    (folder / "inner").mkdir()
    single = documents.text_pdf(folder / "inner" / "a.pdf", ["The walrus"])
    library = open_library()
    run(library, single)
    assert found(library, "walrus") == {("a.pdf", 1)}
    documents.text_pdf(folder / "b.pdf", ["Another walrus"])
    run(library, folder)
    run(library, folder / "inner")
    assert [root.path for root in library.roots()] == [folder]
    assert found(library, "walrus") == {("a.pdf", 1), ("b.pdf", 1)}
    assert library.status().documents == 2


def test_removing_a_root(folder: Path, open_library: OpenLibrary) -> None:
    documents.text_pdf(folder / "a.pdf", ["The walrus"])
    library = open_library()
    run(library, folder)
    with pytest.raises(UsageError, match="not indexed as a root"):
        library.remove(folder / "a.pdf")
    assert library.remove(folder) == 1
    assert library.roots() == ()
    assert found(library, "walrus") == set()
    assert library.store.pages.rows() == 0
    assert (folder / "a.pdf").exists()


def test_hostile_names(folder: Path, open_library: OpenLibrary) -> None:
    names = [b"new\nline.pdf", b"caf\xe9 \xff.pdf", b"\x1b[31mred.pdf", b"-rf.pdf", "نص 文書.pdf".encode()]
    for number, name in enumerate(names):
        documents.text_file(folder / f"{number}.txt", f"walrus number {number}")
        (folder / f"{number}.txt").rename(
            Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).with_suffix(".txt")
        )
    library = open_library()
    assert failures(run(library, folder)) == {}
    hits = library.search(library.parse("walrus")).hits
    assert {os.fsencode(hit.path.name) for hit in hits} == {name.replace(b".pdf", b".txt") for name in names}
    assert tiers(run(library)) <= {"scan"}


def test_ignored_hidden_and_foreign_files(folder: Path, open_library: OpenLibrary) -> None:
    for name in ("kept.txt", "draft.txt", ".hidden.txt", "program.exe", "download.txt.part"):
        documents.text_file(folder / name, f"walrus in {name}")
    (folder / ".docsearchignore").write_text("draft*\n")
    library = open_library()
    run(library, folder)
    assert found(library, "walrus") == {("kept.txt", 1)}


def test_a_run_that_is_stopped_is_taken_up_by_the_next(folder: Path, open_library: OpenLibrary) -> None:
    for number in range(6):
        documents.text_pdf(folder / f"{number}.pdf", [f"walrus {number}"] * (number + 1))
    library = open_library()
    events = library.index([folder])
    for event in events:
        if isinstance(event, Progress) and event.tier == "text" and event.files_done == 2:
            break
    events.close()  # type: ignore[attr-defined]
    assert len({name for name, _ in found(library, "walrus")}) == 2

    rest = run(library)
    assert [e for e in rest if isinstance(e, Progress) and e.tier == "text"][-1].files_total == 4
    assert found(library, "walrus") == {(f"{n}.pdf", page) for n in range(6) for page in range(1, n + 2)}
    assert library.store.pages.rows() == library.status().pages == 21


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for the superuser")
def test_a_folder_that_cannot_be_read_keeps_its_documents(folder: Path, open_library: OpenLibrary) -> None:
    inner = folder / "inner"
    inner.mkdir()
    documents.text_file(inner / "a.txt", "walrus")
    library = open_library()
    run(library, folder)
    inner.chmod(0)
    try:
        assert failures(run(library)) == {"inner": FailureKind.UNREADABLE}
    finally:
        inner.chmod(0o700)
    assert found(library, "walrus") == {("a.txt", 1)}
    assert [failure.path for failure in library.status().failures] == [inner]
    run(library)
    assert library.status().failures == ()


def test_a_file_that_changes_while_it_is_read(folder: Path, open_library: OpenLibrary) -> None:
    changing = documents.text_pdf(folder / "changing.pdf", ["old walrus"] * 200)
    documents.text_file(folder / "other.txt", "another walrus")
    library = open_library()
    seen: Events = []
    for event in library.index([folder]):
        seen.append(event)
        if isinstance(event, Progress) and event.tier == "text" and event.files_done == 0:
            documents.text_pdf(changing, ["new walrus"])
    assert failures(seen) == {"changing.pdf": FailureKind.CHANGED}
    assert found(library, "walrus") == {("other.txt", 1)}
    assert failures(run(library)) == {}
    assert found(library, "walrus") == {("other.txt", 1), ("changing.pdf", 1)}
    assert library.status().failures == ()


def test_a_file_that_goes_before_it_is_read_leaves_nothing_behind(
    folder: Path, open_library: OpenLibrary
) -> None:
    documents.text_pdf(folder / "read first.pdf", ["walrus"] * 200)
    going = documents.text_file(folder / "going.txt", "walrus")
    library = open_library()
    for event in library.index([folder]):
        if isinstance(event, Progress) and event.tier == "text":
            going.unlink(missing_ok=True)
    assert library.status().failures == ()
    assert library.roots()[0].files == 1


def test_only_one_process_writes(folder: Path, open_library: OpenLibrary) -> None:
    library = open_library()
    with writer_lock(library.store.folder), pytest.raises(IndexBusy):
        run(library, folder)
    assert library.roots() == ()
    run(library, folder)
    assert [root.path for root in library.roots()] == [folder]


def test_searching_while_indexing(folder: Path, open_library: OpenLibrary) -> None:
    documents.text_file(folder / "first.txt", "the first walrus")
    library, reader = open_library(), open_library()
    run(library, folder)
    assert found(reader, "walrus") == {("first.txt", 1)}
    documents.text_file(folder / "second.txt", "the second walrus")
    for _ in library.index():
        assert ("first.txt", 1) in found(reader, "walrus")
    assert found(reader, "walrus") == {("first.txt", 1), ("second.txt", 1)}


def test_the_index_in_the_folder_it_indexes(folder: Path, open_library: OpenLibrary) -> None:
    documents.text_file(folder / "a.txt", "walrus")
    library = open_library(home=folder / "home")
    run(library, folder)
    run(library)
    assert library.status().documents == 1


def test_pages_can_be_looked_at(folder: Path, open_library: OpenLibrary) -> None:
    path = documents.text_pdf(folder / "a.pdf", ["first page", "The walrus and the carpenter"])
    library = open_library()
    run(library, folder)
    page = library.find_page(path, 2)
    assert page is not None
    assert "carpenter" in library.page_text(page)
    [box] = library.match_boxes(path, 2, library.parse("carpenters"))
    assert 0 <= box.x0 < box.x1 <= 1
    plain = library.page_image(path, 2, 400)
    assert plain.startswith(b"\x89PNG")
    assert library.page_image(path, 2, 400, [box]) != plain
    assert library.page_text(PageId(99, 1)) == ""
