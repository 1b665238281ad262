"""The program in a real terminal, tmux: start, type, move, open, leave."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docsearch.config import ModelSettings, OcrSettings, Settings
from docsearch.library import Library
from tests.documents import text_pdf

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.1
WORDS_ONLY = Settings(models=ModelSettings(embedder="off"), ocr=OcrSettings(engine="off"))


class Tmux:
    """A tmux server of its own with one window."""

    def __init__(self, folder: Path) -> None:
        self._base = ["tmux", "-f", os.devnull, "-S", str(folder / "tmux.socket")]

    def start(self, command: list[str], environment: dict[str, str], width: int, height: int) -> None:
        given = [f"{name}={value}" for name, value in environment.items()]
        size = ["-x", str(width), "-y", str(height)]
        self._run("new-session", "-d", *size, "env", *given, *command)

    def press(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        self._run("send-keys", "-l", text)

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def alive(self) -> bool:
        return subprocess.run([*self._base, "has-session"], capture_output=True, check=False).returncode == 0

    def kill(self) -> None:
        subprocess.run([*self._base, "kill-server"], capture_output=True, check=False)

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.screen() if self.alive() else "the program has ended"
            time.sleep(LOOK_SECONDS)

    def _run(self, *words: str) -> str:
        done = subprocess.run([*self._base, *words], capture_output=True, text=True, check=True)
        return done.stdout


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    terminal = Tmux(tmp_path)
    yield terminal
    terminal.kill()


def a_viewer(folder: Path) -> Path:
    """A program that leaves what it was called with in a file."""
    viewer = folder / "viewer"
    viewer.write_text(f'#!/bin/sh\nprintf "%s" "$*" > "{folder}/opened"\n')
    viewer.chmod(viewer.stat().st_mode | stat.S_IXUSR)
    return viewer


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_start_type_move_open_quit(tmp_path: Path, tmux: Tmux, width: int, height: int) -> None:
    home, papers = tmp_path / "home", tmp_path / "papers"
    papers.mkdir()
    text_pdf(papers / "plan.pdf", ["Opening words", "The harbour budget of the year"], title="Harbour plan")
    text_pdf(papers / "letter.pdf", ["A letter about the harbour lighthouse"], title="A letter")
    with Library(
        home, Settings(models=ModelSettings(embedder="off"), ocr=OcrSettings(engine="off"))
    ) as library:
        list(library.index([papers]))
    (home / "settings.toml").write_text(
        f'[view]\nviewer = "{a_viewer(tmp_path)}"\n[watch]\nscreen = false\n[models]\nembedder = "off"\n'
    )
    environment = {"PYTHONPATH": str(ROOT), "TERM": "tmux-256color", "HOME": str(tmp_path)}
    tmux.start([sys.executable, "-m", "docsearch", "--home", str(home)], environment, width, height)

    tmux.until(lambda: "3 pages in 2 files" in tmux.screen())
    tmux.type("harbour lighthouse")
    tmux.until(lambda: "A letter" in tmux.screen() and "Harbour plan" in tmux.screen())
    tmux.press("Down")
    tmux.press("Enter")
    opened = tmp_path / "opened"
    tmux.until(lambda: opened.exists() and opened.read_text() == str(papers / "plan.pdf"))
    tmux.press("F1")
    tmux.until(lambda: "Keys" in tmux.screen())
    tmux.press("Escape")
    tmux.press("C-q")
    tmux.until(lambda: not tmux.alive())


def test_it_ends_with_its_terminal_when_no_signal_comes(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "docsearch", "--home", str(tmp_path / "home")],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,  # not the terminal it would get a signal from
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "HOME": str(tmp_path)},
    )
    os.close(theirs)
    painted = b""
    while b"earch your documents" not in painted:  # the cursor stands on the first letter
        painted += os.read(ours, 4096)
    os.close(ours)
    assert program.wait(PATIENCE_SECONDS) == -signal.SIGTERM
