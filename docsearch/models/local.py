"""What of a model's files lies on this machine: all of them, some, or none, and how large they are.

Reads the cache of the Hugging Face hub by its documented layout, without the hub's library:
`models--owner--name/snapshots/COMMIT/` holds links into `blobs/`, `refs/` names commits.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from docsearch.models.registry import ModelRow, Runtime

PARTIAL = ".incomplete"
"""What the names of unfinished downloads end with."""
WEIGHT_SUFFIXES = {".safetensors", ".bin", ".npz"}
_SHARDS = "*.safetensors.index.json"


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """A model's files on this machine.

    Attributes:
        folder: where they are; None when there are none.
        whole: whether nothing is missing, as far as can be seen.
        size: bytes on disk, those of an unfinished download among them.
        own: whether the folder is one of the user's, not of the hub's cache.
    """

    folder: Path | None
    whole: bool
    size: int
    own: bool = False


def local_files(row: ModelRow) -> LocalFiles:
    """What there is of a model here. Never reaches out for it."""
    if row.runtime is Runtime.STARTER and not row.source:
        return LocalFiles(None, True, sum(map(_size, _weights(Path(__file__).parent / "starter"))))
    if Path(row.source).is_absolute():
        folder = Path(row.source)
        return LocalFiles(folder, is_whole(row, folder), sum(map(_size, files_of(row, folder))), own=True)
    snapshot = snapshot_folder(row)
    unfinished = sum(map(_size, repository_folder(row).glob(f"blobs/*{PARTIAL}")))
    if snapshot is None:
        return LocalFiles(None, False, unfinished)
    return LocalFiles(
        snapshot, is_whole(row, snapshot), unfinished + sum(map(_size, files_of(row, snapshot)))
    )


def stay_offline() -> None:
    """Tells the libraries that load models never to reach out; they heed it when they are imported."""
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        os.environ[variable] = "1"


def repository_folder(row: ModelRow) -> Path:
    """Where the hub's cache keeps a model, in all its revisions; it may not be there."""
    stay_offline()
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{row.source.replace('/', '--')}"


def snapshot_folder(row: ModelRow) -> Path | None:
    """The files of the row's revision in the hub's cache; None when there are none."""
    repository, revision = repository_folder(row), row.revision or "main"
    snapshots = repository / "snapshots"
    with suppress(OSError, UnicodeDecodeError):
        for commit in (revision, (repository / "refs" / revision).read_text("ascii").strip()):
            if commit and (snapshots / commit).is_dir():
                return snapshots / commit
    return snapshots / revision if (snapshots / revision).is_dir() else None


def files_of(row: ModelRow, folder: Path) -> list[Path]:
    """The files of a row in a folder: those it names, or all."""
    if row.file:
        return [folder / name for name in (row.file, row.mmproj) if name and (folder / name).is_file()]
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def is_whole(row: ModelRow, folder: Path) -> bool:
    """Whether the files a row names are there, or weights with all their parts."""
    if row.file:
        return len(files_of(row, folder)) == len([name for name in (row.file, row.mmproj) if name])
    return bool(_weights(folder)) and all(part.is_file() for part in _shards(folder))


def remove_files(row: ModelRow) -> int:
    """Removes a model's files of this revision from the hub's cache; returns how many bytes that gave back.

    What other revisions share is kept, and so is every folder outside the cache.
    """
    repository, snapshot = repository_folder(row), snapshot_folder(row)
    before = _tree_size(repository)
    if snapshot is not None:
        blobs = {path.resolve() for path in files_of(row, snapshot) if path.is_symlink()}
        for path in files_of(row, snapshot):
            path.unlink()
        _drop_empty(snapshot)
        kept = {path.resolve() for path in (repository / "snapshots").rglob("*") if path.is_symlink()}
        for blob in blobs - kept:
            if blob.is_relative_to((repository / "blobs").resolve()):
                blob.unlink(missing_ok=True)
    for partial in repository.glob(f"blobs/*{PARTIAL}"):
        partial.unlink(missing_ok=True)
    if not any((repository / "snapshots").glob("*")):
        shutil.rmtree(repository, ignore_errors=True)
    return before - _tree_size(repository)


def _drop_empty(folder: Path) -> None:
    """Removes a folder tree from the bottom, as far as it holds no file."""
    for path, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(path).rmdir()


def _weights(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix in WEIGHT_SUFFIXES and path.is_file()]


def _shards(folder: Path) -> Iterator[Path]:
    """The files that an index of weights names."""
    for index in folder.rglob(_SHARDS):
        with suppress(OSError, ValueError, AttributeError, TypeError):
            names = json.loads(index.read_text("utf-8"))["weight_map"].values()
            yield from (index.parent / name for name in set(names))


def _tree_size(folder: Path) -> int:
    return sum(_size(path) for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
