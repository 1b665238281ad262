"""Which file systems tell of changes, and what a path looks like now."""

from __future__ import annotations

import os
import re
import stat
import time
from pathlib import Path

from docsearch.watch.events import Stamp

SILENT = frozenset(
    "9p afs afpfs ceph cifs davfs drvfs gpfs lustre ncpfs nfs nfs4 prl_fs smb3 smbfs vboxsf virtiofs vmhgfs "
    "webdav".split()
)
"""File systems where others change files without this machine being told; so are those that a program of
the user mounts, as sshfs does (`fuse.sshfs`), while `fuseblk` is a disk."""

_MOUNTS = Path("/proc/self/mounts")
_ESCAPED = re.compile(rb"\\([0-7]{3})")


def silent_file_system(path: Path, mounts: bytes | None = None) -> str | None:
    """The name of the file system at `path` when it does not tell of changes; None when it does.

    `mounts` has the form of /proc/mounts, which is read when it is not given.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_bytes()
        except OSError:
            return None
    kind = _file_system(os.fsencode(path), mounts)
    is_silent = kind in SILENT or (kind.startswith("fuse.") and kind != "fuse.portal")
    return kind if is_silent else None


def look(path: Path) -> Stamp | None:
    """The state of a file; of a folder only that it is there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    if stat.S_ISDIR(found.st_mode):
        return Stamp(0, 0, 0.0)
    touched = max(found.st_ctime, found.st_mtime) if found.st_mtime <= time.time() else found.st_ctime
    return Stamp(found.st_size, found.st_mtime_ns, time.time() - touched)


def _file_system(path: bytes, mounts: bytes) -> str:
    """The type of the mount that holds the path: the longest mount point, of equal ones the last."""
    best, kind = b"", ""
    for line in mounts.splitlines():
        fields = line.split(b" ")
        if len(fields) < 3:
            continue
        point = _ESCAPED.sub(lambda match: bytes([int(match[1], 8)]), fields[1]).rstrip(b"/")
        if len(point) >= len(best) and (path == point or path.startswith(point + b"/")):
            best, kind = point, os.fsdecode(fields[2])
    return kind
