"""How much memory is free, and whether a GGUF model with a context fits into it."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from docsearch.errors import ModelUnavailable
from docsearch.models.gguf import GgufHead
from docsearch.models.registry import NUMBER_BYTES, ModelRow

CONTEXTS = (8192, 6144, 4096, 2048)
"""Contexts that are tried when none is set, the largest first."""
_WORKING_BYTES = 300_000_000
"""What llama.cpp needs beside weights and cache, at our batch size."""
_SHARE_OF_WORK, _LIBRARIES_BYTES = 1.2, 500_000_000
"""What a torch model takes: its weights times this for its work, and this for the libraries."""


def available_bytes() -> int | None:
    """Memory that programs can still get; None where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return _within_limits(int(line.split()[1]) * 1024)
    except (OSError, ValueError, UnicodeDecodeError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, OSError, ValueError):
        return None


def taken_bytes() -> int:
    """Memory of this process now, and what torch has taken of a GPU's; 0 where the system does not say."""
    resident = 0
    with suppress(OSError, ValueError, AttributeError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        resident = pages * os.sysconf("SC_PAGE_SIZE")
    torch = sys.modules.get("torch")
    return resident + (int(torch.cuda.max_memory_reserved()) if torch and torch.cuda.is_available() else 0)


def total_bytes() -> int | None:
    """Memory of this machine, or what the control group of this process may take; None when unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    with suppress(OSError, ValueError):
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return total


def gpu_bytes() -> int | None:
    """Memory of the largest NVIDIA GPU here; None when there is none or torch was built without CUDA.

    Asks the driver's own library (NVML), so that torch need not be imported.
    """
    try:
        if version("torch").endswith("+cpu"):
            return None
        return _largest_gpu(ctypes.CDLL("libnvidia-ml.so.1"))
    except (PackageNotFoundError, OSError, AttributeError):
        return None


def _largest_gpu(nvml: ctypes.CDLL) -> int | None:
    """The memory of the GPU that has most; raises AttributeError when the driver is too old to say."""
    if nvml.nvmlInit_v2():
        return None
    try:
        count = ctypes.c_uint()
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        return max((_memory_of(nvml, number) for number in range(count.value)), default=None)
    finally:
        nvml.nvmlShutdown()


def _memory_of(nvml: ctypes.CDLL, number: int) -> int:
    device, memory = ctypes.c_void_p(), (ctypes.c_ulonglong * 3)()  # total, free, used
    if nvml.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(device)):
        return 0
    return 0 if nvml.nvmlDeviceGetMemoryInfo(device, memory) else int(memory[0])


def _within_limits(free: int) -> int:
    """No more than the control group of this process leaves, in a container."""
    try:
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        used = int((group / "memory.current").read_text(encoding="ascii"))
        return free if limit == "max" else max(0, min(free, int(limit) - used))
    except (OSError, ValueError):
        return free


def needed_bytes(row: ModelRow, head: GgufHead, mmproj_bytes: int, context: int) -> int:
    """What a model takes with a context of so many tokens: weights, key-value cache, working memory."""
    weights = row.memory_mb * 1_000_000 or head.size + mmproj_bytes
    return weights + context * head.cache_bytes_per_token + min(_WORKING_BYTES, weights)


def fitting_context(row: ModelRow, head: GgufHead, mmproj_bytes: int, wanted: int, free: int | None) -> int:
    """The context to load a model with: the wanted one, or (0) the largest useful one that fits.

    Raises ModelUnavailable when it does not fit into `free` bytes, saying what would.
    """
    most = min(number for number in (row.max_tokens, head.context_length, 1 << 20) if number)
    tried = [min(wanted, most)] if wanted else sorted({min(size, most) for size in CONTEXTS}, reverse=True)
    for context in tried:
        if free is None or needed_bytes(row, head, mmproj_bytes, context) <= free:
            return context
    needed = needed_bytes(row, head, mmproj_bytes, tried[-1])
    raise ModelUnavailable(
        f"model '{row.name}' needs {gigabytes(needed)} of memory with a context of {tried[-1]} tokens; "
        f"{gigabytes(free or 0)} are free",
        hint="close other programs, choose a smaller model, or set a smaller context in [answers]",
    )


def torch_bytes(row: ModelRow, *, half: bool) -> int:
    """What a model that torch runs takes with its work, as an estimate; 0 where its row does not say.

    `half` is whether it runs in half precision here, if its row leaves that open.
    """
    width = NUMBER_BYTES[row.dtype or ("bfloat16" if half else "float32")]
    if row.memory_mb:
        return row.memory_mb * 1_000_000 + row.parameters * (width - NUMBER_BYTES["bfloat16"])
    return int(row.parameters * width * _SHARE_OF_WORK) + _LIBRARIES_BYTES if row.parameters else 0


def gigabytes(size: int) -> str:
    """A size in words."""
    return f"{size / 1e9:.1f} GB"
