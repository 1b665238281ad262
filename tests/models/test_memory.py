"""Models whose forward runs out of memory above some size, as a GPU's would."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from docsearch.errors import ModelUnavailable
from docsearch.models.device import Device
from docsearch.models.protocols import ModelInput, Shrinking
from docsearch.models.registry import ModelRow, Role
from docsearch.models.sentence import CrossEncoderReranker, SentenceTransformersEmbedder
from tests.models import tiny

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="the processor of Qwen3-VL needs torchvision"
)

CPU = Device()
SIZE = {"image_pixels": 1024, "batch_tokens": 4096}
BOTH = ("text", "image", "text+image")


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> ModelRow:
    """A tiny Qwen3-VL that makes a token of 16 x 16 pixels."""
    folder = tiny.tiny_qwen3_vl(tmp_path_factory.mktemp("models") / "qwen", longest_edge=1024 * 1024)
    embedder = ModelRow("qwen", Role.EMBEDDER, source=str(folder), dimensions=32, pooling="lasttoken")
    return replace(embedder, modalities=BOTH, image_pixels=1024, batch_tokens=4096)


def holding(model: Any, tokens: int) -> list[tuple[int, int]]:
    """Has a model hold batches of so many tokens only; returns the shapes that it was given so far."""
    seen: list[tuple[int, int]] = []
    inner: Any = model.transformers_model
    forward = inner.forward

    def bounded(**features: Any) -> Any:
        seen.append(tuple(features["input_ids"].shape))
        if features["input_ids"].numel() > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(**features)

    inner.forward = bounded
    return seen


def pages(*sides: int) -> list[ModelInput]:
    """Pictures of so many pixels a side, each another one."""
    made = [Image.effect_mandelbrot((s, s), (-2, -1.5, 1, 1.5 + i / 9), 30) for i, s in enumerate(sides)]
    return [ModelInput(image=image.convert("RGB")) for image in made]


def test_large_and_small_pages_give_what_each_gives_alone(row: ModelRow) -> None:
    embedder = SentenceTransformersEmbedder(row, CPU)
    shown = [*pages(64, 400, 128, 300), ModelInput("tax report"), ModelInput("tax", *[pages(64)[0].image])]
    seen = holding(embedder.model, 10**9)
    together = embedder.embed_pages(shown)
    assert max(tokens for _, tokens in seen) > 600
    assert all(length * tokens < 5000 for length, tokens in seen)
    alone = np.concatenate([embedder.embed_pages([page]) for page in shown])
    assert together == pytest.approx(alone, abs=1e-4)
    assert embedder.shrunk() == {}
    assert isinstance(embedder, Shrinking)


def test_when_memory_runs_out_the_batch_is_halved_and_all_goes_on(row: ModelRow) -> None:
    free, short = (SentenceTransformersEmbedder(row, CPU) for _ in range(2))
    shown = pages(*[128] * 12, 256, 96)
    seen = holding(short.model, 700)
    assert short.embed_pages(shown) == pytest.approx(free.embed_pages(shown), abs=1e-4)
    assert short.shrunk() == {}
    failed = [shape for shape in seen if shape[0] * shape[1] > 700]
    assert failed
    seen.clear()
    short.embed_pages(shown)
    assert not [shape for shape in seen if shape[0] * shape[1] > 700]


def test_a_page_that_does_not_fit_alone_is_scaled_down_and_named(row: ModelRow) -> None:
    embedder = SentenceTransformersEmbedder(row, CPU)
    holding(embedder.model, 1300)
    small, large, other = pages(128, 1024, 160)
    vectors = embedder.embed_pages([small, large, other])
    [(place, size)] = embedder.shrunk().items()
    assert place == 1
    assert 256 < max(size) < 1024
    assert large.image is not None
    assert large.image.size == (1024, 1024)
    seen_smaller = ModelInput(image=large.image.resize((512, 512), Image.Resampling.LANCZOS))
    assert vectors[1] @ embedder.embed_pages([seen_smaller])[0] > 0.9
    assert embedder.shrunk() == {}


def test_a_model_for_which_there_is_no_room_at_all_says_so(row: ModelRow) -> None:
    embedder = SentenceTransformersEmbedder(row, CPU)
    holding(embedder.model, 3)
    with pytest.raises(ModelUnavailable, match="out of memory") as error:
        embedder.embed_pages(pages(512))
    assert "image_pixels" in error.value.hint


def test_very_long_and_thin_pages_are_embedded(row: ModelRow) -> None:
    embedder = SentenceTransformersEmbedder(row, CPU)
    [vector] = embedder.embed_pages([ModelInput(image=Image.new("RGB", (1000, 3), "red"))])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_rerankers_go_on_too(tmp_path: Path) -> None:
    folder = tiny.tiny_qwen3_vl_reranker(tmp_path)
    row = ModelRow("reranker", Role.RERANKER, source=str(folder), modalities=BOTH, image_pixels=128)
    free, short = (CrossEncoderReranker(row, CPU) for _ in range(2))
    query = ModelInput("tax report")
    shown = [*pages(*[64] * 10), *[ModelInput("the invoice total " * n) for n in range(1, 9)]]
    seen = holding(short.model, 300)
    scores = short.score(query, shown)
    assert [shape for shape in seen if shape[0] * shape[1] > 300]
    assert scores == pytest.approx(free.score(query, shown), abs=1e-3)
    assert len(set(scores.tolist())) > 9
