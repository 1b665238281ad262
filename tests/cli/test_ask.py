from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def indexed(run: Run, folder: Path) -> Run:
    assert run("index", folder).code == 0
    return run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that never ends."""
    pytest.importorskip("llama_cpp", reason="needs llama-cpp-python: pip install docsearch[answers]")
    pytest.importorskip("gguf", reason="makes its models with the package gguf")
    from tests.models.tiny_gguf import speaking_gguf

    return speaking_gguf(tmp_path / "endless.gguf", ("The tenant", " pays rent", " [1]. "), ends=False)


def test_quotes_with_their_pages(indexed: Run) -> None:
    done = indexed("ask", "who pays the rent?")
    assert done.code == 0
    assert "[1] House lease  page 1 of 2" in done.out
    assert "| The tenant pays rent" in done.out


def test_json(indexed: Run) -> None:
    found = indexed("ask", "--json", "who", "pays", "rent?").json
    assert (found["question"], found["model"], found["found"], found["state"]) == (
        "who pays rent?", None, True, "done"
    )  # fmt: skip
    [cited] = found["citations"]
    assert (cited["page"], cited["quote"], Path(cited["path"]).name) == (
        1,
        "The tenant pays rent",
        "lease.pdf",
    )
    assert len(cited["boxes"][0]) == 4
    assert [cited["quote"][start:end] for start, end in cited["matches"]] == ["pays", "rent"]
    assert found["statements"] == [{"text": "The tenant pays rent", "citations": [1], "flags": []}]
    assert found["timings"]["total"] > 0


def test_cited_pages_are_drawn_and_opened_by_number(indexed: Run, home: Path) -> None:
    done = indexed("ask", "--json", "--show", "llamas")
    picture = Path(done.json["citations"][0]["picture"])
    assert picture.parent == home / "cache" / "cited"
    assert picture.stat().st_mode & 0o777 == 0o600
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert ((pixels > (200, 180, -1)) & (pixels < (256, 256, 120))).all(axis=1).any(), "no yellow box"
    assert indexed("show", "1").out.strip() == "Pets are llamas only"
    assert indexed("show", "2").code == 2


def test_follow_ups_build_on_the_question_before(indexed: Run, home: Path) -> None:
    assert "page 1" in indexed("ask", "tenant").out
    assert "page 2" in indexed("ask", "--follow", "pets").out
    assert (home / "thread.json").exists()
    assert indexed("ask", "--forget").code == 0
    assert not (home / "thread.json").exists()


def test_in_a_folder(indexed: Run, folder: Path) -> None:
    assert "House lease" in indexed("ask", "rent", "--in", folder).out
    done = indexed("ask", "rent", "--in", "elsewhere")
    assert (done.code, done.out) == (0, "")
    assert "no document passes the filters" in done.err


def test_nothing_found(indexed: Run) -> None:
    done = indexed("ask", "zebra")
    assert (done.code, done.out) == (0, "")
    assert done.err.strip()


@pytest.mark.parametrize("words", [[], ["type:pdf"], ["   "]])
def test_without_a_question(indexed: Run, words: list[str]) -> None:
    done = indexed("ask", *words)
    assert done.code == 2
    assert "no question" in done.err


def test_a_model_that_is_not_there(indexed: Run, tmp_path: Path) -> None:
    done = indexed("ask", "rent", "--model", tmp_path / "none.gguf")
    assert done.code == 6
    assert "there is no model file" in done.err


def test_a_broken_model(indexed: Run, tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="needs llama-cpp-python: pip install docsearch[answers]")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    done = indexed("ask", "rent", "--model", tmp_path / "broken.gguf")
    assert done.code == 6
    assert "cannot be read" in done.err


def test_a_model_writes_and_its_sources_follow(indexed: Run, model: Path) -> None:
    (model.parent / "home" / "settings.toml").open("a").write("\n[answers]\ntokens = 32\n")
    done = indexed("ask", "who pays the rent?", "--model", model)
    assert done.code == 0
    assert "The tenant pays rent [1]." in done.out
    assert "[1] House lease  page 1 of 2" in done.out
    assert "cut off at 32 tokens" in done.err


def test_an_interrupt_stops_at_once_and_keeps_what_was_said(indexed: Run, home: Path, model: Path) -> None:
    settings = (home / "settings.toml").read_text()
    (home / "settings.toml").write_text(f"{settings}\n[answers]\ntokens = 1000000\ncontext = 8192\n")
    asking = subprocess.Popen(
        [sys.executable, "-u", "-m", "docsearch", "--home", home, "ask", "rent", "--model", model],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert asking.stdout is not None
    assert "The tenant pays rent [1]." in asking.stdout.readline()
    asking.send_signal(signal.SIGINT)
    out, err = asking.communicate(timeout=60)
    assert asking.returncode == 130
    assert "stopped" in err
    assert "Traceback" not in err
    assert re.search(r"^\[1\] House lease", out, re.MULTILINE)
    assert '"question": "rent"' in (home / "thread.json").read_text()


def test_names_and_texts_do_not_steer_the_terminal(indexed: Run, folder: Path) -> None:
    (folder / "evil\x1b[2J.txt").write_text("The llama treaty \x1b]0;title\x07 was signed in \x9b31mred ink.")
    assert indexed("index", folder).code == 0
    done = indexed("ask", "llama treaty")
    assert "treaty" in done.out
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.out + done.err)
