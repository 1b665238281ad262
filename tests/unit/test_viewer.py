from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from docsearch.errors import DocsearchError, UsageError
from docsearch.viewer import open_at, reveal, viewer_command

PATH = Path("/tmp/a b#c%d.pdf")


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("zathura", ["zathura", "--page=7", "--find=revenue", str(PATH)]),
        ("evince", ["evince", "--page-index=7", "--find=revenue", str(PATH)]),
        ("xreader", ["xreader", "--page-index=7", "--find=revenue", str(PATH)]),
        ("atril", ["atril", "--page-index=7", "--find=revenue", str(PATH)]),
        ("papers", ["papers", "--page-index=7", "--find=revenue", str(PATH)]),
        ("okular", ["okular", "--page", "7", "--find", "revenue", str(PATH)]),
        ("sioyek", ["sioyek", "--page", "7", str(PATH)]),
        ("qpdfview", ["qpdfview", "--unique", f"{PATH}#7"]),
        ("mupdf", ["mupdf", str(PATH), "7"]),
        ("SumatraPDF", ["SumatraPDF", "-reuse-instance", "-page", "7", "-search", "revenue", str(PATH)]),
        ("firefox", ["firefox", "file:///tmp/a%20b%23c%25d.pdf#page=7"]),
        ("xdg-open", ["xdg-open", str(PATH)]),
        ("gio", ["gio", "open", str(PATH)]),
        ("open", ["open", str(PATH)]),
        ("/opt/own-viewer", ["/opt/own-viewer", str(PATH)]),
        ("/usr/bin/evince", ["/usr/bin/evince", "--page-index=7", "--find=revenue", str(PATH)]),
    ],
)
def test_command_of_each_viewer(name: str, command: list[str]) -> None:
    assert viewer_command(name, PATH, 7, ["net", "revenue"]) == command


def test_skim_gets_path_and_page_as_arguments_of_a_script() -> None:
    program, _, script, path, page = viewer_command("Skim", Path('/tmp/"; do evil".pdf'), 7)
    assert (program, path, page) == ("osascript", '/tmp/"; do evil".pdf', "7")
    assert "evil" not in script


@pytest.mark.parametrize("name", ["zathura", "evince", "okular", "qpdfview", "SumatraPDF", "xdg-open"])
def test_names_and_words_are_never_options(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = viewer_command(name, tmp_path / "x.pdf", 1, ["word"])
    odd = viewer_command(name, Path("-rf.pdf"), 1, ["--exec=\n\x1b[31m"])
    assert len(odd) == len(plain)
    assert str(tmp_path / "-rf.pdf") in odd[-1]
    assert not any(argument.startswith("--exec") or "\x1b" in argument for argument in odd)


def test_a_page_below_one_makes_no_sense() -> None:
    with pytest.raises(UsageError):
        viewer_command("evince", PATH, 0)


def installed(*names: str) -> Callable[[str], str | None]:
    return lambda name: f"/usr/bin/{name}" if name in names else None


@pytest.mark.parametrize(
    ("file", "platform", "programs", "chosen"),
    [
        ("a.pdf", "linux", ("evince", "xdg-open", "firefox"), "evince"),
        ("a.pdf", "linux", ("xdg-open", "firefox"), "firefox"),
        ("a.pdf", "linux", ("xdg-open",), "xdg-open"),
        ("a.png", "linux", ("evince", "xdg-open", "firefox"), "xdg-open"),
        ("a.png", "darwin", ("open",), "open"),
        ("a.pdf", "darwin", ("open", "firefox"), "open"),
        ("a.pdf", "win32", ("SumatraPDF", "explorer"), "SumatraPDF"),
    ],
)
def test_the_first_installed_viewer_is_used(
    tmp_path: Path, file: str, platform: str, programs: tuple[str, ...], chosen: str
) -> None:
    (tmp_path / file).touch()
    started: list[Sequence[str]] = []
    used = open_at(tmp_path / file, 3, platform=platform, find=installed(*programs), start=started.append)
    assert used == chosen
    assert started == [viewer_command(chosen, tmp_path / file, 3)]


def test_the_users_own_viewer_comes_first(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").touch()
    started: list[Sequence[str]] = []
    find = installed("zathura", "mine")
    assert open_at(tmp_path / "a.pdf", 2, viewer="mine", find=find, start=started.append) == "mine"


def test_no_viewer_and_no_file_are_errors_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as gone:
        open_at(tmp_path / "gone.pdf")
    (tmp_path / "a.pdf").touch()
    with pytest.raises(DocsearchError) as none:
        open_at(tmp_path / "a.pdf", platform="linux", find=installed())
    assert gone.value.hint
    assert none.value.hint


def test_a_program_is_started_with_the_page(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    program = tmp_path / "evince"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{seen}"\n')
    program.chmod(0o700)
    (tmp_path / "a.pdf").touch()
    os.mkfifo(seen)
    assert open_at(tmp_path / "a.pdf", 5, viewer=str(program)) == str(program)
    assert seen.read_text().splitlines() == ["--page-index=5", str(tmp_path / "a.pdf")]


def test_a_program_that_cannot_start_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").touch()
    broken = tmp_path / "viewer"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o700)
    with pytest.raises(DocsearchError):
        open_at(tmp_path / "a.pdf", viewer=str(broken))


@pytest.mark.parametrize(
    ("platform", "installed", "command"),
    [
        ("linux", {"nautilus", "xdg-open"}, ["nautilus", "--select", "FILE"]),
        ("linux", {"xdg-open"}, ["xdg-open", "FOLDER"]),
        ("darwin", {"open"}, ["open", "-R", "FILE"]),
        ("win32", {"explorer"}, ["explorer", "/select,FILE"]),
    ],
)
def test_a_file_is_shown_in_the_file_manager(
    tmp_path: Path, platform: str, installed: set[str], command: list[str]
) -> None:
    started: list[Sequence[str]] = []
    file = tmp_path / "-odd name.pdf"
    name = reveal(file, platform=platform, find=lambda n: n if n in installed else None, start=started.append)
    shown = [word.replace("FILE", str(file)).replace("FOLDER", str(tmp_path)) for word in command]
    assert (name, started) == (command[0], [shown])


def test_a_folder_that_is_gone_and_no_file_manager_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        reveal(tmp_path / "gone" / "x.pdf")
    with pytest.raises(DocsearchError, match="no file manager"):
        reveal(tmp_path / "x.pdf", find=lambda _: None)
