"""What is written for systemd and launchd, and what happens without them."""

from __future__ import annotations

import plistlib
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from docsearch.errors import UsageError
from docsearch.watch.service import install, is_active, service, uninstall

COMMAND = ("/opt/my venv/bin/python", "-m", "docsearch", "--home", '/home/ann/50% "x" $HOME', "watch")


def test_a_systemd_unit_starts_the_command_politely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    made = service(COMMAND, tmp_path / "cache", tmp_path, "linux")
    assert made.file == tmp_path / ".config/systemd/user/docsearch-watch.service"
    lines = made.text.splitlines()
    [start] = [line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart=")]
    assert tuple(word.replace("%%", "%").replace("$$", "$") for word in shlex.split(start)) == COMMAND
    assert {"Nice=10", "Restart=on-failure", "WantedBy=default.target"} <= set(lines)
    assert made.start[-1] == ("systemctl", "--user", "enable", "--now", "docsearch-watch.service")
    assert "journalctl" in made.log


def test_the_unit_goes_where_the_desktop_keeps_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    made = service(COMMAND, tmp_path, tmp_path, "linux")
    assert made.file.parent == tmp_path / "xdg/systemd/user"


def test_a_launchd_agent_is_a_property_list_with_the_command(tmp_path: Path) -> None:
    made = service((*COMMAND, "<&>"), tmp_path, tmp_path, "darwin")
    agent = plistlib.loads(made.text.encode())
    assert tuple(agent["ProgramArguments"]) == (*COMMAND, "<&>")
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["Nice"] == 10
    assert agent["StandardErrorPath"] == made.log
    assert made.file == tmp_path / "Library/LaunchAgents/org.docsearch.watch.plist"


def test_other_systems_are_told_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        service(COMMAND, tmp_path, tmp_path, "win32")
    assert "watch" in error.value.hint


def test_without_the_program_the_file_is_written_and_the_message_says_what_to_run(tmp_path: Path) -> None:
    made = replace(service(COMMAND, tmp_path, tmp_path, "darwin"), start=(("no-such-program", "load"),))
    with pytest.raises(UsageError) as error:
        install(made)
    assert made.file.read_text() == made.text
    assert str(made.file) in error.value.message
    assert "no-such-program load" in error.value.hint
    assert not is_active(replace(made, ask=("no-such-program",)))


def test_what_is_installed_can_be_uninstalled(tmp_path: Path) -> None:
    works = (sys.executable, "-c", "")
    made = replace(service(COMMAND, tmp_path, tmp_path, "darwin"), start=(works,), stop=(works,), ask=works)
    install(made)
    assert is_active(made)
    assert uninstall(made)
    assert not made.file.exists()
    assert not uninstall(made)


def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    fails = (sys.executable, "-c", "import sys; sys.exit('no session bus')")
    made = replace(service(COMMAND, tmp_path, tmp_path, "darwin"), start=(fails,), stop=(fails,))
    with pytest.raises(UsageError, match="no session bus"):
        install(made)
    with pytest.raises(UsageError, match="no session bus"):
        uninstall(made)
    assert not made.file.exists()
