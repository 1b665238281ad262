"""`docsearch watch` but for its loop, and handing over to a watcher."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from docsearch.library import Library
from docsearch.store.lock import watcher_lock, writer_lock
from docsearch.watch.state import WatcherState, tell_state
from tests.cli.conftest import Run
from tests.watching import until, watching


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A user's session of the test's own, with a `systemctl` that is this shell script."""

    def make(script: str) -> Path:
        programs = tmp_path / "bin"
        programs.mkdir()
        if script:
            (programs / "systemctl").write_text(f"#!/bin/sh\n{script}\n")
            (programs / "systemctl").chmod(0o700)
        monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin" if script else str(programs))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        return tmp_path / "config/systemd/user/docsearch-watch.service"

    return make


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="systemd")


@linux
def test_it_is_installed_and_uninstalled(
    run: Run, session: Callable[[str], Path], tmp_path: Path, home: Path
) -> None:
    unit = session(f'echo "$@" >> "{tmp_path}/asked"')
    done = run("--home", home, "watch", "--install")
    assert (done.code, "journalctl" in done.err) == (0, True)
    assert f'"{home}"' in unit.read_text()
    assert run("watch", "--status", "--json").json["installed"]
    assert run("watch", "--uninstall").code == 0
    assert not unit.exists()
    assert (tmp_path / "asked").read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable --now docsearch-watch.service",
        "--user disable --now docsearch-watch.service",
    ]
    assert run("watch", "--uninstall").code == 2


@linux
def test_one_that_is_installed_and_does_not_run_is_told(run: Run, session: Callable[[str], Path]) -> None:
    session('test "$2" != is-active || test -e "$XDG_CONFIG_HOME/runs"')
    assert "installed  no" in run("watch", "--status").out
    assert run("watch", "--install").code == 0
    assert "installed  yes, but it does not run  (journalctl" in run("watch", "--status").out
    (Path(os.environ["XDG_CONFIG_HOME"]) / "runs").touch()
    assert "installed  yes\n" in run("watch", "--status").out


@linux
def test_without_systemd_it_says_what_was_written_and_what_to_run(
    run: Run, session: Callable[[str], Path]
) -> None:
    unit = session("")
    done = run("watch", "--install")
    assert done.code == 2
    assert unit.name in done.err
    assert "systemctl --user" in done.err
    assert unit.exists()


def test_without_a_watcher_the_status_says_so(run: Run, folder: Path) -> None:
    run("index", folder)
    assert "none runs" in run("watch", "--status").out
    assert "none runs" in run("status").out
    assert run("status", "--json").json["watcher"] == {}


def test_the_status_tells_about_a_watcher(run: Run, folder: Path, home: Path) -> None:
    run("index", folder)
    with watcher_lock(home / "index"):
        polled = {str(folder): "changes are not reported by file systems of type nfs"}
        tell_state(home / "index", WatcherState(os.getpid(), 1e9, "reading", "/a/log", polled, "disk full"))
        said = run("status").out
        for part in (str(os.getpid()), "reading", "/a/log", "nfs", "disk full", "2001"):
            assert part in said
        assert run("watch", "--status", "--json").json["polled"] == polled
        assert run("status", "--json").json["watcher"]["doing"] == "reading"
        assert run("watch").code == 4


def test_index_hands_over_to_a_watcher_that_is_at_work(run: Run, folder: Path, home: Path) -> None:
    with Library(home) as library:
        with writer_lock(library.store.folder):
            alone = run("index", folder)
            assert (alone.code, "is writing" in alone.err) == (4, True)
            with watcher_lock(library.store.folder):
                done = run("index", folder, "--json")
                assert (done.code, done.json) == (0, {"event": "handed over"})
                assert run("index", folder, "--retry").code == 4
        assert [root.path for root in library.roots()] == [folder]


@linux
def test_it_writes_a_log_and_ends_when_it_is_told_to(run: Run, folder: Path, home: Path) -> None:
    run("index", folder)
    log = home / "watch.log"
    process = subprocess.Popen(
        [sys.executable, "-m", "docsearch", "--home", str(home), "watch", "--log", str(log)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        until(lambda: log.exists() and "watching" in log.read_text(), "a start")
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode == 0
    finally:
        process.kill()
    assert "watching ends" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


@linux
def test_without_folders_it_waits_for_some(home: Path) -> None:
    with watching(home) as watcher:
        assert watcher.process.poll() is None


def test_what_works_for_it_ends_with_its_input(run: Run, home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "docsearch", "--home", str(home), "update-for-watcher"],
        input=json.dumps({"do": "update", "number": 1, "paths": [], "roots": [], "settle_seconds": 0}) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
