from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.errors import UnreadableDocument
from docsearch.ingest.discover import (
    FoundFile,
    Offline,
    content_hash,
    discover,
    display_path,
    path_to_text,
    text_to_path,
)
from docsearch.records import Failure, FailureKind


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"%PDF-1.4")


def names(root: Path, excluded: tuple[Path, ...] = ()) -> list[str]:
    found = list(discover([root], excluded))
    assert all(isinstance(file, FoundFile) for file in found)
    return [os.fspath(file.path.relative_to(root)) for file in found if isinstance(file, FoundFile)]


def test_finds_documents_below_and_leaves_out_the_rest(tmp_path: Path) -> None:
    make(tmp_path, "b.pdf", "sub/deep/c.PDF", "noext", "-rf.pdf")
    make(
        tmp_path,
        ".hidden.pdf",
        ".git/x.pdf",
        "~$a.pdf",
        "a.pdf.part",
        "a.crdownload",
        "a.tmp",
        "a.pdf~",
        "x.py",
    )
    assert names(tmp_path) == ["-rf.pdf", "b.pdf", "noext", "sub/deep/c.PDF"]


def test_a_file_is_described(tmp_path: Path) -> None:
    make(tmp_path, "a.pdf")
    status = (tmp_path / "a.pdf").stat()
    expected = FoundFile(tmp_path / "a.pdf", 8, status.st_mtime_ns, status.st_ino, status.st_dev)
    assert list(discover([tmp_path])) == [expected]
    assert list(discover([tmp_path / "a.pdf"])) == [expected]


def test_ignore_files_as_in_git(tmp_path: Path) -> None:
    make(
        tmp_path, "a.pdf", "drafts/b.pdf", "keep/drafts.pdf", "sub/old.pdf", "sub/new.pdf", "sub/deep/old.pdf"
    )
    (tmp_path / ".docsearchignore").write_text("# comment\ndrafts/\nold.pdf\n")
    (tmp_path / "sub/.docsearchignore").write_text("!/old.pdf\nnew.*\n")
    assert names(tmp_path) == ["a.pdf", "keep/drafts.pdf", "sub/old.pdf"]


def test_excluded_folders(tmp_path: Path) -> None:
    make(tmp_path, "a.pdf", "index/b.pdf", "index2/c.pdf")
    assert names(tmp_path, (tmp_path / "index",)) == ["a.pdf", "index2/c.pdf"]


def test_links(tmp_path: Path) -> None:
    make(tmp_path, "root/a.pdf", "other/b.pdf")
    root = tmp_path / "root"
    (root / "file.pdf").symlink_to(root / "a.pdf")
    (root / "broken.pdf").symlink_to(root / "gone.pdf")
    (root / "self.pdf").symlink_to(root / "self.pdf")
    (root / "loop").symlink_to(root)
    (root / "elsewhere").symlink_to(tmp_path / "other")
    assert names(root) == ["a.pdf", "file.pdf"]


def test_what_is_no_regular_file_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    assert names(tmp_path) == []


def test_a_missing_root_is_offline_not_empty(tmp_path: Path) -> None:
    make(tmp_path, "a.pdf")
    gone = tmp_path / "gone"
    offline, found = discover([gone, tmp_path])
    assert offline == Offline(gone)
    assert isinstance(found, FoundFile)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_folder_is_a_failure_and_the_walk_goes_on(tmp_path: Path) -> None:
    make(tmp_path, "locked/a.pdf", "open/b.pdf")
    (tmp_path / "locked").chmod(0)
    try:
        failure, found = discover([tmp_path])
    finally:
        (tmp_path / "locked").chmod(0o700)
    assert isinstance(failure, Failure)
    assert (failure.path, failure.kind) == (tmp_path / "locked", FailureKind.UNREADABLE)
    assert isinstance(found, FoundFile)


def test_a_file_named_like_an_ignore_folder_does_not_stop_the_walk(tmp_path: Path) -> None:
    make(tmp_path, "a.pdf")
    (tmp_path / ".docsearchignore").mkdir()
    assert names(tmp_path) == ["a.pdf"]


def test_names_that_are_not_utf8_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9\nback\\slash\\x41.pdf"
    path.write_bytes(b"%PDF-1.4")
    (found,) = discover([tmp_path])
    assert isinstance(found, FoundFile)
    text = path_to_text(found.path)
    text.encode("utf-8")
    assert text_to_path(text) == path
    assert text_to_path(text).read_bytes() == b"%PDF-1.4"


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_any_name_round_trips(name: bytes) -> None:
    path = Path(os.fsdecode(b"/" + name))
    assert text_to_path(path_to_text(path)) == path


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain ü.pdf", "plain ü.pdf"),
        ("a\nb", "a\\nb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\udcff", "\\xff"),
        ("\u202efdp.exe", "\\u202efdp.exe"),
    ],
)
def test_display_path_is_safe_on_a_terminal(name: str, shown: str) -> None:
    assert display_path(Path(name)) == shown


def test_content_hash(tmp_path: Path) -> None:
    make(tmp_path, "a.pdf", "b.pdf")
    (tmp_path / "c.pdf").write_bytes(b"%PDF-1.5")
    one, two, other = (content_hash(tmp_path / name) for name in ("a.pdf", "b.pdf", "c.pdf"))
    assert one == two != other
    assert len(one) == 32
    with pytest.raises(UnreadableDocument):
        content_hash(tmp_path / "gone.pdf")
