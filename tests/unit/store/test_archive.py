from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docsearch.errors import IndexBusy, UsageError
from docsearch.store.archive import Manifest, export_index, unpack
from docsearch.store.check import check
from docsearch.store.index import Index
from docsearch.store.lock import writer_lock
from tests.stored import add_document


@pytest.fixture
def archive(index: Index, tmp_path: Path) -> Path:
    """An archive of two documents."""
    add_document(index, Path("/library/a.pdf"), ["walrus", "carpenter"])
    add_document(index, Path("/library/b.pdf"), ["oyster"])
    export_index(index, tmp_path / "index.tar.gz")
    return tmp_path / "index.tar.gz"


def unpacked(archive: Path, place: Path) -> Manifest:
    place.mkdir()
    return unpack(archive, place)


def test_out_and_in_again(archive: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    manifest = unpacked(archive, tmp_path / "place")
    assert (manifest.documents, manifest.pages, manifest.models) == (2, 3, ())
    files = [path for path in (tmp_path / "place").rglob("*") if path.is_file()]
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in files)
    copy = Index(tmp_path / "place")
    assert check(copy).findings == []
    assert copy.pages.rows() == 3
    copy.close()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_nothing_is_exported_while_another_writes(index: Index, tmp_path: Path) -> None:
    with writer_lock(index.folder), pytest.raises(IndexBusy):
        export_index(index, tmp_path / "x.tar.gz")
    assert list(tmp_path.glob("*x.tar.gz*")) == []


Change = Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]


def rewritten(archive: Path, change: Change) -> Path:
    """The archive after a change of its members."""
    with tarfile.open(archive) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    change(members)
    with tarfile.open(archive, "w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return archive


def manifest_with(**values: Any) -> Change:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        info, content = members[0]
        text = json.dumps({**json.loads(content), **values}).encode()
        info.size = len(text)
        members[0] = info, text

    return change


def plain(name: str, content: bytes = b"content") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def link(name: str) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return info, b""


def named(name: str) -> dict[str, object]:
    return {"name": name, "size": 7, "sha256": hashlib.sha256(b"content").hexdigest()}


def changed_byte(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    info, content = members[-1]
    members[-1] = info, content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda members: members.append(plain("tables/pages.lance/more")), "does not belong"),
        (lambda members: members.append(plain("../../escaped")), "does not belong"),
        (lambda members: members.append(link("tables/pages.lance/link")), "does not belong"),
        (lambda members: members.append(members[1]), "does not belong"),
        (lambda members: members.pop(), "is missing"),
        (lambda members: members.pop(0), "begin with a manifest"),
        (changed_byte, "is not what it was"),
        (manifest_with(format=99), "has format 99"),
        (manifest_with(members=[named("../escaped")]), "does not belong"),
        (manifest_with(members=[named("/etc/escaped")]), "does not belong"),
        (manifest_with(members=[named("tables/pages.lance/../../../escaped")]), "does not belong"),
        (manifest_with(members="all of them"), "manifest is wrong"),
        (manifest_with(members=[]), "does not belong"),
    ],
)
def test_what_does_not_belong_is_refused(archive: Path, tmp_path: Path, change: Change, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        unpacked(rewritten(archive, change), tmp_path / "place")
    assert list(tmp_path.rglob("escaped")) == []


def test_noise_and_half_an_archive_are_refused(archive: Path, tmp_path: Path) -> None:
    data = archive.read_bytes()
    for number, content in enumerate((b"", b"noise" * 1000, data[: len(data) // 2])):
        archive.write_bytes(content)
        with pytest.raises(UsageError, match="not a usable"):
            unpacked(archive, tmp_path / f"place {number}")
    with pytest.raises(UsageError, match="cannot read"):
        unpacked(tmp_path / "nowhere.tar.gz", tmp_path / "place")


def test_a_catalog_that_acts_by_itself_is_refused(archive: Path, tmp_path: Path) -> None:
    place = tmp_path / "first"
    unpacked(archive, place)
    with sqlite3.connect(place / "catalog.sqlite") as db:
        db.execute("CREATE TRIGGER t AFTER UPDATE ON files BEGIN DELETE FROM roots; END")
    content = (place / "catalog.sqlite").read_bytes()

    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        raw = json.loads(members[0][1])
        for row in raw["members"]:
            if row["name"] == "catalog.sqlite":
                row |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest_with(**raw)(members)
        members[1] = plain("catalog.sqlite", content)

    with pytest.raises(UsageError, match="none of this docsearch"):
        unpacked(rewritten(archive, change), tmp_path / "second")
