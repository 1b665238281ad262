"""`docsearch models pull` against a hub on this machine that speaks the protocol of Hugging Face's."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest

from tests.models import tiny

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = bytes(range(256)) * 50_000
CUT = 12_000_000
"""Where they are cut off; the hub's library writes 10 MiB at once."""
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "README.md": b"# A model\n",
    "modeling_own.py": b"print('code that comes with the model')\n",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"the same weights again",
    "onnx/model.onnx": b"and again",
}
ROW = """
[[model]]
name = "small"
role = "reranker"
source = "somebody/small"
licence = "MIT"
"""


@dataclass
class Hub:
    """One model at one commit.

    Attributes:
        files: what it holds.
        cut: files whose bytes end early: after so many, once; the next request for them fails.
        spoilt: files that are sent with other bytes than the hub says they have.
        sizes: files that are said to be larger than they are.
        asked: (path, first byte) of each file that was asked for, in order.
        port: where it listens.
    """

    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    cut: dict[str, int] = field(default_factory=dict)
    fails: set[str] = field(default_factory=set)
    spoilt: set[str] = field(default_factory=set)
    sizes: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    port: int = 0

    def entry(self, path: str) -> dict[str, object]:
        """A file as the hub lists it: large ones by SHA-256, small ones as git keeps them."""
        content = self.files[path]
        size = self.sizes.get(path, len(content))
        entry: dict[str, object] = {"type": "file", "path": path, "size": size, "oid": git_digest(content)}
        if path.endswith((".safetensors", ".bin", ".gguf")):
            digest = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": digest, "size": size, "pointerSize": 134}
        return entry


def git_digest(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


class Answering(BaseHTTPRequestHandler):
    """The requests that fetching a model makes."""

    protocol_version = "HTTP/1.1"

    def __init__(self, hub: Hub, *arguments: object) -> None:
        self.hub = hub
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := re.fullmatch(r"/api/models/somebody/small(/revision/([^/]+))?", path):
            if match[2] in (None, "main", COMMIT):
                siblings = [{"rfilename": name} for name in self.hub.files]
                self._json({"id": "somebody/small", "sha": COMMIT, "siblings": siblings})
            else:
                self._error(404, "RevisionNotFound")
        elif path == f"/api/models/somebody/small/tree/{COMMIT}":
            self._json([self.hub.entry(name) for name in self.hub.files])
        elif path.startswith(f"/somebody/small/resolve/{COMMIT}/"):
            self._file(path.partition(f"{COMMIT}/")[2])
        else:
            self._error(404, "RepoNotFound")

    def _file(self, name: str) -> None:
        content = self.hub.files[name]
        start = int(re.sub(r"\D", "", self.headers.get("Range", "0").partition("-")[0]) or 0)
        self.hub.asked.append((name, start))
        if name in self.hub.fails:
            self.hub.fails.remove(name)
            self._error(500, "")
            return
        if name in self.hub.spoilt:
            content = bytes(reversed(content))
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        end = self.hub.cut.pop(name, len(content))
        if end < len(content):
            self.hub.fails.add(name)
            self.close_connection = True
        self.wfile.write(content[start:end])

    def _json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _error(self, code: int, reason: str) -> None:
        self.send_response(code)
        self.send_header("X-Error-Code", reason)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Answering, made))
    made.port = server.server_port
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@dataclass
class Machine:
    """A home folder with the row of the small model, and the hub's cache beside it."""

    folder: Path
    hub: Hub
    offline: bool = False

    @property
    def repository(self) -> Path:
        return self.folder / "cache" / "hub" / "models--somebody--small"

    @property
    def snapshot(self) -> Path:
        return self.repository / "snapshots" / COMMIT

    @property
    def rows(self) -> Path:
        return self.folder / "home" / "models.toml"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS"))
        }
        given = {
            "HF_ENDPOINT": f"http://127.0.0.1:{self.hub.port}",
            "HF_HOME": str(self.folder / "cache"),
            "PYTHONPATH": str(ROOT),
            **({"HF_HUB_OFFLINE": "1"} if self.offline else {}),
        }
        command = [
            sys.executable,
            "-m",
            "docsearch",
            "--home",
            str(self.folder / "home"),
            "models",
            *arguments,
        ]
        done = subprocess.run(
            command, env=kept | given, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        assert "Traceback" not in done.stderr
        return done

    def pull(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run("pull", "small", "--yes", *options)

    def listed(self) -> dict[str, object]:
        [found] = [row for row in json.loads(self.run("--json").stdout) if row["name"] == "small"]
        return dict(found)


@pytest.fixture
def machine(tmp_path: Path, hub: Hub) -> Machine:
    made = Machine(tmp_path, hub)
    made.rows.parent.mkdir()
    made.rows.write_text(f"# rows of my own\n{ROW}")
    return made


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_is_of_use_is_fetched_checked_and_pinned(machine: Machine) -> None:
    done = machine.pull()
    assert done.returncode == 0, done.stderr
    assert "modeling_own.py" in done.stderr, "it tells of the code that was left out"
    assert names(machine.snapshot) == {"config.json", "README.md", "model.safetensors"}
    assert (machine.snapshot / "model.safetensors").read_bytes() == WEIGHTS
    assert [name for name, _ in machine.hub.asked] == ["README.md", "config.json", "model.safetensors"]
    text = machine.rows.read_text()
    [row] = tomllib.loads(text)["model"]
    assert (row["revision"], row.get("trust_remote_code")) == (COMMIT, None)
    assert text.startswith("# rows of my own\n")
    listed = machine.listed()
    assert (listed["installed"], listed["in_use"]) == (True, False)
    assert listed["disk_bytes"] == sum(len(FILES[name]) for name in names(machine.snapshot))


def test_nothing_is_fetched_twice(machine: Machine) -> None:
    machine.pull()
    machine.hub.asked.clear()
    assert machine.pull().returncode == 0
    assert machine.hub.asked == []


def test_a_connection_that_is_cut_is_taken_up_in_the_same_run(machine: Machine) -> None:
    machine.hub.cut["model.safetensors"] = CUT
    machine.hub.fails = NeverFails()
    assert machine.pull().returncode == 0
    first, second = machine.hub.asked[-2:]
    assert first == ("model.safetensors", 0)
    assert CUT / 2 < second[1] <= CUT
    assert (machine.snapshot / "model.safetensors").read_bytes() == WEIGHTS


class NeverFails(set[str]):
    def add(self, _: str) -> None:
        """The next request is answered."""


def test_what_was_cut_off_is_gone_on_with_by_the_next_run(machine: Machine) -> None:
    machine.hub.cut["model.safetensors"] = CUT
    done = machine.pull()
    assert done.returncode == 6
    assert "goes on where it was" in done.stderr
    listed = machine.listed()
    assert (listed["installed"], listed["folder"]) == (False, None)
    assert machine.run("use", "small").returncode == 6
    assert "unfinished" in machine.run().stdout
    machine.hub.asked.clear()
    assert machine.pull().returncode == 0
    [(name, start)] = machine.hub.asked
    assert name == "model.safetensors"
    assert CUT / 2 < start <= CUT
    assert (machine.snapshot / "model.safetensors").read_bytes() == WEIGHTS
    assert machine.listed()["installed"] is True


def test_a_file_that_is_not_what_the_hub_says_is_not_kept(machine: Machine) -> None:
    machine.hub.spoilt.add("model.safetensors")
    done = machine.pull()
    assert done.returncode == 6
    assert "model.safetensors is not what the hub says" in done.stderr
    assert names(machine.snapshot) == {"config.json", "README.md"}
    assert "revision" not in machine.rows.read_text()
    machine.hub.spoilt.clear()
    machine.hub.asked.clear()
    assert machine.pull().returncode == 0
    assert machine.hub.asked == [("model.safetensors", 0)]


def test_a_file_that_was_damaged_here_is_fetched_again(machine: Machine) -> None:
    machine.pull()
    (machine.snapshot / "model.safetensors").resolve().write_bytes(b"damaged")
    assert machine.pull().returncode == 0
    assert (machine.snapshot / "model.safetensors").read_bytes() == WEIGHTS


def test_code_is_only_fetched_and_trusted_when_that_is_asked_for(machine: Machine) -> None:
    assert machine.pull("--trust-remote-code").returncode == 0
    assert "modeling_own.py" in names(machine.snapshot)
    [row] = tomllib.loads(machine.rows.read_text())["model"]
    assert row["trust_remote_code"] is True


def test_without_room_nothing_is_fetched(machine: Machine) -> None:
    machine.hub.sizes["model.safetensors"] = 10**15
    done = machine.pull()
    assert done.returncode == 5
    assert "1000000.0 GB" in done.stderr
    assert machine.hub.asked == []


def test_what_was_fetched_loads_and_is_tried_out(machine: Machine, tmp_path: Path) -> None:
    made = tiny.tiny_bert(tmp_path / "made", labels=1)
    machine.hub.files = {path.name: path.read_bytes() for path in made.iterdir()}
    assert machine.pull().returncode == 0
    done = machine.run("check", "small", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["role"], found["modalities"], found["dimensions"]) == ("reranker", ["text"], 0)
    assert found["page_seconds"]["text"] > 0


def test_of_a_repository_of_gguf_files_only_the_named_ones_are_fetched(machine: Machine) -> None:
    machine.hub.files = {"a-q4.gguf": b"GGUF four", "a-q8.gguf": b"GGUF eight", "eyes.gguf": b"GGUF eyes"}
    row = ROW.replace('"reranker"', '"generator"') + 'runtime = "llama.cpp"\nfile = "a-q4.gguf"\n'
    machine.rows.write_text(row + 'mmproj = "eyes.gguf"\n')
    assert machine.pull().returncode == 0
    assert names(machine.snapshot) == {"a-q4.gguf", "eyes.gguf"}
    machine.rows.write_text(row.replace("q4", "q2"))
    assert "no file a-q2.gguf" in machine.pull().stderr


def test_a_list_of_files_that_leads_elsewhere_is_not_followed(machine: Machine) -> None:
    machine.hub.files["../../../stray.json"] = b"{}"
    assert machine.pull().returncode == 0
    assert not list(machine.folder.rglob("stray.json"))


def test_what_the_hub_does_not_have_is_said(machine: Machine) -> None:
    assert machine.pull("--revision", "v9").returncode == 6
    machine.rows.write_text(ROW.replace("somebody/small", "somebody/else"))
    done = machine.pull()
    assert done.returncode == 6
    assert "the hub has no somebody/else" in done.stderr


def test_it_asks_first_and_heeds_a_ban_of_the_network(machine: Machine) -> None:
    assert machine.run("pull", "small").returncode == 2
    machine.offline = True
    done = machine.pull()
    assert done.returncode == 2
    assert "HF_HUB_OFFLINE" in done.stderr
    assert machine.hub.asked == []


def test_remove_gives_back_what_no_other_revision_shares(machine: Machine) -> None:
    machine.pull()
    other = machine.repository / "snapshots" / ("f" * 40)
    other.mkdir()
    shared = (machine.snapshot / "config.json").readlink()
    (other / "config.json").symlink_to(shared)
    assert machine.run("remove", "small").returncode == 2, "it asks first"
    assert machine.run("remove", "small", "--yes").returncode == 0
    assert names(machine.repository / "snapshots") == {f"{'f' * 40}/config.json"}
    assert [path.name for path in (machine.repository / "blobs").iterdir()] == [shared.name]
    assert machine.run("remove", "small", "--yes").returncode == 6


def test_a_model_in_use_and_a_folder_of_ones_own_are_not_removed(machine: Machine, tmp_path: Path) -> None:
    machine.pull()
    assert machine.run("use", "small").returncode == 0
    assert "is in use" in machine.run("remove", "small", "--yes").stderr
    own = tmp_path / "own"
    own.mkdir()
    (own / "model.safetensors").write_bytes(b"weights")
    machine.rows.write_text(f'[[model]]\nname = "own"\nrole = "reranker"\nsource = {json.dumps(str(own))}\n')
    assert "folder of yours" in machine.run("remove", "own", "--yes").stderr
    assert (own / "model.safetensors").exists()
