"""Sets up a watcher for the user's session: a systemd user unit on Linux, a launchd agent on macOS.

The text of both is made by functions without effect; only `install` and `uninstall` touch the system.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from docsearch.errors import UsageError

UNIT = "docsearch-watch.service"
LABEL = "org.docsearch.watch"
_COMMAND_SECONDS = 30

_UNIT_TEXT = """\
[Unit]
Description=docsearch keeps its index current

[Service]
Type=exec
ExecStart={command}
Nice=10
Restart=on-failure
RestartSec=10
KillMode=mixed
TimeoutStopSec=30

[Install]
WantedBy=default.target
"""

_AGENT_TEXT = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>{label}</string>
  <key>ProgramArguments</key>
  <array>
{arguments}
  </array>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>Nice</key><integer>10</integer>
  <key>ProcessType</key><string>Background</string>
  <key>StandardErrorPath</key><string>{log}</string>
</dict>
</plist>
"""


@dataclass(frozen=True, slots=True)
class Service:
    """How the session's own means start the watcher.

    Attributes:
        file: the file that describes it.
        text: what is written there.
        start: commands that make it run, now and at every login.
        stop: commands that end it.
        ask: the command that tells about it.
        log: where its messages are.
    """

    file: Path
    text: str
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]
    ask: tuple[str, ...]
    log: str


def service(command: Sequence[str], cache: Path, home: Path | None = None, platform: str = "") -> Service:
    """The service of this platform (`sys.platform`) that runs `command`.

    Raises:
        UsageError: there is no known way on this platform.
    """
    platform = platform or sys.platform
    home = home or Path.home()
    if platform == "darwin":
        return _launchd(command, home)
    if platform.startswith("linux"):
        return _systemd(command, home)
    raise UsageError(
        f"no known way to start a watcher with the session on {platform}",
        hint=f"start it yourself: {' '.join(command)} --log {cache / 'watch.log'}",
    )


def install(made: Service) -> None:
    """Writes the file and starts the service.

    Raises:
        UsageError: the file is there, but the program that would start it is not, or fails.
    """
    try:
        made.file.parent.mkdir(parents=True, exist_ok=True)
        made.file.write_text(made.text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {made.file}: {error.strerror}") from error
    for command in made.start:
        _run(command, f"{made.file} is written, but cannot be started")


def uninstall(made: Service) -> bool:
    """Ends the service and removes its file; False when there was none.

    Raises:
        UsageError: the program that would end it is not there, or fails; the file is gone all the same.
    """
    was_there = made.file.exists()
    try:
        if was_there:
            for command in made.stop:
                _run(command, f"{made.file} is removed, but what it started may still run")
    finally:
        made.file.unlink(missing_ok=True)
    return was_there


def is_active(made: Service) -> bool:
    """Whether the session says that the service runs."""
    try:
        asked = subprocess.run(made.ask, check=False, capture_output=True, timeout=_COMMAND_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _systemd(command: Sequence[str], home: Path) -> Service:
    base = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    control = ("systemctl", "--user")
    return Service(
        file=base / "systemd" / "user" / UNIT,
        text=_UNIT_TEXT.format(command=" ".join(map(_quoted, command))),
        start=((*control, "daemon-reload"), (*control, "enable", "--now", UNIT)),
        stop=((*control, "disable", "--now", UNIT),),
        ask=(*control, "is-active", "--quiet", UNIT),
        log=f"journalctl --user -u {UNIT}",
    )


def _launchd(command: Sequence[str], home: Path) -> Service:
    file = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    log = home / "Library" / "Logs" / "docsearch-watch.log"
    arguments = "\n".join(f"    <string>{escape(word)}</string>" for word in command)
    return Service(
        file=file,
        text=_AGENT_TEXT.format(label=LABEL, arguments=arguments, log=escape(str(log))),
        start=(("launchctl", "load", "-w", str(file)),),
        stop=(("launchctl", "unload", "-w", str(file)),),
        ask=("launchctl", "list", LABEL),
        log=str(log),
    )


def _quoted(word: str) -> str:
    """A word of a command line as systemd reads it: its specifiers, variables and quotes taken literally."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if not plain.isalnum() else plain


def _run(command: Sequence[str], consequence: str) -> None:
    words = " ".join(command)
    if shutil.which(command[0]) is None:
        raise UsageError(f"{consequence}: there is no {command[0]}", hint=f"where there is one, run: {words}")
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=_COMMAND_SECONDS, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{consequence}: {error}", hint=f"try it yourself: {words}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().split("\n")[0]
        raise UsageError(f"{consequence}: {said or words}", hint=f"try it yourself: {words}")
