"""Everything a fresh checkout needs, with nothing but Python 3.11 or newer.

    python3 make.py run ~/Documents    install, index the folder, open the search
    python3 make.py run                the same with a few sample documents
    python3 make.py test               install what tests need and run them
    python3 make.py check              lint, types and import rules

The environment is made in .venv. Put --cpu before the command to fetch PyTorch's CPU build (a tenth
of the size) from PyTorch's own package index.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = Path(os.environ.get("DOCSEARCH_VENV", HERE / ".venv"))
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
TORCH = "torch==2.13.0"
TORCHVISION = "torchvision==0.28.0"
"""Of the same release as TORCH. Installed without what it asks for, so that it brings no other torch."""
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def main(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code."""
    cpu, words = "--cpu" in arguments, [word for word in arguments if word != "--cpu"]
    match words:
        case ["run", *folders]:
            return run(folders, cpu=cpu)
        case ["test", *options]:
            return test(options, cpu=cpu)
        case ["check"]:
            return check(cpu=cpu)
        case _:
            print(__doc__)
            return 2


def run(folders: Sequence[str], *, cpu: bool) -> int:
    """Installs, indexes, and opens the search where there is a terminal."""
    install(dev=False, cpu=cpu)
    docsearch = str(BIN / "docsearch")
    if not folders:
        folders = [str(HERE / "build" / "samples")]
        call(docsearch, "samples", *folders)
    code = call(docsearch, "index", *folders)
    if code:
        return code
    return call(docsearch) if sys.stdin.isatty() and sys.stdout.isatty() else call(docsearch, "status")


def test(options: Sequence[str], *, cpu: bool) -> int:
    """Runs the tests."""
    install(dev=True, cpu=cpu)
    return call(str(BIN / "python"), "-m", "pytest", *options)


def check(*, cpu: bool) -> int:
    """Runs lint, types and import rules; goes on after a failure and reports it at the end."""
    install(dev=True, cpu=cpu)
    commands = (
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports",),
    )
    codes = {" ".join(command): call(str(BIN / command[0]), *command[1:]) for command in commands}
    for command, code in codes.items():
        print(f"{'ok    ' if code == 0 else 'FAILED'}  {command}")
    return int(any(codes.values()))


def install(*, dev: bool, cpu: bool) -> None:
    """Makes the environment and installs the package into it, unless that was done for this very state."""
    if sys.version_info < (3, 11):  # noqa: UP036 (this file is run by whatever Python there is)
        raise SystemExit("docsearch needs Python 3.11 or newer")
    stamp = VENV / (".installed-dev" if dev else ".installed")
    state = (HERE / "pyproject.toml").read_text(encoding="utf-8")
    if stamp.exists() and stamp.read_text(encoding="utf-8") == state:
        return
    if not BIN.exists() and call(sys.executable, "-m", "venv", str(VENV)):
        raise SystemExit("cannot make an environment; on Debian: apt install python3-venv")
    pip = [str(BIN / "python"), "-m", "pip", "--disable-pip-version-check"]
    print(f"Installing into {VENV} (some minutes, some gigabytes) …", flush=True)
    require(*pip, "install", "-q", "--upgrade", "pip>=25.1")
    index = ["--index-url", CPU_INDEX] if cpu else []
    require(*pip, "install", "-q", TORCH, *index)
    require(*pip, "install", "-q", "--no-deps", TORCHVISION, *index)
    require(*pip, "install", "-q", "--editable", str(HERE), *(["--group", "dev"] if dev else []))
    if dev and call(*pip, "install", "-q", "--group", "llama"):
        print("llama-cpp-python was not built (it needs a C++ compiler): tests of answers from a model skip")
    stamp.write_text(state, encoding="utf-8")


def call(*command: str) -> int:
    """Runs a command in the checkout and returns its exit code."""
    try:
        return subprocess.run(command, cwd=HERE, check=False).returncode
    except KeyboardInterrupt:
        return 130


def require(*command: str) -> None:
    """Runs a command that must succeed."""
    if call(*command):
        raise SystemExit(f"failed: {' '.join(command)}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
