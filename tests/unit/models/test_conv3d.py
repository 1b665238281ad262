"""Which releases of torch are slow with models that cut pictures into cubes, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from docsearch.models import conv3d
from docsearch.models.registry import Registry


@pytest.mark.parametrize(
    ("torch", "cudnn", "slow"),
    [
        ("2.8.0+cu128", "9.10.2.21", False),
        ("2.9.0+cu128", "9.10.2.21", True),
        ("2.9.0+cu128", "9.21.0.82", True),
        ("2.9.1+cu128", "9.10.2.21", True),
        ("2.9.1+cu130", "9.15.1.9", False),
        ("2.9.1", "", True),
        ("2.10.0", "9.10.2.21", False),
        ("2.13.0+cpu", "", False),
        ("", "", False),
    ],
)
def test_torch_2_9_is_slow_until_cudnn_is_used_again(torch: str, cudnn: str, slow: bool) -> None:
    assert conv3d.is_slow(torch, cudnn) is slow


def test_families_are_told_by_what_a_folder_says_of_itself(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3_vl"}))
    assert conv3d.has_conv3d(conv3d.model_type(tmp_path))
    inside = tmp_path / "saved" / "0_CLIPModel"
    inside.mkdir(parents=True)
    (inside / "config.json").write_text(json.dumps({"model_type": "clip"}))
    assert conv3d.model_type(tmp_path / "saved") == "clip"
    assert not conv3d.has_conv3d("clip")
    for content in ("[]", "not json", '{"model_type": 3}'):
        (tmp_path / "config.json").write_text(content)
        assert conv3d.model_type(tmp_path) == ""


def test_the_rows_know_their_families_before_their_files_are_here() -> None:
    found = {row.name for row in Registry.read().rows if conv3d.has_conv3d(row.architecture)}
    assert {"qwen3-vl-embedding-2b", "qwen3-vl-reranker-8b", "colqwen2", "jina-reranker-m0"} <= found
    assert not found & {"clip-vit-l-14", "bge-vl-mllm-s1", "all-minilm-l6-v2"}


def test_cubes_side_by_side_are_a_product_of_matrices() -> None:
    import torch

    torch.manual_seed(1)
    beside = torch.nn.Conv3d(3, 5, (2, 4, 4), (2, 4, 4))
    model = torch.nn.ModuleDict({"proj": beside, "other": torch.nn.Conv3d(3, 5, 3, padding=1)})
    cubes, long = torch.rand(7, 3, 2, 4, 4), torch.rand(1, 3, 4, 8, 8)
    expected = beside(cubes), beside(long)
    names = list(model.state_dict())
    assert conv3d.as_products(model) == 1
    assert conv3d.as_products(model) == 0
    assert beside.forward(cubes).shape == expected[0].shape
    assert beside(cubes).flatten().tolist() == pytest.approx(expected[0].flatten().tolist(), abs=1e-5)
    assert beside(long).flatten().tolist() == pytest.approx(expected[1].flatten().tolist(), abs=1e-5)
    assert list(model.state_dict()) == names


def test_nothing_is_said_where_it_is_not_slow() -> None:
    assert conv3d.warning("qwen3_vl", gpu=False) == ""
    assert conv3d.warning("clip", gpu=True) == ""
