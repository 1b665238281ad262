from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.errors import ModelUnavailable
from docsearch.models.gguf import GgufHead, read_head
from docsearch.models.memory import CONTEXTS, available_bytes, fitting_context, needed_bytes
from docsearch.models.registry import ModelRow, Role, Runtime

ROW = ModelRow("tiny", Role.GENERATOR, runtime=Runtime.LLAMA_CPP, source="/models", file="tiny.gguf")
HEAD = GgufHead(
    {
        "general.architecture": "qwen3",
        "qwen3.context_length": 40960,
        "qwen3.block_count": 36,
        "qwen3.embedding_length": 2560,
        "qwen3.attention.head_count": 32,
        "qwen3.attention.head_count_kv": 8,
        "qwen3.attention.key_length": 128,
        "qwen3.attention.value_length": 128,
    },
    2_500_000_000,
)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf_bytes() -> bytes:
    """A file with a text, a number, an array of texts and one of arrays."""
    pairs = [
        text("general.architecture") + struct.pack("<I", 8) + text("llama"),
        text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b"),
        text("nested") + struct.pack("<IIQ", 9, 9, 1) + struct.pack("<IQ", 4, 2) + bytes(8),
        text("llama.context_length") + struct.pack("<II", 4, 512),
        text("tokenizer.chat_template") + struct.pack("<I", 8) + text("{{ x }}"),
    ]
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs)


def test_what_the_head_says_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(gguf_bytes())
    head = read_head(tmp_path / "a.gguf")
    assert (head.architecture, head.context_length) == ("llama", 512)
    assert head.values["tokenizer.chat_template"]
    assert head.size == len(gguf_bytes())


@given(st.integers(0, len(gguf_bytes()) - 1))
def test_a_head_that_ends_early_is_broken(tmp_path: Path, length: int) -> None:
    (tmp_path / "a.gguf").write_bytes(gguf_bytes()[:length])
    with pytest.raises(ValueError, match=r"GGUF|broken"):
        read_head(tmp_path / "a.gguf")


@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, len(gguf_bytes()) - 1))
def test_nothing_but_values_and_value_errors_come_of_any_file(
    tmp_path: Path, noise: bytes, value: int, place: int
) -> None:
    changed = bytearray(gguf_bytes())
    changed[place] = value
    for content in (b"GGUF\x03\0\0\0" + noise, bytes(changed)):
        (tmp_path / "a.gguf").write_bytes(content)
        try:
            read_head(tmp_path / "a.gguf")
        except ValueError:
            continue


def test_the_cache_of_a_known_model() -> None:
    """Qwen3 4B: 36 layers, 8 heads of 128 for keys and for values, two bytes each."""
    assert HEAD.cache_bytes_per_token == 147_456


def test_the_largest_context_that_fits_is_taken() -> None:
    needed = {size: needed_bytes(ROW, HEAD, 0, size) for size in CONTEXTS}
    for size in CONTEXTS:
        assert fitting_context(ROW, HEAD, 0, 0, needed[size]) == size
    assert fitting_context(ROW, HEAD, 0, 0, None) == CONTEXTS[0]
    with pytest.raises(ModelUnavailable, match="needs"):
        fitting_context(ROW, HEAD, 0, 0, needed[CONTEXTS[-1]] - 1)


def test_a_wanted_context_is_taken_or_refused_but_not_made_smaller() -> None:
    assert fitting_context(ROW, HEAD, 0, 16384, 1 << 40) == 16384
    assert fitting_context(ROW, HEAD, 0, 1 << 20, 1 << 40) == HEAD.context_length
    with pytest.raises(ModelUnavailable, match="16384 tokens"):
        fitting_context(ROW, HEAD, 0, 16384, needed_bytes(ROW, HEAD, 0, 8192))


def test_this_machine_has_some_memory() -> None:
    free = available_bytes()
    assert free is None or free > 1_000_000
