from __future__ import annotations

import os
from pathlib import Path

import pytest

from docsearch.watch.filesystems import look, silent_file_system

MOUNTS = b"""\
/dev/vda / ext4 rw 0 0
server:/home /home/ann/share nfs4 rw 0 0
//nas/x /mnt/my\\040nas cifs rw 0 0
me@host: /home/ann/ssh fuse.sshfs rw 0 0
/dev/sdb1 /media/stick fuseblk rw 0 0
/dev/sdc1 /home/ann/share/local ext4 rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/ann/Documents", None),
        ("/home/ann/share", "nfs4"),
        ("/home/ann/share/papers/2024", "nfs4"),
        ("/home/ann/shared", None),
        ("/home/ann/share/local/x", None),
        ("/mnt/my nas/scans", "cifs"),
        ("/home/ann/ssh/docs", "fuse.sshfs"),
        ("/media/stick/docs", None),
    ],
)
def test_network_file_systems_tell_nothing(path: str, kind: str | None) -> None:
    assert silent_file_system(Path(path), MOUNTS) == kind


def test_the_folder_of_a_test_is_looked_up_in_the_mounts_of_this_machine(tmp_path: Path) -> None:
    assert silent_file_system(tmp_path) is None or silent_file_system(Path("/")) is not None


def test_a_file_looks_the_same_until_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("one")
    first, second = look(file), look(file)
    assert first is not None
    assert second is not None
    assert (first.size, first.mtime_ns) == (second.size, second.mtime_ns)
    assert first.size == 3
    assert 0 <= first.age_seconds <= second.age_seconds


def test_a_file_with_an_old_date_that_just_came_is_young(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("one")
    os.utime(file, (1e9, 1e9))
    found = look(file)
    assert found is not None
    assert found.age_seconds < 3600


def test_a_folder_is_only_there_and_nothing_is_nothing(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert found is not None
    assert (found.size, found.mtime_ns, found.age_seconds) == (0, 0, 0.0)
    assert look(tmp_path / "none") is None
    assert look(Path("a\0b")) is None
