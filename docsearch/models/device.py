"""Which device and number format a torch model runs with, and what a generator gets of the machine.

Imports torch only when asked to look.
"""

from __future__ import annotations

from dataclasses import dataclass

from docsearch.errors import ModelUnavailable

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
    return Device(name, dtype or _dtype_for(kind))


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


def give_back(device: Device) -> None:
    """Frees what torch keeps of the device's memory for later use."""
    import gc

    import torch

    gc.collect()
    kind = device.name.partition(":")[0]
    if kind != "cpu":
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


def _dtype_for(kind: str) -> str:
    """Half precision where the hardware is built for it; bfloat16 keeps float32's range."""
    if kind == "cuda":
        import torch

        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return {"xpu": "bfloat16", "mps": "float16"}.get(kind, "float32")
