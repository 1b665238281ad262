"""An index as one file: a gzipped tar of its catalog and tables, with a manifest that comes first.

An archive is untrusted: only plain files that the manifest names are unpacked, below the folder they
are meant for, of the size and digest that it says, and nothing else.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from docsearch import __version__
from docsearch.config import owner_only, whole_file
from docsearch.errors import StorageFull, UsageError
from docsearch.store import generation
from docsearch.store.catalog import Catalog
from docsearch.store.index import Index
from docsearch.store.rows import vector_length

FORMAT = 1
_MANIFEST = "manifest.json"
_MANIFEST_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20
_GZIP_LEVEL = 1
_NAME = re.compile(r"catalog\.sqlite|tables/(pages|vectors_[0-9a-zA-Z_-]+)\.lance(/[0-9a-zA-Z_.-]+)+")


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive: its path with slashes, its size in bytes, its SHA-256 digest in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model whose vectors are in the archive."""

    fingerprint: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds and what it was made with."""

    format: int
    docsearch: str
    analyzer: str
    models: tuple[Model, ...]
    documents: int
    pages: int
    members: tuple[Member, ...]


def export_index(index: Index, target: Path) -> Manifest:
    """Writes the index into `target`, readable by its owner only, as it is at this moment.

    Raises:
        IndexBusy: another process is writing.
        StorageFull: there is no room, here or beside the target.
    """
    snapshot = target.with_name(f".{target.name}.{os.getpid()}.sqlite")
    try:
        with whole_file(target) as file, index.writing():
            index.sweep()
            index.compact()
            _snapshot(index.catalog, snapshot)
            files = dict(_files(index, snapshot))
            manifest = _describe(index, files)
            _pack(file, manifest, files)
    except OSError as error:
        raise StorageFull(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        generation.remove(snapshot.parent.glob(f"{snapshot.name}*"))
    return manifest


def unpack(archive: Path, place: Path) -> Manifest:
    """Unpacks an archive into the folder `place`.

    Raises:
        UsageError: it is no archive of ours, or damaged.
        StorageFull: there is no room.
    """
    with _archive_errors(archive), archive.open("rb") as file, tarfile.open(fileobj=file, mode="r|gz") as tar:
        members = iter(tar)
        manifest = _read_manifest(archive, tar, next(members, None))
        expected = {member.name: member for member in manifest.members}
        for found in members:
            member = expected.pop(found.name, None)
            if member is None or not found.isreg() or found.size != member.size:
                raise _refused(archive, f"{found.name!a} does not belong in it")
            content = tar.extractfile(found)
            assert content is not None  # a regular file has content
            _unpack_member(archive, content, member, place)
        if expected:
            raise _refused(archive, f"{min(expected)!a} is missing")
    _check_schema(archive, place)
    return manifest


# -- writing ---------------------------------------------------------------------------------------


def _snapshot(catalog: Catalog, target: Path) -> None:
    target.touch(mode=0o600)
    with closing(sqlite3.connect(target)) as copy:
        catalog.connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")


def _files(index: Index, snapshot: Path) -> Iterator[tuple[str, Path]]:
    yield generation.CATALOG, snapshot
    tables = index.tables_folder
    for path in sorted(tables.rglob("*")):
        if path.is_file():
            yield f"{generation.TABLES}/{path.relative_to(tables).as_posix()}", path


def _describe(index: Index, files: dict[str, Path]) -> Manifest:
    documents, pages, _ = index.documents.totals()
    return Manifest(
        format=FORMAT,
        docsearch=__version__,
        analyzer=index.made_by(),
        models=tuple(Model(table.fingerprint, vector_length(table)) for table in index.vector_tables()),
        documents=documents,
        pages=pages,
        members=tuple(Member(name, path.stat().st_size, _sha256(path)) for name, path in files.items()),
    )


def _pack(file: BinaryIO, manifest: Manifest, files: dict[str, Path]) -> None:
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=_GZIP_LEVEL) as tar:
        text = json.dumps(asdict(manifest)).encode()
        tar.addfile(_header(_MANIFEST, len(text)), io.BytesIO(text))
        for member in manifest.members:
            with files[member.name].open("rb") as content:
                tar.addfile(_header(member.name, member.size), content)


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o600
    return header


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# -- reading ---------------------------------------------------------------------------------------


def _read_manifest(archive: Path, tar: tarfile.TarFile, first: tarfile.TarInfo | None) -> Manifest:
    if first is None or first.name != _MANIFEST or not first.isreg() or first.size > _MANIFEST_BYTES:
        raise _refused(archive, "it does not begin with a manifest")
    content = tar.extractfile(first)
    assert content is not None  # a regular file has content
    try:
        manifest = _as_manifest(json.loads(content.read()))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _refused(archive, f"its manifest is wrong: {error}") from error
    if manifest.format != FORMAT:
        raise UsageError(
            f"{archive} has format {manifest.format}, this docsearch reads {FORMAT}",
            hint=f"it was made by docsearch {manifest.docsearch}",
        )
    for member in manifest.members:
        if not _NAME.fullmatch(member.name) or ".." in PurePosixPath(member.name).parts or member.size < 0:
            raise _refused(archive, f"{member.name!a} does not belong in it")
    return manifest


def _as_manifest(raw: dict[str, Any]) -> Manifest:
    return Manifest(
        format=int(raw["format"]),
        docsearch=str(raw["docsearch"]),
        analyzer=str(raw["analyzer"]),
        models=tuple(Model(str(row["fingerprint"]), int(row["dimensions"])) for row in raw["models"]),
        documents=int(raw["documents"]),
        pages=int(raw["pages"]),
        members=tuple(Member(str(r["name"]), int(r["size"]), str(r["sha256"])) for r in raw["members"]),
    )


def _unpack_member(archive: Path, content: Any, member: Member, place: Path) -> None:
    path = place / member.name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(path, "xb", opener=owner_only) as file:
        digest, size = _copied(content, file)
    if (digest, size) != (member.sha256, member.size):
        raise _refused(archive, f"{member.name!a} is not what it was")


def _copied(content: Any, file: BinaryIO) -> tuple[str, int]:
    """Copies piece by piece; returns digest and size."""
    digest, size = hashlib.sha256(), 0
    while chunk := content.read(_CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
        file.write(chunk)
    return digest.hexdigest(), size


def _check_schema(archive: Path, place: Path) -> None:
    """The catalog has the tables of a new one, and no trigger or view that would act by itself."""
    with closing(Catalog(place / "fresh.sqlite")) as fresh:
        expected = _schema(fresh.connection)
    generation.remove(place.glob("fresh.sqlite*"))
    try:
        with closing(sqlite3.connect(place / generation.CATALOG)) as db:
            found = _schema(db)
    except sqlite3.Error as error:
        raise _refused(archive, f"its catalog cannot be opened: {error}") from error
    if found != expected:
        raise _refused(archive, "its catalog is none of this docsearch")


def _schema(db: sqlite3.Connection) -> set[tuple[object, ...]]:
    rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    version = db.execute("PRAGMA user_version").fetchone()
    return {*map(tuple, rows), tuple(version)}


@contextmanager
def _archive_errors(archive: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UsageError(f"cannot read {archive}: {error.strerror}") from error
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise _refused(archive, str(error)) from error
    except OSError as error:
        if error.errno is None:  # gzip's own
            raise _refused(archive, str(error)) from error
        raise StorageFull(f"cannot unpack {archive}: {error.strerror}") from error


def _refused(archive: Path, why: str) -> UsageError:
    return UsageError(f"{archive} is not a usable docsearch archive: {why}")
