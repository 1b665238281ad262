"""The number format for a device."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from docsearch.models.device import choose_device, gpu_is_here, has_amx, number_format, runs_in_half


@pytest.mark.parametrize(
    ("kind", "bfloat16", "expected"),
    [
        ("cuda", True, "bfloat16"),
        ("cuda", False, "float16"),
        ("xpu", True, "bfloat16"),
        ("xpu", False, "float32"),
        ("mps", False, "float32"),
        ("cpu", True, "bfloat16"),
        ("cpu", False, "float32"),
    ],
)
def test_half_precision_where_the_hardware_has_it(kind: str, bfloat16: bool, expected: str) -> None:
    assert number_format(kind, bfloat16=bfloat16) == expected


def test_a_processor_with_amx_is_known_by_its_flags(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    assert not has_amx(cpuinfo)
    cpuinfo.write_text("flags\t\t: fpu avx512_bf16 avx512f\n")
    assert not has_amx(cpuinfo)
    cpuinfo.write_text("flags\t\t: fpu avx512_bf16 amx_bf16 amx_tile\n")
    assert has_amx(cpuinfo)


def test_what_the_list_of_models_assumes_is_what_torch_is_given() -> None:
    half = choose_device("cpu").dtype != "float32"
    assert half is runs_in_half("cpu")
    assert runs_in_half("xpu")


def test_whether_there_is_a_gpu_is_known_without_torch_and_is_what_torch_says() -> None:
    code = (
        "import sys; from docsearch.models.device import gpu_is_here; found = gpu_is_here('auto')\n"
        "assert 'torch' not in sys.modules, 'torch was imported to look'\n"
        "print(found)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    there = choose_device().name != "cpu"
    assert said.strip() == str(there)
    assert gpu_is_here() is there
    assert not gpu_is_here("cpu")
    assert not gpu_is_here("cuda:99")
