"""Where a model's files lie on this machine, and a digest that changes when they do."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import BinaryIO

from docsearch.errors import ModelUnavailable
from docsearch.models.local import WEIGHT_SUFFIXES, snapshot_folder, stay_offline
from docsearch.models.registry import ModelRow

WHOLE_FILE_BYTES = 16 * 1024 * 1024
"""Files up to this size are hashed whole."""
SAMPLE_BYTES = 4096
SAMPLES = 256
MAX_HEADER_BYTES = 100 * 1024 * 1024
"""The safetensors format allows no larger header."""
TEXT_SUFFIXES = {".json", ".txt", ".model", ".jinja", ".py"}


def model_folder(row: ModelRow) -> Path:
    """The folder with the model's files; raises ModelUnavailable when it is not on this machine.

    From here on this process never reaches out for models: the libraries are told to stay offline.
    """
    stay_offline()
    if Path(row.source).is_absolute():
        folder = Path(row.source)
        if not folder.is_dir():
            raise ModelUnavailable(f"model '{row.name}': there is no folder {folder}")
        return folder
    cached = snapshot_folder(row)
    if cached is None:
        raise ModelUnavailable(
            f"model '{row.name}' is not on this machine",
            hint=f"fetch it once with: docsearch models pull {row.name}",
        )
    return cached


def weights_digest(folder: Path) -> str:
    """Hex digest of a model folder: small files whole, of large weights some bytes of every tensor.

    The same files give the same digest wherever they lie and whenever they were copied.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if any(part.startswith(".") for part in inside.parts) or not path.is_file():
            continue
        if path.suffix in TEXT_SUFFIXES | WEIGHT_SUFFIXES:
            digest.update(f"{inside.as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(_file_digest(path))
    return digest.hexdigest()


def fingerprint_of(row: ModelRow, digest: str, *more: object) -> str:
    """Short hex digest of weights, of what in the row shapes the vectors of a page, and of what else counts.

    The device and its number format are no part of it: what a GPU made serves a machine without one.
    """
    pixels = (row.image_pixels, row.min_pixels, row.max_pixels)
    parts = (digest, row.page_prompt, pixels, row.max_tokens, sorted(row.modalities), *more)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _file_digest(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= WHOLE_FILE_BYTES:
            return hashlib.file_digest(file, "sha256").digest()
        offsets = _tensor_offsets(file, size) if path.suffix == ".safetensors" else []
        return _sampled(file, offsets or [i * size // SAMPLES for i in range(SAMPLES)])


def _tensor_offsets(file: BinaryIO, size: int) -> list[int]:
    """Where the tensors of a safetensors file begin; none when it is not one."""
    (length,) = struct.unpack("<Q", file.read(8))
    if length > min(size, MAX_HEADER_BYTES):
        return []
    try:
        header = json.loads(file.read(length))
        return [
            0,
            *sorted(8 + length + t["data_offsets"][0] for k, t in header.items() if k != "__metadata__"),
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _sampled(file: BinaryIO, offsets: list[int]) -> bytes:
    digest = hashlib.sha256()
    for offset in offsets:
        file.seek(offset)
        digest.update(file.read(SAMPLE_BYTES))
    return digest.digest()
