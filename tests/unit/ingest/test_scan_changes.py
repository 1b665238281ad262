"""Comparing single paths with the catalog: what a watcher hears of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from docsearch.ingest.discover import concerns
from docsearch.ingest.scan import Changes, Scanned, scan_changes
from docsearch.records import Failure, Progress
from docsearch.store.index import Index
from tests.documents import text_file


@pytest.fixture
def root(tmp_path: Path, index: Index) -> Path:
    """A folder that is a root of the index."""
    folder = tmp_path / "documents"
    folder.mkdir()
    index.files.add_root(folder)
    return folder


def run(events: Generator[Progress | Failure, None, Scanned]) -> tuple[Scanned, list[Failure]]:
    failures: list[Failure] = []
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            return end.value, failures
        if isinstance(event, Failure):
            failures.append(event)


def look_at(index: Index, *paths: Path, roots: tuple[Path, ...] = (), settle: float = 0.0) -> list[Path]:
    """Scans the paths and takes every unread file for read; returns those."""
    scanned, _ = run(scan_changes(index, Changes(paths, roots, settle)))
    for file in scanned.unread:
        document = index.documents.by_content(file.state.content)
        if document is None:
            number = index.documents.begin(file.state.content, file.state.size)
            index.documents.commit(number, kind="text", title="", pages=1, waiting=())
        else:
            number = document.id
        index.files.put(file.root, file.state, number)
    return [file.state.path for file in scanned.unread]


def known(index: Index, root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in index.files.at(root)}


def test_only_what_changed_is_looked_at(index: Index, root: Path) -> None:
    new, other = text_file(root / "new.txt", "new"), text_file(root / "other.txt", "other")
    assert look_at(index, new) == [new]
    assert known(index, root) == {"new.txt"}
    assert look_at(index, new) == []
    assert look_at(index, other) == [other]


def test_a_folder_stands_for_all_below_it(index: Index, root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    files = [text_file(root / "a" / "1.txt", "1"), text_file(root / "a" / "b" / "2.txt", "2")]
    assert look_at(index, root / "a", root / "a" / "b", files[1]) == files
    shutil.rmtree(root / "a")
    assert look_at(index, root / "a") == []
    assert known(index, root) == set()


def test_names_that_begin_alike_are_other_files(index: Index, root: Path) -> None:
    (root / "a").mkdir()
    for name in ("a/1.txt", "a.txt", "a0.txt", "a!.txt"):
        text_file(root / name, name)
    look_at(index, root)
    shutil.rmtree(root / "a")
    look_at(index, root / "a")
    assert known(index, root) == {"a.txt", "a0.txt", "a!.txt"}


@pytest.mark.parametrize("old_first", [True, False])
def test_a_moved_folder_is_not_read_again(index: Index, root: Path, old_first: bool) -> None:
    (root / "old").mkdir()
    file = text_file(root / "old" / "x.txt", "x")
    look_at(index, file)
    [document] = index.documents.live()
    (root / "old").rename(root / "new")
    paths = [root / "old", root / "new"] if old_first else [root / "new", root / "old"]
    assert look_at(index, *paths) == []
    assert known(index, root) == {"new/x.txt"}
    assert index.documents.live() == {document}


def test_a_move_that_is_heard_of_in_two_parts_is_free_until_the_index_is_swept(
    index: Index, root: Path
) -> None:
    file = text_file(root / "x.txt", "x")
    look_at(index, file)
    file.rename(root / "y.txt")
    look_at(index, file)
    assert index.documents.live() == set()
    assert look_at(index, root / "y.txt") == []
    assert len(index.documents.live()) == 1


def test_a_file_may_move_to_another_root(index: Index, root: Path, tmp_path: Path) -> None:
    other = tmp_path / "another root"
    other.mkdir()
    index.files.add_root(other)
    file = text_file(root / "x.txt", "x")
    look_at(index, file)
    file.rename(other / "x.txt")
    assert look_at(index, file, other / "x.txt") == []
    assert (known(index, root), known(index, other)) == (set(), {"x.txt"})


def test_the_ignore_files_on_the_way_decide(index: Index, root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    text_file(root / ".docsearchignore", "*.txt\n!keep.txt\n")
    text_file(root / "a" / ".docsearchignore", "b/\n")
    files = [text_file(root / name, name) for name in ("a/x.txt", "a/keep.txt", "a/b/keep.txt", "a/x.md")]
    assert look_at(index, *files) == [files[1], files[3]]


def test_a_changed_ignore_file_has_its_folder_looked_at(index: Index, root: Path) -> None:
    (root / "a").mkdir()
    one, two = text_file(root / "a" / "1.txt", "1"), text_file(root / "2.txt", "2")
    look_at(index, one, two)
    ignore = text_file(root / "a" / ".docsearchignore", "*.txt\n")
    look_at(index, ignore)
    assert known(index, root) == {"2.txt"}
    ignore.unlink()
    assert look_at(index, ignore) == []
    assert known(index, root) == {"2.txt", "a/1.txt"}


def test_hidden_and_linked_folders_are_no_way_in(index: Index, root: Path) -> None:
    (root / ".hidden" / "a").mkdir(parents=True)
    (root / "real").mkdir()
    (root / "link").symlink_to(root / "real")
    real = text_file(root / "real" / "x.txt", "x")
    hidden = text_file(root / ".hidden" / "a" / "y.txt", "y")
    assert look_at(index, hidden, root / ".hidden", root / "link" / "x.txt", root / "link") == []
    assert look_at(index, real) == [real]


def test_the_index_itself_is_not_looked_at(index: Index, tmp_path: Path) -> None:
    index.files.add_root(tmp_path)
    inside = text_file(index.folder / "x.txt", "x")
    cached = tmp_path / "cache"
    cached.mkdir()
    assert look_at(index, inside, index.folder, text_file(cached / "y.txt", "y")) == []


def test_a_root_that_is_away_keeps_its_documents(index: Index, root: Path) -> None:
    file = text_file(root / "x.txt", "x")
    look_at(index, file)
    root.rename(root.with_name("away"))
    assert look_at(index, file, root) == []
    assert known(index, root) == {"x.txt"}
    look_at(index, roots=(root,))
    assert [online for _, _, online in index.files.roots()] == [False]
    root.with_name("away").rename(root)
    look_at(index, roots=(root,))
    assert [online for _, _, online in index.files.roots()] == [True]


def test_the_empty_folder_a_drive_leaves_behind_is_no_emptied_root(index: Index, root: Path) -> None:
    file = text_file(root / "x.txt", "x")
    look_at(index, file)
    index.catalog.set_fact(f"mount point {os.fsencode(root).hex()}", "yes")
    file.unlink()
    look_at(index, file)
    look_at(index, roots=(root,))
    assert known(index, root) == {"x.txt"}
    assert [online for _, _, online in index.files.roots()] == [False]


def test_a_root_may_be_a_file(index: Index, tmp_path: Path) -> None:
    file = text_file(tmp_path / "single.txt", "one")
    index.files.add_root(file)
    assert look_at(index, file) == [file]
    text_file(file, "two!")
    assert look_at(index, file) == [file]


def test_paths_of_no_root_are_passed_over(index: Index, root: Path, tmp_path: Path) -> None:
    assert look_at(index, text_file(tmp_path / "x.txt", "x"), root.with_name("documents2")) == []


def test_a_file_that_is_still_being_written_is_left_alone_and_reported(index: Index, root: Path) -> None:
    (root / "a").mkdir()
    old, young = text_file(root / "a" / "old.txt", "old"), text_file(root / "a" / "young.txt", "young")
    os.utime(old, (1e9, 1e9))
    scanned, _ = run(scan_changes(index, Changes((root / "a",), (), 3600.0)))
    assert [file.state.path for file in scanned.unread] == [old]
    assert scanned.unsettled == [young]
    assert look_at(index, young, settle=3600.0) == [young]


def test_an_unreadable_folder_is_a_failure_and_loses_nothing(index: Index, root: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    (root / "a").mkdir()
    file = text_file(root / "a" / "x.txt", "x")
    look_at(index, file)
    (root / "a").chmod(0)
    try:
        _, failures = run(scan_changes(index, Changes((root / "a",))))
        assert [failure.path for failure in failures] == [root / "a"]
        assert known(index, root) == {"a/x.txt"}
    finally:
        (root / "a").chmod(0o700)
    run(scan_changes(index, Changes((root / "a",))))
    assert index.files.failures() == []


def test_names_that_are_no_text_are_looked_at_too(index: Index, root: Path) -> None:
    file = text_file(root / os.fsdecode(b"n\xe4me.txt"), "x")
    assert look_at(index, file) == [file]
    assert look_at(index, file) == []


@pytest.mark.parametrize(
    ("path", "is_folder", "does"),
    [
        ("a/report.pdf", False, True),
        ("a/report.pdf.part", False, False),
        ("a/~$report.docx", False, False),
        ("a/photo.crdownload", False, False),
        ("a/.report.pdf.swp", False, False),
        ("a/program.exe", False, False),
        ("a/.docsearchignore", False, True),
        (".git/objects/x.txt", False, False),
        (".git", True, False),
        ("a/folder.part", True, True),
        ("", True, True),
        ("../other/x.pdf", False, False),
    ],
)
def test_only_names_that_may_matter_concern_a_root(path: str, is_folder: bool, does: bool) -> None:
    root = Path("/home/ann/docs")
    target = Path(os.path.normpath(root / path))
    assert concerns(root, target, is_folder=is_folder) is does
