"""Which device and number format a torch model runs with, and what a generator gets of the machine.

Imports torch only when asked to look.
"""

from __future__ import annotations

import gc
import platform
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from docsearch.errors import ModelUnavailable
from docsearch.models.memory import gpu_bytes

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Device:
    """A torch device by name ('cuda:0', 'mps', 'xpu', 'cpu') and the number format of the weights."""

    name: str = "cpu"
    dtype: str = "float32"

    def describe(self) -> str:
        """A phrase for the status screen."""
        return f"{self.name}, {self.dtype}"


@dataclass(frozen=True, slots=True)
class GeneratorOptions:
    """How a generator is loaded on this machine.

    Attributes:
        context: tokens it holds, prompt and answer together; 0 takes as many as are useful and fit.
        threads: processor threads; 0 takes one a core.
        gpu_layers: layers on the GPU where there is one; -1 for all.
    """

    context: int = 0
    threads: int = 0
    gpu_layers: int = -1


def choose_device(wanted: str = AUTO, dtype: str = "") -> Device:
    """The wanted device, or the fastest there is; raises ModelUnavailable when it is not there."""
    name = _fastest() if wanted in ("", AUTO) else wanted
    kind = name.partition(":")[0]
    if kind not in ("cpu", "cuda", "mps", "xpu") or (kind != "cpu" and not _has(name)):
        raise ModelUnavailable(
            f"there is no device '{wanted}' here", hint="set device to auto, cpu, cuda, mps or xpu"
        )
    return Device(name, dtype or number_format(kind, bfloat16=_has_bfloat16(name)))


def number_format(kind: str, *, bfloat16: bool) -> str:
    """The number format for a kind of device, which computes with bfloat16 in hardware or does not.

    bfloat16 is half of float32 and keeps its range. Elsewhere float16 is used on GPUs whose float32 is many
    times slower, and float32 on all others.
    """
    if bfloat16:
        return "bfloat16"
    return "float16" if kind == "cuda" else "float32"


def free_bytes(device: Device) -> int | None:
    """Memory that a GPU can still give; None for the processor, and where the driver does not say."""
    import torch

    kind = device.name.partition(":")[0]
    try:
        if kind == "mps":
            return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
        if kind in ("cuda", "xpu"):
            return int(getattr(torch, kind).mem_get_info(device.name)[0])
    except (RuntimeError, AttributeError):
        pass
    return None


def free_memory() -> None:
    """Memory of models that are gone goes back to the system; torch keeps that of a GPU otherwise."""
    gc.collect()
    torch = sys.modules.get("torch")
    for kind in ("cuda", "xpu", "mps"):
        if torch is not None and _has(kind):
            getattr(torch, kind).empty_cache()


def _fastest() -> str:
    return next((kind for kind in ("cuda", "xpu", "mps") if _has(kind)), "cpu")


def _has(name: str) -> bool:
    import torch

    kind, _, number = name.partition(":")
    if kind == "mps":
        return bool(torch.backends.mps.is_available()) and not number
    backend = getattr(torch, kind)
    if not backend.is_available():
        return False
    return not number or (number.isdecimal() and int(number) < backend.device_count())


def _has_bfloat16(name: str) -> bool:
    """Whether the device computes with bfloat16 in hardware, and is faster for it.

    torch emulates it on NVIDIA GPUs before Ampere, slowly. Of processors only those with AMX gain from it.
    """
    import torch

    kind = name.partition(":")[0]
    if kind == "cuda":
        with torch.cuda.device(name):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind == "xpu":
        return bool(torch.xpu.is_bf16_supported(including_emulation=False))
    return bool(torch.backends.mps.is_macos_or_newer(14, 0)) if kind == "mps" else has_amx()


def runs_in_half(kind: str) -> bool:
    """Whether models run in half precision on a kind of device without an NVIDIA GPU; torch is not asked."""
    apple = sys.platform == "darwin" and platform.machine() == "arm64"
    return kind == "xpu" or (kind in ("auto", "mps") and apple) or (kind in ("auto", "cpu") and has_amx())


def gpu_is_here(wanted: str = AUTO) -> bool:
    """Whether torch would run models on a GPU. Imports torch only where nothing else can tell."""
    kind = wanted.partition(":")[0] or AUTO
    if kind == "cpu":
        return False
    if "torch" not in sys.modules and not _built_for_other_gpus():
        apple = sys.platform == "darwin" and platform.machine() == "arm64"
        return (kind in (AUTO, "cuda") and bool(gpu_bytes())) or (kind in (AUTO, "mps") and apple)
    with suppress(ModelUnavailable):
        return choose_device(wanted).name != "cpu"
    return False


def _built_for_other_gpus() -> bool:
    """Whether torch was built for GPUs of AMD or Intel, of which only torch itself can tell."""
    try:
        build = version("torch")
    except PackageNotFoundError:
        return False
    return "+rocm" in build or "+xpu" in build


def has_amx(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this is a Linux machine whose processor multiplies matrices of bfloat16."""
    try:
        return " amx_bf16" in cpuinfo.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
