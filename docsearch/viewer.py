"""Opens a file at a page in the desktop's viewer.

No shell is involved, and a file's name is never taken for an option. Knows no index.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from docsearch.errors import DocsearchError, UsageError

Command = Callable[[str, int, str], list[str]]
"""Makes the arguments after the program's name from path, page and a word to look for."""

_PDF_VIEWERS: Mapping[str, Command] = MappingProxyType(
    {
        "zathura": lambda path, page, word: [f"--page={page}", *_option("--find=", word), path],
        "sioyek": lambda path, page, _: ["--page", str(page), path],
        "okular": lambda path, page, word: ["--page", str(page), *_pair("--find", word), path],
        "evince": lambda path, page, word: [f"--page-index={page}", *_option("--find=", word), path],
        "papers": lambda path, page, word: [f"--page-index={page}", *_option("--find=", word), path],
        "xreader": lambda path, page, word: [f"--page-index={page}", *_option("--find=", word), path],
        "atril": lambda path, page, word: [f"--page-index={page}", *_option("--find=", word), path],
        "qpdfview": lambda path, page, _: ["--unique", f"{path}#{page}"],
        "mupdf": lambda path, page, _: [path, str(page)],
        "SumatraPDF": lambda path, page, word: [
            "-reuse-instance",
            "-page",
            str(page),
            *_pair("-search", word),
            path,
        ],
        "Skim": lambda path, page, word: _skim(path, page, word),
    }
)
"""Programs that can open a PDF at a page, those first that also mark the word."""

_BROWSERS = ("firefox", "chromium", "chromium-browser", "google-chrome", "brave-browser", "msedge")
_OPENERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"darwin": ("open",), "win32": ("explorer",), "linux": ("xdg-open", "gio")}
)
_AT_A_PAGE = frozenset({".pdf", ""})

Find = Callable[[str], str | None]
"""Gives the path of a program by its name, or None: `shutil.which`."""
Start = Callable[[Sequence[str]], None]
"""Starts a program and does not wait for it."""


def viewer_command(name: str, path: Path, page: int, query_words: Sequence[str] = ()) -> list[str]:
    """The command that makes the viewer `name` show `path` at `page` (from 1).

    `name` may be a path to the program. Browsers get a file address with '#page='. Programs we do not
    know get the path alone. Raises `UsageError` for a page below 1.
    """
    if page < 1:
        raise UsageError(f"there is no page {page}", hint="pages count from 1")
    known = Path(name).stem if name.lower().endswith(".exe") else Path(name).name
    target = _absolute(path)
    if known in _PDF_VIEWERS:
        arguments = _PDF_VIEWERS[known](target, page, _longest(query_words))
        return arguments if known == "Skim" else [name, *arguments]
    if known in _BROWSERS:
        return [name, f"{Path(target).as_uri()}#page={page}"]
    return [name, "open", target] if known == "gio" else [name, target]


def open_at(
    path: Path,
    page: int = 1,
    query_words: Sequence[str] = (),
    *,
    viewer: str = "",
    platform: str = sys.platform,
    find: Find = shutil.which,
    start: Start | None = None,
) -> str:
    """Open the file at the page and return the name of the program used.

    `viewer` is the user's own choice of program; without one the first that is installed is taken, for
    PDFs one that can go to a page. Raises `UsageError` when the file is gone, and `DocsearchError` when
    there is nothing to open it with.
    """
    if not path.exists():
        raise UsageError("the file is no longer there", hint="docsearch index brings the index up to date")
    name = _choose(path, viewer, platform, find)
    (start or _start)(viewer_command(name, path, page, query_words))
    return name


def reveal(
    path: Path,
    *,
    platform: str = sys.platform,
    find: Find = shutil.which,
    start: Start | None = None,
) -> str:
    """Show the file in the desktop's file manager, chosen where that is possible; return the program used.

    Raises `UsageError` when its folder is gone, and `DocsearchError` when there is no file manager.
    """
    if not path.parent.is_dir():
        raise UsageError("the folder is no longer there", hint="docsearch index brings the index up to date")
    for command in _revealing(path.absolute(), platform):
        if find(command[0]):
            (start or _start)(command)
            return command[0]
    raise DocsearchError("no file manager found", hint=f"the file lies in {path.parent}")


def _revealing(path: Path, platform: str) -> list[list[str]]:
    """Commands that show a file, best first."""
    if platform == "darwin":
        return [["open", "-R", str(path)]]
    if platform == "win32":
        return [["explorer", f"/select,{path}"]]
    managers = [[name, "--select", str(path)] for name in ("nautilus", "dolphin", "nemo")]
    return [*managers, *([*opener, str(path.parent)] for opener in (["xdg-open"], ["gio", "open"]))]


def _choose(path: Path, viewer: str, platform: str, find: Find) -> str:
    wanted = (viewer,) if viewer else _candidates(path, platform)
    for name in wanted:
        if name == "Skim" and platform == "darwin" and Path("/Applications/Skim.app").exists():
            return name
        if name != "Skim" and find(name):
            return name
    hint = (
        "set the program to use as `viewer` in the settings" if not viewer else "install it or choose another"
    )
    raise DocsearchError(f"no program to open the file with: {', '.join(wanted)} not found", hint=hint)


def _candidates(path: Path, platform: str) -> tuple[str, ...]:
    opener = _OPENERS.get(platform, _OPENERS["linux"])
    if path.suffix.lower() not in _AT_A_PAGE:
        return opener
    native = tuple(_PDF_VIEWERS)
    return (*native, *opener) if platform == "darwin" else (*native, *_BROWSERS, *opener)


def _start(command: Sequence[str]) -> None:
    """Start the program on its own: it outlives us, and neither reads nor writes our terminal."""
    try:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise DocsearchError(f"{command[0]} does not start: {error.strerror}") from error


def _absolute(path: Path) -> str:
    """An absolute path begins with a slash or a drive, never with the '-' of an option."""
    return str(path.absolute())


def _longest(query_words: Sequence[str]) -> str:
    """The longest word: viewers look for one literal string. Control characters have no business in it."""
    longest = max(query_words, key=len, default="")
    return "".join(c for c in longest if c.isprintable()).strip()


def _option(name: str, value: str) -> list[str]:
    return [f"{name}{value}"] if value else []


def _pair(name: str, value: str) -> list[str]:
    return [name, value.lstrip("-")] if value.lstrip("-") else []


def _skim(path: str, page: int, _word: str) -> list[str]:
    """Skim goes to a page by AppleScript; the path is an argument of the script, never part of it."""
    script = (
        'on run {file, page}\ntell application "Skim"\nactivate\nopen POSIX file file\n'
        "tell front document to go to page (page as integer)\nend tell\nend run"
    )
    return ["osascript", "-e", script, path, str(page)]
