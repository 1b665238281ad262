"""A full disk, a read-only folder, a permission lost half-way: on real file systems of their own.

Each test runs in a user and mount namespace, where it may mount what it needs; skipped where the
system does not allow that.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import documents

SETTINGS = '[index]\nworkers = 1\n[ocr]\nengine = "off"\n[models]\nembedder = "off"\n'


def may_mount() -> bool:
    try:
        tried = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(tried, capture_output=True).returncode == 0
    except OSError:
        return False


pytestmark = pytest.mark.skipif(not may_mount(), reason="no mounts in a namespace here")

PRELUDE = """
set -u
disk=$1 documents=$2 more=$3 settings=$4
docsearch() { "$PYTHON" -m docsearch --home "$disk/home" "$@"; }
ends_with() {
    wanted=$1; shift; "$@"; got=$?
    [ $got = $wanted ] || { echo "$* ended with $got, not $wanted"; exit 1; }
}
mount -t tmpfs -o size=4m none "$disk" && mkdir -p "$disk/home" && cp "$settings" "$disk/home/settings.toml"
ends_with 0 docsearch index "$documents"
"""

FULL = """
ends_with 5 docsearch index "$more"
cat /dev/zero > "$disk/filler"
ends_with 0 docsearch search llamas
ends_with 5 docsearch index
ends_with 5 docsearch rebuild
mount -o remount,size=200m "$disk" && rm "$disk/filler"
ends_with 0 docsearch index
ends_with 0 docsearch verify
"""

READ_ONLY = """
mount -o remount,ro "$disk"
ends_with 0 docsearch search llamas --json
ends_with 0 docsearch verify
ends_with 5 docsearch index
ends_with 5 docsearch repair
mount -o remount,rw "$disk"
ends_with 0 docsearch index
"""

LOST_HALF_WAY = """
mount -o remount,size=200m "$disk"
weak() { setpriv --bounding-set=-all --inh-caps=-all "$@"; }  # root who must mind permissions
weak "$PYTHON" -m docsearch --home "$disk/home" index "$more" &
until grep -qs . "$disk/home/index/writer.pid"; do :; done
chmod -R a-w "$disk/home/index"
wait $!
got=$?
[ $got = 5 ] || { echo "index ended with $got"; exit 1; }
ends_with 0 weak "$PYTHON" -m docsearch --home "$disk/home" search llamas --json
chmod -R u+w "$disk/home/index"
ends_with 0 docsearch index
ends_with 0 docsearch verify
"""


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """few/ with one document, more/ with more text than the small disk holds."""
    folder = tmp_path_factory.mktemp("papers")
    (folder / "few").mkdir()
    (folder / "more").mkdir()
    documents.text_pdf(folder / "few" / "lease.pdf", ["The tenant pays rent", "Pets are llamas only"])
    for number in range(60):
        noise = " ".join(os.urandom(5).hex() for _ in range(12_000))
        documents.text_file(folder / "more" / f"{number}.txt", f"needle{number} {noise}")
    (folder / "settings.toml").write_text(SETTINGS)
    return folder


def in_namespace(script: str, papers: Path, disk: Path) -> subprocess.CompletedProcess[str]:
    disk.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHON": sys.executable}
    arguments = [str(disk), str(papers / "few"), str(papers / "more"), str(papers / "settings.toml")]
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", PRELUDE + script, "sh", *arguments],
        env=environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("script", [FULL, READ_ONLY, LOST_HALF_WAY], ids=["full", "read-only", "half-way"])
def test_what_cannot_be_written_is_named_and_goes_on_later(script: str, papers: Path, tmp_path: Path) -> None:
    done = in_namespace(script, papers, tmp_path / "disk")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    if script is FULL:
        assert "no space left on the disk" in done.stderr
    if script is READ_ONLY:
        assert "Read-only file system" in done.stderr
