"""Whether anything but `models pull` reaches for the network: an audit hook logs what all else attempts.

Python's own sockets are seen by the hook, in all processes, with the stack that led there; connections
by native code by strace, where that is installed. Where the system lets us, everything runs in a
network namespace without interfaces. An attempt made on purpose shows first that attempts are seen.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.program import ProgramFailed, docsearch, environment
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from benchmarks.watching import wait_until_found, watcher

LOG_VARIABLE = "DOCSEARCH_AUDIT_LOG"
HOOK = """
import json, os, socket, sys, traceback

EVENTS = {
    "socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname",
    "socket.gethostbyaddr", "socket.getnameinfo", "urllib.Request", "http.client.connect", "ftplib.connect",
    "smtplib.connect", "imaplib.open", "poplib.connect", "nntplib.connect", "telnetlib.Telnet.open",
}


def look(event, arguments):
    if event not in EVENTS:
        return
    if isinstance(arguments[0], socket.socket) and arguments[0].family == socket.AF_UNIX:
        return
    stack = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_stack()[:-1]]
    line = {"event": event, "what": repr(arguments[-2:]), "program": sys.argv[:4], "stack": stack[-12:]}
    with open(os.environ["DOCSEARCH_AUDIT_LOG"], "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\\n")


sys.addaudithook(look)
"""
"""The `sitecustomize` of every Python that is started here."""

_ON_PURPOSE = "import socket; s = socket.socket(); s.settimeout(0.1); s.connect_ex(('192.0.2.1', 9))"
_TRACED = re.compile(r"^.*(?:connect|sendto)\(.*sa_family=AF_INET6?,.*$", re.MULTILINE)
_WORDS = "rent"


@dataclass(frozen=True, slots=True)
class Attempts:
    """What was seen while a program ran: by the hook, and by strace (None where there is none)."""

    by_python: tuple[str, ...]
    by_any_code: tuple[str, ...] | None

    @property
    def listed(self) -> tuple[str, ...]:
        """All that was seen, a line each."""
        return (*self.by_python, *(self.by_any_code or ()))

    @property
    def count(self) -> int:
        """How many; one that both saw counts once."""
        return max(len(self.by_python), len(self.by_any_code or ()))


class Guard:
    """Runs programs where their attempts to connect are seen, and lead nowhere if that can be had."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "hook").mkdir()
        (folder / "hook" / "sitecustomize.py").write_text(HOOK)
        self.isolated = _works(["unshare", "-rn", "true"])
        self.traced = _works(["strace", "-f", "-o", os.devnull, "true"])

    def run(self, command: Sequence[str]) -> Attempts:
        """Runs a program to its end.

        Raises ProgramFailed with the last of what it said when it fails.
        """
        log, trace = self.folder / "python.log", self.folder / "trace.log"
        for path in (log, trace):
            path.unlink(missing_ok=True)
        done = subprocess.run(
            [*self._around(trace), *command],
            env=self._environment(log),
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace")[-2000:]
            raise ProgramFailed(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
        lines = tuple(log.read_text().splitlines()) if log.exists() else ()
        traced = tuple(_TRACED.findall(trace.read_text(errors="replace"))) if self.traced else None
        return Attempts(lines, traced)

    def _around(self, trace: Path) -> list[str]:
        namespace = ["unshare", "-rn"] if self.isolated else []
        calls = "trace=connect,sendto,sendmsg,sendmmsg"
        tracer = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", calls, "-e", "signal=none", "-o", str(trace)]
        return [*namespace, *(tracer if self.traced else [])]

    def _environment(self, log: Path) -> dict[str, str]:
        given = environment()
        paths = os.pathsep.join((str(self.folder / "hook"), given["PYTHONPATH"]))
        return {**given, "PYTHONPATH": paths, LOG_VARIABLE: str(log)}


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--suite", action="store_true", help="the test suite too, which takes minutes")
    parser.add_argument("--tui", type=Path, metavar="HOME", help="for its own use: the search screen")
    parser.add_argument("--watch", type=Path, metavar="HOME", help="for its own use: a watcher")
    options = parse_args(parser, argv, needs_docs=False)
    if options.tui:
        asyncio.run(look_around(options.tui))
        return
    if options.watch:
        watch_a_change(options.watch)
        return
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="docsearch-offline-") as base:
        guard = Guard(Path(base))
        if not guard.run([sys.executable, "-c", _ON_PURPOSE]).by_python:
            raise ProgramFailed("an attempt made on purpose was not seen")
        wanted = commands(Path(base)) | (SUITE if options.suite else {})
        seen = {name: _told(name, guard.run(command)) for name, command in wanted.items()}
    found = figures(seen, guard, time.monotonic() - started)
    emit(found, _table(seen), as_json=options.json)


def commands(base: Path) -> dict[str, list[str]]:
    """Every command, in an order in which each has something to work on."""
    home, other = base / "home", base / "other home"
    documents, archive, picture = base / "documents", base / "index.tar.gz", base / "page.png"
    return {
        "samples": docsearch(home, "samples", documents),
        "index": docsearch(home, "index", documents),
        "search": docsearch(home, "search", _WORDS),
        "show": docsearch(home, "show", "1"),
        "show --image": docsearch(home, "show", "1", "--image", picture),
        "search --image": docsearch(home, "search", "--image", picture),
        "status": docsearch(home, "status"),
        "models": docsearch(home, "models"),
        "models check": docsearch(home, "models", "check", "starter"),
        "models use": docsearch(home, "models", "use", "passages"),
        "index --model": docsearch(home, "index", "--model", "starter"),
        "verify": docsearch(home, "verify", "--content"),
        "repair": docsearch(home, "repair"),
        "rebuild": docsearch(home, "rebuild", "--ocr-again"),
        "export": docsearch(home, "export", archive),
        "import": docsearch(other, "import", archive),
        "search screen": [sys.executable, "-m", "benchmarks.offline", "--tui", str(home)],
        "watch": [sys.executable, "-m", "benchmarks.offline", "--watch", str(home)],
        "remove": docsearch(home, "remove", documents),
    }


SUITE = {
    "test suite": [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
        "--ignore=tests/benchmarks/test_offline.py",  # it reaches for the network on purpose
        "--ignore=tests/models/test_hub.py",  # it fetches models, from a hub on this machine
    ]
}


async def look_around(home: Path) -> None:
    """Opens the search screen without a terminal, types a query, and leaves."""
    from docsearch.library import Library
    from docsearch.tui.app import DocsearchApp

    app = DocsearchApp(lambda: Library(home), home / "log")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(1)
        await pilot.press(*_WORDS)
        await pilot.pause(2)


def watch_a_change(home: Path) -> None:
    """Runs a watcher until a new file in the first root can be found."""
    from docsearch.library import Library

    with Library(home) as library:
        [root] = library.roots()
    with watcher(home):
        (root.path / "new.txt").write_text("zanzibar")
        wait_until_found(home, "zanzibar")


def figures(seen: Mapping[str, Attempts], guard: Guard, seconds: float) -> dict[str, Figure]:
    native = sum(len(attempts.by_any_code or ()) for attempts in seen.values())
    return {
        "connect_attempts": sum(attempts.count for attempts in seen.values()),
        "python_attempts": sum(len(attempts.by_python) for attempts in seen.values()),
        "native_attempts": native if guard.traced else None,
        "network": "none" if guard.isolated else "as it is",
        "commands": len(seen),
        "seconds": round(seconds, 1),
        "attempts": {name: list(attempts.listed) for name, attempts in seen.items() if attempts.count},
    }


def _told(name: str, attempts: Attempts) -> Attempts:
    note(f"{name}: {attempts.count} attempts")
    for line in attempts.by_python:
        note("\n  ".join(json.loads(line)["stack"]))
    for line in attempts.by_any_code or ():
        note(f"  {line}")
    return attempts


def _table(seen: Mapping[str, Attempts]) -> list[list[object]]:
    rows: list[list[object]] = [["command", "by Python", "by any code"]]
    for name, attempts in seen.items():
        traced = "not watched" if attempts.by_any_code is None else len(attempts.by_any_code)
        rows.append([name, len(attempts.by_python), traced])
    return rows


def _works(command: Sequence[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True).returncode == 0


if __name__ == "__main__":
    main()
