"""Models of every role are tried out through the code that loads the real ones."""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from pathlib import Path

import pytest

from docsearch.config import ModelSettings, Settings
from docsearch.library.model_check import check_model
from docsearch.models.registry import ModelRow, Registry, Role, Runtime
from tests.models import tiny, tiny_late

ON_CPU = Settings(models=ModelSettings(device="cpu"))


def checked(row: ModelRow) -> tuple[set[str], dict[str, float], int]:
    found = check_model(row, Registry((row,)), ON_CPU)
    assert found.load_seconds > 0
    assert (found.name, found.role) == (row.name, row.role.value)
    return set(found.modalities), dict(found.page_seconds), found.dimensions


def test_an_embedder_is_shown_pages_in_every_way_it_takes_them(tmp_path: Path) -> None:
    folder = str(tiny.tiny_clip(tmp_path / "clip"))
    kinds = ("text", "image")
    row = ModelRow(
        "clip", Role.EMBEDDER, source=folder, modalities=kinds, dimensions=16, image_pixels=64, max_tokens=40
    )
    modalities, seconds, dimensions = checked(row)
    assert modalities == set(kinds) == set(seconds)
    assert dimensions == 16
    assert min(seconds.values()) > 0


@pytest.mark.skipif(find_spec("torchvision") is None, reason="the processor of Qwen3-VL needs torchvision")
def test_what_a_picture_costs_and_how_attention_is_computed_is_told(tmp_path: Path) -> None:
    kinds = ("text", "image", "text+image")
    row = ModelRow(
        "qwen",
        Role.EMBEDDER,
        source=str(tiny.tiny_qwen3_vl(tmp_path / "qwen")),
        modalities=kinds,
        dimensions=32,
        pooling="lasttoken",
        image_pixels=128,
        max_pixels=64 * 64,
        attention="eager",
    )
    found = check_model(row, Registry((row,)), ON_CPU)
    assert (found.attention, set(found.page_seconds)) == ("eager", set(kinds))
    assert 0 < found.visual_tokens <= 16
    assert found.device.startswith("cpu, ")
    assert found.warnings == ()


def test_a_reranker_scores_pages(tmp_path: Path) -> None:
    folder = str(tiny.tiny_bert(tmp_path / "bert", labels=1))
    modalities, seconds, dimensions = checked(ModelRow("bert", Role.RERANKER, source=folder, max_tokens=48))
    assert (modalities, dimensions) == ({"text"}, 0)
    assert seconds["text"] > 0


def test_a_generator_reads_and_writes(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="needs llama-cpp-python: pip install docsearch[answers]")
    pytest.importorskip("gguf", reason="makes its models with the package gguf")
    from tests.models.tiny_gguf import speaking_gguf

    file = speaking_gguf(tmp_path / "tiny.gguf", ("The rent", " is 900"))
    row = ModelRow("tiny", Role.GENERATOR, Runtime.LLAMA_CPP, source=str(tmp_path), file=file.name)
    modalities, seconds, dimensions = checked(row)
    assert (modalities, dimensions) == ({"text"}, 0)
    assert seconds["text"] > 0


@pytest.mark.skipif(find_spec("torchvision") is None, reason="image processors need torchvision")
def test_a_late_interaction_model_says_what_a_page_takes(tmp_path: Path) -> None:
    folder = str(tiny_late.tiny_colqwen2(tmp_path))
    row = ModelRow(
        "late", Role.LATE_INTERACTION, source=folder, modalities=("image",), dimensions=16, image_pixels=128
    )
    modalities, seconds, dimensions = checked(row)
    assert (modalities, dimensions) == ({"image"}, 16)
    assert seconds["image"] > 0
    whole = check_model(row, Registry((row,)), ON_CPU).page_tokens
    row = dataclasses.replace(row, token_pooling=2)
    assert whole / 2 - 2 < check_model(row, Registry((row,)), ON_CPU).page_tokens < whole / 2 + 2
