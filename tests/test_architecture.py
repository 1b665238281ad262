"""What the import contracts cannot see: what is loaded at run time, docstrings, and size."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "docsearch").rglob("*.py"))
LONGEST_MODULE = 400

HEAVY = [
    "cv2",
    "lancedb",
    "llama_cpp",
    "onnxruntime",
    "pyarrow",
    "pymupdf",
    "rapidocr",
    "sentence_transformers",
    "textual",
    "torch",
    "transformers",
]
"""Libraries that take seconds to import: whoever needs one pays at that moment, and not before."""

EVERY_HELP_PAGE = """
import json, sys
import typer
from docsearch.cli.main import app, main

def command_paths(command, path=()):
    yield path
    context = typer.Context(command)
    for name in getattr(command, "list_commands", lambda context: [])(context):
        yield from command_paths(command.get_command(context, name), (*path, name))

def exit_code(arguments):
    try:
        return main(arguments) or 0
    except SystemExit as stop:
        return stop.code or 0

codes = {" ".join(path): exit_code([*path, "--help"]) for path in command_paths(typer.main.get_command(app))}
print("\\n" + json.dumps({"codes": codes, "loaded": sorted(sys.modules)}))
"""


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_no_help_page_loads_a_heavy_library(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EVERY_HELP_PAGE],
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert len(seen["codes"]) > 1, "the program has no commands"
    assert {command for command, code in seen["codes"].items() if code} == set()
    assert set(HEAVY) & set(seen["loaded"]) == set()
    assert list(tmp_path.iterdir()) == [], "asking for help wrote files"


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Public classes and functions of a module that have no docstring, and the module itself."""
    if tree.body and ast.get_docstring(tree) is None:
        yield "the module"
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not node.name.startswith("_") and ast.get_docstring(node) is None:
            yield node.name


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_what_is_public_is_documented(path: Path) -> None:
    assert list(undocumented(ast.parse(path.read_text("utf-8")))) == []


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_MODULE, "split it"
