"""`docsearch models` from the command line, and vectors of a second model beside the first."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from docsearch.models.starter.embedder import SHIPPED
from docsearch.models.starter.weights import StarterWeights, write_weights
from tests.cli.conftest import SETTINGS, Run


@pytest.fixture(autouse=True)
def no_models_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def other(run: Run, home: Path) -> Path:
    """The starter is in use, and 'other' is a model of the same make; returns its folder."""
    folder = home / "other"
    folder.mkdir()
    shipped = StarterWeights.read(SHIPPED)
    write_weights(
        folder, shipped.tokenizer, shipped.tokens, shipped.scales, shipped.mean, -shipped.projection
    )
    (home / "settings.toml").write_text(SETTINGS.replace('embedder = "off"', 'embedder = "starter"'))
    (home / "models.toml").write_text(
        f'[[model]]\nname = "other"\nrole = "embedder"\nruntime = "starter"\ndimensions = 256\n'
        f"source = {json.dumps(str(folder))}\nmodalities = ['text', 'image', 'text+image']\n"
    )
    return folder


def state(run: Run, name: str) -> dict[str, object]:
    [found] = [row for row in run("models", "--json").json if row["name"] == name]
    return dict(found)


def test_every_model_is_listed_with_what_it_is_for(run: Run) -> None:
    listed = run("models")
    assert listed.code == 0
    for words in ("embedders", "rerankers", "generators", "* passages", "  starter", "ships with docsearch"):
        assert words in listed.out
    assert "not here" in listed.out
    assert "Tried:" not in listed.out
    assert "Tried:" in run("models", "--long").out
    found = run("models", "--json").json
    roles = {"embedder", "late-interaction", "reranker", "generator"}
    assert {row["role"] for row in found} == roles
    assert all(row["tested"] for row in found if row["source"])
    assert [row["name"] for row in found if row["in_use"]] == ["passages"]
    assert all(isinstance(row["fits"], bool) and row["licence"] is not None for row in found)


def test_vectors_of_two_models_lie_side_by_side(run: Run, other: Path, folder: Path, home: Path) -> None:
    assert run("index", folder).code == 0
    assert (state(run, "starter")["pages_embedded"], state(run, "other")["pages_embedded"]) == (2, 0)
    assert run("index", "--model", "other").code == 0
    assert (state(run, "starter")["pages_embedded"], state(run, "other")["pages_embedded"]) == (2, 2)
    assert tomllib.loads((home / "settings.toml").read_text())["models"]["embedder"] == "starter"
    used = run("models", "use", "other")
    assert (used.code, used.err) == (0, "other is the embedder now.\n")
    assert tomllib.loads((home / "settings.toml").read_text())["models"]["embedder"] == "other"
    assert run("search", "rent").code == 0


def test_after_a_switch_it_says_what_is_still_to_be_made(run: Run, other: Path, folder: Path) -> None:
    run("index", folder)
    said = run("models", "use", "other").err
    assert "2 of 2 pages have no vectors of it yet" in said
    assert "the one before" in said


def test_a_model_is_tried_out(run: Run, other: Path) -> None:
    found = run("models", "check", "other", "--json").json
    assert (found["dimensions"], found["right"]) == (256, True)
    assert set(found["page_seconds"]) == {"text", "image", "text+image"}
    assert min(found["load_seconds"], found["query_seconds"], *found["page_seconds"].values()) > 0
    shown = run("models", "check", "starter").out
    assert "finds the page that answers a plain question" in shown
    assert "256" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("use", "off"), 2, "not the name of a model"),
        (("use", "nothing"), 6, "no model called 'nothing'"),
        (("use", "qwen3-4b"), 6, "docsearch models pull qwen3-4b"),
        (("check", "passages"), 2, "came with docsearch"),
        (("check", "qwen3-4b"), 6, "docsearch models pull qwen3-4b"),
        (("pull", "starter"), 2, "nothing to fetch"),
        (("pull", "llama-nemotron-rerank-vl-1b", "--yes"), 2, "--trust-remote-code fetches it"),
        (("remove", "passages", "--yes"), 2, "stays"),
        (("remove", "qwen3-4b", "--yes"), 6, "not on this machine"),
    ],
)
def test_what_makes_no_sense_is_refused(run: Run, arguments: tuple[str, ...], code: int, words: str) -> None:
    done = run("models", *arguments)
    assert done.code == code
    assert words in done.err


def test_only_an_embedder_makes_vectors(run: Run, folder: Path) -> None:
    done = run("index", folder, "--model", "passages")
    assert (done.code, "makes no vectors" in done.err) == (2, True)
