from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.offline import Guard
from benchmarks.program import ProgramFailed, docsearch

CONNECT = "import socket; socket.socket().connect_ex(('192.0.2.1', 9))"
IN_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-P', '-c', {CONNECT!r}])"
LOCAL = "import socket; socket.socket(socket.AF_UNIX).connect_ex('/nowhere')"


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    made = Guard(tmp_path)
    if not made.isolated:
        pytest.skip("no network namespaces here")
    return made


@pytest.mark.parametrize("code", [CONNECT, IN_A_CHILD])
def test_an_attempt_is_seen_with_its_stack(guard: Guard, code: str) -> None:
    seen = guard.run([sys.executable, "-c", code])
    assert seen.count == 1
    assert "socket.connect" in seen.by_python[0]
    assert "192.0.2.1" in seen.by_python[0]
    assert seen.by_any_code is None or "192.0.2.1" in seen.by_any_code[0]


def test_what_stays_on_the_machine_is_no_attempt(guard: Guard) -> None:
    assert guard.run([sys.executable, "-c", LOCAL]).count == 0


def test_reading_scans_makes_none(guard: Guard, docs: Path, tmp_path: Path) -> None:
    assert guard.run(docsearch(tmp_path / "home", "index", docs / "docs" / "scans")).listed == ()


def test_a_program_that_fails_says_why(guard: Guard) -> None:
    with pytest.raises(ProgramFailed, match="no such thing"):
        guard.run([sys.executable, "-c", "raise SystemExit('no such thing')"])
