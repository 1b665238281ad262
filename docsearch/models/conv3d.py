"""A fault of torch 2.9: the first layer of models that cut a picture into cubes takes 10 to 20 times as long.

On NVIDIA GPUs cuDNN is not used for half-precision `conv3d` there (issues 174051 and 166643 of
pytorch/pytorch); torch 2.9.1 uses it again where cuDNN is 9.15 or newer. As these cubes do not overlap, the
layer is a product of two matrices, and is computed as one here, which is faster on a processor too. Nothing
imports torch but `as_products`.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FAMILIES = (
    "qwen2_vl",
    "qwen2_5_vl",
    "qwen2_5_omni",
    "nvomniembed",
    "qwen3_vl",
    "qwen3_5",
    "qwen3_omni",
    "colqwen2",
)
"""Beginnings of the `model_type` of such models."""


def has_conv3d(model_type: str) -> bool:
    """Whether models of that type begin with such a layer."""
    return model_type.startswith(FAMILIES)


def is_slow(torch: str, cudnn: str = "") -> bool:
    """Whether a release of torch has the fault, beside a release of cuDNN (empty for the one it brings)."""
    release = _numbers(torch)
    if release[:2] != (2, 9):
        return False
    return release < (2, 9, 1) or _numbers(cudnn) < (9, 15)


def model_type(folder: Path) -> str:
    """What the model in a folder says of its architecture; empty when it says nothing."""
    for config in (folder / "config.json", *sorted(folder.glob("*/config.json"))):
        with suppress(OSError, ValueError, AttributeError):
            found = json.loads(config.read_text("utf-8")).get("model_type")
            if isinstance(found, str):
                return found
    return ""


def slow_here() -> str:
    """The release of torch that is installed, when it has the fault; empty otherwise."""
    installed = _installed("torch")
    cudnn = max(map(_installed, ("nvidia-cudnn-cu12", "nvidia-cudnn-cu13")), key=_numbers)
    return installed if is_slow(installed, cudnn) else ""


def as_products(model: Any) -> int:
    """Has such layers of a torch module computed as products of matrices; returns how many there were.

    Weights, their names and what comes out stay as they are.
    """
    from torch import nn

    class Product(nn.Conv3d):  # type: ignore[misc]  # untyped library
        def forward(self, cubes: Any) -> Any:
            if tuple(cubes.shape[2:]) != self.kernel_size:
                return super().forward(cubes)
            flat = nn.functional.linear(cubes.flatten(1), self.weight.flatten(1), self.bias)
            return flat[:, :, None, None, None]

    layers = [layer for layer in model.modules() if type(layer) is nn.Conv3d and _is_product(layer)]
    for layer in layers:
        layer.__class__ = Product
    return len(layers)


def _is_product(layer: Any) -> bool:
    """Whether the cubes that a layer looks at lie side by side."""
    alone = layer.groups == 1 and set(layer.dilation) == {1} and layer.padding == (0, 0, 0)
    return alone and layer.stride == layer.kernel_size


def warning(kind: str, *, gpu: bool) -> str:
    """What a person should know before a model of that type runs here; empty when there is nothing."""
    torch = slow_here() if gpu and has_conv3d(kind) else ""
    if not torch:
        return ""
    return (
        f"is known to be 10 to 20 times slower with torch {torch}; docsearch goes around that, "
        "but better: pip install 'torch>=2.10'"
    )


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release.partition("+")[0])[:3])
