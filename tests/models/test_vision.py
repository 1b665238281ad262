"""torchvision beside another torch than its own: what it needs is declared, and nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

META = """
import torch, torchvision.extension
@torch.library.register_fake("torchvision::nms")
def fake(*a): ...
"""
USES = """
import sys
from docsearch.models.vision import mend_torchvision
mend_torchvision()
assert ("torch" in sys.modules) is {torch}, "torch"
"""


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a Python of its own, which finds the packages of a folder first."""
    paths = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    env = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)


def torchvision(folder: Path, *, operators: bool, start: str) -> None:
    """A package that begins as torchvision does."""
    package = folder / "torchvision"
    package.mkdir()
    (package / "extension.py").write_text(f"def _has_ops():\n    return {operators}\n")
    (package / "_meta_registrations.py").write_text(META)
    (package / "__init__.py").write_text(start)


def test_operators_that_do_not_load_are_declared(tmp_path: Path) -> None:
    torchvision(
        tmp_path,
        operators=False,
        start="from . import extension\nfrom torchvision import _meta_registrations\n",
    )
    broken = run(tmp_path, "import torchvision")
    assert "operator torchvision::nms does not exist" in broken.stderr
    mended = run(
        tmp_path,
        USES.format(torch=True) + "import torchvision, torch, gc\ngc.collect()\n"
        "assert torchvision.extension._has_ops() is False\nassert torch.ops.torchvision.nms.default\n",
    )
    assert mended.returncode == 0, mended.stderr


@pytest.mark.parametrize(
    ("operators", "start", "raised"),
    [
        (True, "from . import extension\n", ""),
        (True, "from . import extension\nraise RuntimeError('another reason')\n", "another reason"),
        (False, "raise ImportError('no such torch')\n", "no such torch"),
    ],
)
def test_what_works_or_is_broken_otherwise_stays_as_it_is(
    tmp_path: Path, operators: bool, start: str, raised: str
) -> None:
    torchvision(tmp_path, operators=operators, start=start)
    found = run(tmp_path, USES.format(torch=False) + "import torchvision\n")
    assert raised in found.stderr
    assert (found.returncode == 0) is (not raised), found.stderr


def test_image_processors_import_in_this_environment() -> None:
    pytest.importorskip("transformers")
    code = "from docsearch.models.vision import mend_torchvision\nmend_torchvision()\n"
    found = run(Path(), code + "from transformers import CLIPImageProcessor\n")
    assert found.returncode == 0, found.stderr
