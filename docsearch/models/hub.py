"""Fetches a model from the Hugging Face hub into its cache. The only place that reaches for the network.

Files are fetched one after the other, small ones first, so that weights are there last. What was cut off
is kept and gone on with; a file takes its place only when its digest is the one that the hub names.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from docsearch.errors import ModelUnavailable, StorageFull, UsageError
from docsearch.models.local import PARTIAL, repository_folder
from docsearch.models.memory import gigabytes
from docsearch.models.registry import ModelRow

Told = Callable[[str, int, int], None]
"""Is told the file that is fetched, and of all files the bytes that are here and those there will be."""
MARGIN_BYTES = 500_000_000
"""What must be free on the disk beside the model."""
_UNUSED = (
    ".*", "*.onnx", "*.onnx_data", "onnx/*", "openvino/*", "coreml/*", "original/*", "*.h5", "*.msgpack",
    "*.ot", "*.tflite", "*.pt", "*.pth", "*.gguf", "*.zip", "flax_model*", "tf_model*", "training_args.bin",
    "optimizer.*", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.mp4", "*.pdf", "*.ipynb",
)  # fmt: skip
"""Weights in other formats, and what is there for people to look at."""
_CHUNK = 1 << 20
_HUB_LIBRARIES = ("huggingface_hub", "httpx", "httpx2")
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on the hub.

    Attributes:
        path: in its repository, parts separated by '/'.
        size: in bytes.
        digest: SHA-256 of a large file, or git's SHA-1 of a small one; the name of its blob in the cache.
    """

    path: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A revision of a model on the hub, and those of its files that docsearch would use.

    Attributes:
        commit: the revision, for good.
        files: the smallest first.
        code: Python files that come with it and are left out.
    """

    commit: str
    files: tuple[RemoteFile, ...]
    code: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def look_up(row: ModelRow, revision: str = "", *, with_code: bool = False) -> RemoteModel:
    """Asks the hub for a model's files; its code is among them only `with_code`.

    Args:
        row: the model.
        revision: commit, tag or branch; empty for that of the row, or else 'main'.
        with_code: whether Python files that come with it may be fetched, to be run when it is loaded.

    Raises:
        UsageError: the model does not come from the hub, or the network was forbidden.
        ModelUnavailable: the hub cannot be reached, or has no such model, revision or file.
    """
    if not row.source or Path(row.source).is_absolute():
        where = "came with docsearch" if not row.source else f"is in the folder {row.source}"
        raise UsageError(f"model '{row.name}' {where}; there is nothing to fetch")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi, constants
    from huggingface_hub.hf_api import RepoFile

    if constants.HF_HUB_OFFLINE:
        raise UsageError("HF_HUB_OFFLINE forbids the network", hint="unset it, and TRANSFORMERS_OFFLINE too")
    with _as_unavailable(row):
        hub = HfApi()
        commit = str(hub.model_info(row.source, revision=revision or row.revision or None).sha)
        entries = hub.list_repo_tree(row.source, recursive=True, revision=commit)
        there = [
            RemoteFile(f.path, f.size, f.lfs.sha256 if f.lfs else f.blob_id)
            for f in entries
            if isinstance(f, RepoFile)
        ]
    if not all(_DIGEST.fullmatch(name) for name in (commit, *(file.digest for file in there))):
        raise ModelUnavailable(f"model '{row.name}': the hub's list of files makes no sense")
    return _wanted(row, commit, [file for file in there if _is_inside(file.path)], with_code)


def _wanted(row: ModelRow, commit: str, there: list[RemoteFile], with_code: bool) -> RemoteModel:
    """Those of the files that docsearch would use."""
    if row.file:
        names = [name for name in (row.file, row.mmproj) if name]
        files = [file for file in there if file.path in names]
        missing = sorted(set(names) - {file.path for file in files})
        if missing:
            raise ModelUnavailable(f"model '{row.name}': {row.source} has no file {missing[0]}")
        return RemoteModel(commit, _in_order(files))
    files = [file for file in there if not any(fnmatch(file.path, pattern) for pattern in _UNUSED)]
    if any(file.path.endswith(".safetensors") for file in files):
        files = [file for file in files if not fnmatch(file.path, "*pytorch_model*.bin*")]
    code = tuple(sorted(file.path for file in files if file.path.endswith(".py")))
    if not with_code:
        files = [file for file in files if file.path not in code]
    return RemoteModel(commit, _in_order(files), () if with_code else code)


def _in_order(files: list[RemoteFile]) -> tuple[RemoteFile, ...]:
    return tuple(sorted(files, key=lambda file: (file.size, file.path)))


def _is_inside(path: str) -> bool:
    """Whether a path stays in its folder: what a hub says is not trusted."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and "\\" not in path


def pull(row: ModelRow, remote: RemoteModel, tell: Told, revision: str = "") -> Path:
    """Fetches what is not here yet, and checks all of it; returns the folder of the revision.

    Raises:
        StorageFull: there is no room for it; nothing was fetched then.
        ModelUnavailable: the connection was lost, which the next call makes up for, or a file is not what
            the hub says it is; that one is removed.
    """
    repository = repository_folder(row)
    snapshot = repository / "snapshots" / remote.commit
    done = 0

    def told(file: RemoteFile, here: int) -> None:
        tell(file.path, done + here, remote.size)

    try:
        _check_room(row, repository, remote)
        repository.mkdir(parents=True, exist_ok=True)
        with FileLock(repository / ".docsearch.lock", timeout=0):
            for file in remote.files:
                blob = _fetched(row, repository, remote, file, partial(told, file))
                _link(blob, snapshot / file.path)
                done += file.size
            _note_revision(repository, remote.commit, revision or row.revision or "main")
    except Timeout as error:
        raise UsageError(f"model '{row.name}' is being fetched already") from error
    except OSError as error:
        raise StorageFull(f"cannot write to {repository}: {error.strerror or error}") from error
    return snapshot


def _check_room(row: ModelRow, repository: Path, remote: RemoteModel) -> None:
    wanted = sum(file.size - _here(repository, file) for file in remote.files)
    place = next(folder for folder in (repository, *repository.parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if wanted and wanted + MARGIN_BYTES > free:
        raise StorageFull(
            f"model '{row.name}' needs {gigabytes(wanted)} more on the disk of {place}, where "
            f"{gigabytes(free)} are free",
            hint="make room, or set HF_HOME to a folder on another disk",
        )


def _here(repository: Path, file: RemoteFile) -> int:
    """Bytes of a file that are here already."""
    blob = repository / "blobs" / file.digest
    for path in (blob, _partial(blob)):
        with suppress(OSError):
            return min(path.stat().st_size, file.size)
    return 0


def _partial(blob: Path) -> Path:
    return blob.with_name(blob.name + PARTIAL)


def _fetched(
    row: ModelRow, repository: Path, remote: RemoteModel, file: RemoteFile, tell: Callable[[int], None]
) -> Path:
    """The blob of a file, fetched as far as it is not here."""
    blob = repository / "blobs" / file.digest
    if blob.is_file() and _digest(blob, file) == file.digest:
        tell(file.size)
        return blob
    blob.unlink(missing_ok=True)
    blob.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _partial(blob)
    if _here(repository, file) < file.size or not unfinished.exists():
        with unfinished.open("ab") as target:
            _fetch(row, remote.commit, file, _Counted(target, tell))
    if _digest(unfinished, file) != file.digest:
        unfinished.unlink()
        raise ModelUnavailable(
            f"model '{row.name}': {file.path} is not what the hub says it is; it was removed",
            hint=f"fetch it again: docsearch models pull {row.name}",
        )
    unfinished.replace(blob)
    return blob


def _fetch(row: ModelRow, commit: str, file: RemoteFile, target: _Counted) -> None:
    from huggingface_hub import hf_hub_url, utils
    from huggingface_hub.file_download import http_get

    tools: Any = utils
    tools.logging.set_verbosity_error()
    tools.disable_progress_bars()
    with _as_unavailable(row, f"docsearch models pull {row.name} goes on where it was"):
        url = hf_hub_url(row.source, file.path, revision=commit)
        headers = {**tools.build_hf_headers(), "Accept-Encoding": "identity"}
        stream: Any = target
        http_get(url, stream, resume_size=target.tell(), headers=headers, expected_size=file.size)


class _Counted:
    """A file that tells how much of it there is."""

    def __init__(self, file: BinaryIO, tell: Callable[[int], None]) -> None:
        self._file = file
        self._tell = tell

    def write(self, data: bytes) -> int:
        count = self._file.write(data)
        self._tell(self._file.tell())
        return count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _digest(path: Path, file: RemoteFile) -> str:
    """As the hub reckons it: SHA-256, or for files that git keeps itself SHA-1 with git's heading."""
    digest = hashlib.sha256()
    if len(file.digest) == 40:
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _link(blob: Path, pointer: Path) -> None:
    """The file under its own name; a copy where there are no links."""
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.unlink(missing_ok=True)
    try:
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except OSError:
        shutil.copyfile(blob, pointer)


def _note_revision(repository: Path, commit: str, revision: str) -> None:
    """Keeps which commit a branch or tag was."""
    if revision != commit and _is_inside(revision):
        reference = repository / "refs" / revision
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(commit, "ascii")


@contextmanager
def _as_unavailable(row: ModelRow, hint: str = "") -> Iterator[None]:
    """What the hub's library raises becomes ModelUnavailable."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise ModelUnavailable(
            f"{row.source} is only given to those who agree to its terms",
            hint=f"agree on https://huggingface.co/{row.source}, then: hf auth login",
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        what = f"revision {row.revision!r} of {row.source}" if row.revision else row.source
        raise ModelUnavailable(
            f"model '{row.name}': the hub has no {what}", hint="check its row in models.toml"
        ) from error
    except Exception as error:  # the hub's library lets through what its HTTP library raises
        known = type(error).__module__.partition(".")[0] in _HUB_LIBRARIES
        if not known and not _without_cause(error):
            raise
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelUnavailable(
            f"the hub cannot be reached: {said}", hint=hint or "check the connection and try again"
        ) from error


def _without_cause(error: Exception) -> bool:
    """Whether it is an OSError that no system call gave: the hub's library says so of what was cut off."""
    return isinstance(error, OSError) and error.errno is None
