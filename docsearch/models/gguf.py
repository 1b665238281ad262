"""What the head of a GGUF file says of its model: enough to know the memory it needs before it is loaded.

The layout is the one of the GGUF specification (versions 2 and 3). Files are not trusted: lengths are
checked against the file, and what cannot be read raises ValueError.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_FORMATS: Mapping[int, str] = MappingProxyType(
    {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
)
_MOST_KEYS = 10_000
_LONGEST_TEXT = 16 * 1024 * 1024
_HALF = 2
"""Bytes of a number in the key-value cache (float16)."""

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class GgufHead:
    """The scalar metadata of a GGUF file, and its size in bytes."""

    values: Mapping[str, Value]
    size: int

    @property
    def architecture(self) -> str:
        """Such as 'llama' or 'qwen3'; 'clip' for the file that sees."""
        return str(self.values.get("general.architecture", ""))

    @property
    def context_length(self) -> int:
        """How many tokens the model was made for; 0 when it does not say."""
        return self._number("context_length")

    @property
    def cache_bytes_per_token(self) -> int:
        """What a token of context takes in the key-value cache; an upper bound for sliding windows."""
        heads = self._number("attention.head_count")
        kv_heads = self._number("attention.head_count_kv") or heads
        width = self._number("embedding_length") // max(heads, 1)
        both = (self._number("attention.key_length") or width) + (
            self._number("attention.value_length") or width
        )
        return self._number("block_count") * kv_heads * both * _HALF

    def _number(self, key: str) -> int:
        value = self.values.get(f"{self.architecture}.{key}", 0)
        return int(value) if isinstance(value, int | float) else 0


def read_head(path: Path) -> GgufHead:
    """The head of a GGUF file; raises OSError, and ValueError when it is no GGUF file or a broken one."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise ValueError("it is no GGUF file")
        try:
            (version,) = struct.unpack("<I", file.read(4))
            if version not in (2, 3):
                raise ValueError(f"GGUF version {version} is unknown")
            _, keys = struct.unpack("<QQ", file.read(16))
            if keys > _MOST_KEYS:
                raise ValueError("its head is broken")
            return GgufHead(dict(filter(None, (_pair(file, size) for _ in range(keys)))), size)
        except (struct.error, OverflowError, RecursionError) as error:
            raise ValueError("its head is broken") from error


def _pair(file: BinaryIO, size: int) -> tuple[str, Value] | None:
    key = _text(file, size)
    (kind,) = struct.unpack("<I", file.read(4))
    if kind == _ARRAY:
        _skip_array(file, size)
        return None
    return key, _scalar(file, size, kind)


def _scalar(file: BinaryIO, size: int, kind: int) -> Value:
    if kind == _STRING:
        return _text(file, size)
    layout = "<" + _format(kind)
    value: Value = struct.unpack(layout, file.read(struct.calcsize(layout)))[0]
    return value


def _format(kind: int) -> str:
    if kind not in _FORMATS:
        raise ValueError("its head is broken")
    return _FORMATS[kind]


def _text(file: BinaryIO, size: int) -> str:
    return file.read(_length(file, size)).decode("utf-8", "replace")


def _length(file: BinaryIO, size: int) -> int:
    (length,) = struct.unpack("<Q", file.read(8))
    if length > min(size - file.tell(), _LONGEST_TEXT):
        raise ValueError("its head is broken")
    return int(length)


def _skip_array(file: BinaryIO, size: int) -> None:
    kind, count = struct.unpack("<IQ", file.read(12))
    if kind == _STRING:
        skip: Callable[[], object] = partial(_skip_text, file, size)
    elif kind == _ARRAY:
        skip = partial(_skip_array, file, size)
    else:
        length = struct.calcsize("<" + _format(kind)) * count
        if length > size - file.tell():
            raise ValueError("its head is broken")
        file.seek(length, 1)
        return
    if count > size - file.tell():
        raise ValueError("its head is broken")
    for _ in range(count):
        skip()


def _skip_text(file: BinaryIO, size: int) -> None:
    file.seek(_length(file, size), 1)
