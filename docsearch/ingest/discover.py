"""Finds the files below the roots, and nothing else: it opens none but to hash it.

Directory symlinks are not followed: they make loops and show one file under many names; what they
point to can be a root of its own. A symlink to a file is followed, and is a file of its own name.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pathspec

from docsearch.errors import UnreadableDocument
from docsearch.ingest.formats import may_be_document
from docsearch.records import Failure, FailureKind

IGNORE_FILE = ".docsearchignore"
"""Patterns in the syntax of .gitignore, for the folder the file lies in and all below it."""

_UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp", ".temp", ".swp", "~")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file worth indexing, as the file system describes it."""

    path: Path
    size: int
    mtime_ns: int
    inode: int
    device: int


@dataclass(frozen=True, slots=True)
class Offline:
    """A root that is not there now (an unplugged disk, a share not mounted); its files are unknown."""

    root: Path


Finding = FoundFile | Failure | Offline


def discover(roots: Iterable[Path], excluded: Sequence[Path] = ()) -> Iterator[Finding]:
    """Every file below `roots` whose name may be a document's, folder by folder.

    Hidden and unfinished files, `excluded` folders and what `.docsearchignore` names are left out.
    An unreadable folder is a `Failure`, a missing root `Offline`. A root may be a file. Overlapping
    roots give a file once for each.
    """
    barred = frozenset(os.fspath(path.absolute()) for path in excluded)
    for root in roots:
        yield from _discover_root(root.absolute(), barred)


def discover_at(root: Path, path: Path, excluded: Sequence[Path] = ()) -> Iterator[Finding]:
    """What `discover` finds of a root at `path` and below it: a file, a folder, or nothing any more."""
    barred = frozenset(os.fspath(folder.absolute()) for folder in excluded)
    if path == root:
        yield from _discover_root(root, barred)
    elif not root.is_dir():
        yield Offline(root)
    else:
        yield from _descend(os.fspath(root), path.relative_to(root).parts, barred)


def concerns(root: Path, path: Path, *, is_folder: bool) -> bool:
    """Whether a change at `path` can change what is found below the root, going by the names alone."""
    if path == root:
        return True
    if root not in path.parents:
        return False
    *folders, name = path.relative_to(root).parts
    if any(folder.startswith(".") for folder in folders):
        return False
    return name == IGNORE_FILE or (not name.startswith(".") if is_folder else is_candidate(name))


def is_candidate(name: str) -> bool:
    """Whether a file of this name may be indexed: not hidden, not unfinished, not of a foreign kind."""
    if name.startswith((".", "~$")) or name.lower().endswith(_UNFINISHED):
        return False
    return may_be_document(name)


def content_hash(path: Path) -> str:
    """BLAKE2b digest (16 bytes, in hex) of the content; `UnreadableDocument` if it cannot be read."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise UnreadableDocument(FailureKind.UNREADABLE, error.strerror or str(error)) from error
    return digest.hexdigest()


def path_to_text(path: Path) -> str:
    r"""The path as text that any database can hold: bytes that are not UTF-8 become \xNN, \ becomes \\."""
    text = os.fspath(path)
    if "\\" not in text and _is_utf8(text):
        return text
    return "".join(map(_escaped, text))


def text_to_path(text: str) -> Path:
    r"""The path that `path_to_text` made `text` from."""
    if "\\" not in text:
        return Path(text)
    parts = text.split("\\\\")
    return Path("\\".join(_unescaped(part) for part in parts))


def display_path(path: Path) -> str:
    r"""The path as one line that is safe on a terminal: control and invisible characters shown as \xNN."""
    return "".join(c if c.isprintable() else _visible(c) for c in os.fspath(path))


def _discover_root(root: Path, barred: frozenset[str]) -> Iterator[Finding]:
    try:
        status = root.stat()
    except (FileNotFoundError, NotADirectoryError):
        yield Offline(root)
        return
    except OSError as error:
        yield _unreadable(root, error)
        return
    if stat.S_ISREG(status.st_mode):
        yield _found(os.fspath(root), status)
    elif os.fspath(root) not in barred:
        yield from _walk(os.fspath(root), barred)


def _descend(folder: str, parts: Sequence[str], barred: frozenset[str]) -> Iterator[Finding]:
    """Goes down from a root by the rules of `_walk`, along one path."""
    ignores: tuple[_Ignore, ...] = ()
    for depth, part in enumerate(parts, 1):
        path = os.path.join(folder, part)  # noqa: PTH118 (a Path for each of many changes is slow)
        try:
            ignores = (*ignores, *_ignore_of(folder))
            is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            yield _unreadable(Path(path), error)
            return
        if part.startswith(".") or path in barred or _is_ignored(path, ignores, is_folder):
            return
        if depth == len(parts):
            yield from _walk(path, barred, ignores) if is_folder else _named(path)
        elif not is_folder:
            return
        folder = path


def _named(path: str) -> Iterator[Finding]:
    """One file, by its path."""
    if not is_candidate(Path(path).name):
        return
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError as error:
        if not (isinstance(error, FileNotFoundError) or os.path.islink(path)):  # noqa: PTH114
            yield _unreadable(Path(path), error)
        return
    if stat.S_ISREG(status.st_mode):
        yield _found(path, status)


def _walk(top: str, barred: frozenset[str], ignores: tuple[_Ignore, ...] = ()) -> Iterator[Finding]:
    """Depth first with a stack of our own, so that depth is bounded by memory and not by recursion."""
    waiting: list[tuple[str, tuple[_Ignore, ...]]] = [(top, ignores)]
    while waiting:
        folder, ignores = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            ignores = (*ignores, *_ignore_in(folder, entries))
        except OSError as error:
            yield _unreadable(Path(folder), error)
            continue
        below = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.path not in barred and not _is_ignored(entry.path, ignores, is_folder=True):
                    below.append((entry.path, ignores))
            elif is_candidate(entry.name) and not _is_ignored(entry.path, ignores):
                yield from _file(entry)
        waiting.extend(reversed(below))


def _file(entry: os.DirEntry[str]) -> Iterator[Finding]:
    """The file, unless it is a broken link, a link to a folder, or no regular file."""
    try:
        status = entry.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        if not entry.is_symlink():
            yield _unreadable(Path(entry.path), error)
        return
    if stat.S_ISREG(status.st_mode):
        yield _found(entry.path, status)


def _found(path: str, status: os.stat_result) -> FoundFile:
    return FoundFile(Path(path), status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev)


def _unreadable(path: Path, error: OSError) -> Failure:
    return Failure(path, FailureKind.UNREADABLE, error.strerror or str(error))


@dataclass(frozen=True, slots=True)
class _Ignore:
    """The patterns of one ignore file, which speak of paths relative to its folder."""

    folder: str
    patterns: pathspec.GitIgnoreSpec

    def verdict(self, path: str, is_folder: bool) -> bool | None:
        relative = os.path.relpath(path, self.folder) + ("/" if is_folder else "")
        return self.patterns.check_file(relative).include


def _ignore_in(folder: str, entries: Sequence[os.DirEntry[str]]) -> Iterator[_Ignore]:
    if any(entry.name == IGNORE_FILE and entry.is_file() for entry in entries):
        yield _read_ignore(folder)


def _ignore_of(folder: str) -> Iterator[_Ignore]:
    """The same for a folder that is not listed."""
    if Path(folder, IGNORE_FILE).is_file():
        yield _read_ignore(folder)


def _read_ignore(folder: str) -> _Ignore:
    lines = Path(folder, IGNORE_FILE).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    return _Ignore(folder, pathspec.GitIgnoreSpec.from_lines(lines))


def _is_ignored(path: str, ignores: Sequence[_Ignore], is_folder: bool = False) -> bool:
    """The innermost ignore file that says something about the path decides, as in git."""
    for ignore in reversed(ignores):
        verdict = ignore.verdict(path, is_folder)
        if verdict is not None:
            return verdict
    return False


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    return _visible(character) if "\ud800" <= character <= "\udfff" else character


def _unescaped(text: str) -> str:
    first, *rest = text.split("\\x")
    return first + "".join(chr(0xDC00 + int(part[:2], 16)) + part[2:] for part in rest)


def _visible(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
