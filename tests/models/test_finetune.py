"""Finetuning with the real trainers, of the shipped model and of tiny ones of real architectures."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("accelerate", reason="needs pip install docsearch[train]")
pytest.importorskip("datasets", reason="needs pip install docsearch[train]")
pytest.importorskip("peft", reason="needs pip install docsearch[train]")

from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.learn import process
from docsearch.learn.finetune import run
from docsearch.learn.finetune.data import read_material
from docsearch.learn.job import Method, Sides, read_job, suited_job, write_job
from docsearch.learn.process import State, training
from docsearch.models.load import load_embedder, load_reranker
from docsearch.models.protocols import ModelInput
from docsearch.models.registry import ModelRow, Registry, Role
from docsearch.models.starter.embedder import StarterEmbedder
from docsearch.models.tuned import TunedQueries, load_tuned_embedder, load_tuned_reranker
from docsearch.program import environment
from tests.models import tiny
from tests.models.learning import TOPICS, examples, held_out, make_job, pages, quality

NEEDS_TORCHVISION = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="the processor of Qwen3-VL needs torchvision"
)
STARTER = Registry.read().row("starter")
TEXTS = [ModelInput(page.text) for page in pages()]
QUERIES = [ModelInput(topic) for topic in TOPICS]
ASKED = [ModelInput(example.query) for example in examples(pages())]
WITHOUT_PACKAGES = """
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name in ("accelerate", "datasets", "peft"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Without())
from docsearch.learn.finetune.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small are slowed down by threads, and by other tests even more."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def never() -> bool:
    return False


def train(folder: Path, asked_to_pause: Callable[[], bool]) -> bool:
    return run.train(read_job(folder), read_material(folder), folder, asked_to_pause)


def after_steps(folder: Path, steps: int) -> Callable[[], bool]:
    """Asks for a pause once training has come so far."""
    return lambda: any(step.step >= steps for step in process.progress(folder))


def starter_job(folder: Path, **changes: Any) -> None:
    make_job(folder, STARTER, **{"learning_rate": 0.1, "epochs": 6, **changes})


def run_alone(folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", *before, str(folder)]
    return subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=120, check=False
    )


def test_the_starter_learns_to_read_queries_and_pages_keep_their_vectors(tmp_path: Path) -> None:
    starter_job(tmp_path)
    assert training(tmp_path).state is State.WAITING
    assert train(tmp_path, never)
    base = StarterEmbedder()
    tuned = load_tuned_embedder(base, tmp_path / "result")
    assert isinstance(tuned, TunedQueries)
    assert (tuned.embed_pages(TEXTS) == base.embed_pages(TEXTS)).all()
    assert (tuned.fingerprint, tuned.dimensions) == (base.fingerprint, base.dimensions)
    asked = held_out(pages())
    assert quality(tuned, asked, TEXTS) > quality(base, asked, TEXTS) + 0.05
    picture = [ModelInput(image=Image.linear_gradient("L"))]
    assert (tuned.embed_queries(picture) == base.embed_queries(picture)).all()
    steps = process.progress(tmp_path)
    assert steps[0].ndcg10 == pytest.approx(quality(base, asked, TEXTS))
    assert steps[-1].ndcg10 == pytest.approx(quality(tuned, asked, TEXTS), abs=0.02)  # weights keep 8 bits
    assert steps[-1].step == steps[-1].of
    assert training(tmp_path).state is State.DONE
    assert not (tmp_path / "checkpoints").exists()


def test_the_result_is_a_folder_of_sentence_transformers_with_a_card(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    starter_job(tmp_path, dimensions=(256, 64))
    assert train(tmp_path, never)
    theirs = SentenceTransformer(str(tmp_path / "result"), trust_remote_code=True, device="cpu")
    ours = load_tuned_embedder(StarterEmbedder(), tmp_path / "result")
    given = [query.text for query in QUERIES]
    assert theirs.encode_query(given) == pytest.approx(ours.embed_queries(QUERIES), abs=1e-4)
    card = (tmp_path / "result" / "README.md").read_text("utf-8")
    assert "CC-BY-SA-4.0" in card
    assert "| of them from clicks | 16 |" in card
    assert not any(text in card for text in (*TOPICS.values(), "where is my", "/nowhere", str(tmp_path)))
    assert (tmp_path / "result").stat().st_mode & 0o077 == 0


def test_a_tuned_starter_opens_without_torch(tmp_path: Path) -> None:
    starter_job(tmp_path, epochs=1)
    assert train(tmp_path, never)
    code = (
        "import sys; from pathlib import Path\n"
        "from docsearch.models.starter.embedder import StarterEmbedder\n"
        "from docsearch.models.tuned import load_tuned_embedder\n"
        "load_tuned_embedder(StarterEmbedder(), Path(sys.argv[1]))\n"
        "sys.exit('torch' in sys.modules or 'sentence_transformers' in sys.modules)"
    )
    assert run_alone(tmp_path / "result", "-c", code).returncode == 0


def test_paused_and_resumed_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        starter_job(folder)
    assert train(whole, never)
    assert not train(parts, after_steps(parts, 2))
    assert not train(parts, after_steps(parts, 5))
    assert not (parts / "result").exists()
    assert train(parts, never)
    weights = [np.load(folder / "result" / "weights.npz")["tokens"] for folder in (whole, parts)]
    assert (weights[0] == weights[1]).all()
    losses = [[step.loss for step in process.progress(folder)] for folder in (whole, parts)]
    assert losses[0] == losses[1]
    seconds = [step.seconds for step in process.progress(parts)]
    assert seconds == sorted(seconds)


def test_killed_it_goes_on_and_the_result_is_whole(tmp_path: Path) -> None:
    starter_job(tmp_path, save_seconds=0.0)
    number = process.start(tmp_path)
    deadline = time.monotonic() + 120
    while len(process.progress(tmp_path)) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert training(tmp_path).state in (State.RUNNING, State.DONE)
    os.kill(number, signal.SIGKILL)
    os.waitpid(number, 0)
    seen = training(tmp_path)
    assert seen.state in (State.WAITING, State.DONE)
    assert seen.starts == 1
    assert not list(tmp_path.glob("result/*.partial"))
    assert train(tmp_path, never) or seen.state is State.DONE
    assert training(tmp_path).state is State.DONE
    load_tuned_embedder(StarterEmbedder(), tmp_path / "result")


def test_half_a_checkpoint_is_not_taken(tmp_path: Path) -> None:
    starter_job(tmp_path)
    assert not train(tmp_path, after_steps(tmp_path, 2))
    [checkpoint] = (tmp_path / "checkpoints").iterdir()
    (checkpoint / "whole").unlink()
    (checkpoint / "trained.safetensors").write_bytes(b"half")
    assert train(tmp_path, never)
    assert process.progress(tmp_path)[0].step == 0


def test_time_limit_ends_training_with_what_was_learned(tmp_path: Path) -> None:
    starter_job(tmp_path, max_seconds=1e-6)
    assert train(tmp_path, never)
    assert process.progress(tmp_path)[-1].step == 1
    assert (tmp_path / "result").is_dir()


def test_both_sides_of_the_starter_give_pages_other_vectors(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    make_job(tmp_path / "job", STARTER, documents, learning_rate=0.1, epochs=3, sides=Sides.BOTH)
    assert train(tmp_path / "job", never)
    base = StarterEmbedder()
    tuned = load_tuned_embedder(base, tmp_path / "job" / "result")
    assert tuned.fingerprint != base.fingerprint
    assert np.abs(tuned.embed_pages(TEXTS) - base.embed_pages(TEXTS)).max() > 0.01
    steps = process.progress(tmp_path / "job")
    assert (steps[-1].ndcg10 or 0) > (steps[0].ndcg10 or 0)
    with pytest.raises(ModelUnavailable, match="does not belong"):
        load_tuned_embedder(tuned, tmp_path / "job" / "result")


@pytest.mark.parametrize("method", list(Method))
def test_a_transformer_learns_to_read_queries(method: Method, tmp_path: Path) -> None:
    folder = tiny.tiny_bert(tmp_path / "bert")
    row = ModelRow(
        "bert",
        Role.EMBEDDER,
        source=str(folder),
        dimensions=16,
        matryoshka=(16, 8),
        pooling="mean",
        query_prompt="the ",
    )
    make_job(tmp_path / "job", row, method=method, learning_rate=0.03, epochs=4, rank=4)
    assert train(tmp_path / "job", never)
    result = tmp_path / "job" / "result"
    base = load_embedder("bert", Registry((row,)), "cpu")
    tuned = load_tuned_embedder(base, result)
    assert (tuned.embed_pages(TEXTS) == base.embed_pages(TEXTS)).all()
    steps = process.progress(tmp_path / "job")
    assert steps[0].ndcg10 == pytest.approx(quality(base, held_out(pages()), TEXTS), abs=1e-6)
    assert steps[-1].ndcg10 == pytest.approx(quality(tuned, held_out(pages()), TEXTS), abs=1e-6)
    assert (steps[-1].loss or 9) < (steps[1].loss or 0)
    assert (result / "adapter_model.safetensors").exists() is (method is Method.LORA)


def test_a_share_of_the_base_can_be_kept(tmp_path: Path) -> None:
    starter_job(tmp_path / "all", epochs=2)
    starter_job(tmp_path / "half", epochs=2, keep=0.5)
    assert train(tmp_path / "all", never)
    assert train(tmp_path / "half", never)
    base = StarterEmbedder()
    far, near = (
        load_tuned_embedder(base, tmp_path / n / "result").embed_queries(ASKED) for n in ("all", "half")
    )
    away = [np.linalg.norm(vectors - base.embed_queries(ASKED), axis=1).mean() for vectors in (far, near)]
    assert 0.2 * away[0] < away[1] < 0.8 * away[0]


def test_a_reranker_learns(tmp_path: Path) -> None:
    row = ModelRow("r", Role.RERANKER, source=str(tiny.tiny_bert(tmp_path / "bert", labels=1)))
    make_job(tmp_path / "job", row, learning_rate=0.003, epochs=6)
    assert train(tmp_path / "job", never)
    losses = [step.loss for step in process.progress(tmp_path / "job") if step.loss is not None]
    third = len(losses) // 3
    assert np.mean(losses[-third:]) < np.mean(losses[:third])
    tuned = load_tuned_reranker(row, tmp_path / "job" / "result", "cpu")
    assert tuned.name == "r"
    before = load_reranker("r", Registry((row,)), "cpu").score(QUERIES[0], TEXTS)
    assert np.abs(tuned.score(QUERIES[0], TEXTS) - before).max() > 1e-3
    with pytest.raises(ModelUnavailable, match="does not belong"):
        load_tuned_reranker(dataclasses.replace(row, name="other"), tmp_path / "job" / "result", "cpu")


@NEEDS_TORCHVISION
@pytest.mark.parametrize("sides", list(Sides))
def test_qwen3_vl_embeds_page_pictures_and_learns_with_lora(sides: Sides, tmp_path: Path) -> None:
    row = ModelRow(
        "qwen",
        Role.EMBEDDER,
        source=str(tiny.tiny_qwen3_vl(tmp_path / "qwen")),
        dimensions=32,
        matryoshka=(32, 16),
        pooling="lasttoken",
        modalities=("text", "image", "text+image"),
        image_pixels=64,
    )
    make_job(
        tmp_path / "job",
        row,
        tmp_path,
        method=Method.LORA,
        sides=sides,
        learning_rate=0.003,
        epochs=1,
        rank=4,
    )
    assert train(tmp_path / "job", never)
    base = load_embedder("qwen", Registry((row,)), "cpu")
    tuned = load_tuned_embedder(base, tmp_path / "job" / "result")
    shown = [ModelInput(page.text, Image.open(page.path)) for page in pages(tmp_path)]
    same = (tuned.embed_pages(shown[:2]) == base.embed_pages(shown[:2])).all()
    assert bool(same) is (sides is Sides.QUERY)
    assert (tuned.fingerprint == base.fingerprint) is (sides is Sides.QUERY)
    steps = process.progress(tmp_path / "job")
    assert steps[0].ndcg10 == pytest.approx(quality(base, held_out(pages()), shown), abs=1e-6)
    assert steps[-1].ndcg10 == pytest.approx(quality(tuned, held_out(pages()), shown), abs=1e-6)
    assert np.abs(tuned.embed_queries(QUERIES) - base.embed_queries(QUERIES)).max() > 1e-3


@NEEDS_TORCHVISION
def test_qwen3_vl_reranks_page_pictures_and_learns_with_lora(tmp_path: Path) -> None:
    row = ModelRow(
        "qwen",
        Role.RERANKER,
        source=str(tiny.tiny_qwen3_vl_reranker(tmp_path / "qwen")),
        modalities=("text", "image", "text+image"),
        image_pixels=64,
    )
    make_job(tmp_path / "job", row, tmp_path, method=Method.LORA, learning_rate=0.003, epochs=1, rank=4)
    assert train(tmp_path / "job", never)
    tuned = load_tuned_reranker(row, tmp_path / "job" / "result", "cpu")
    shown = [ModelInput(page.text, Image.open(page.path)) for page in pages(tmp_path)]
    scores = tuned.score(QUERIES[0], shown)
    again = load_tuned_reranker(row, tmp_path / "job" / "result", "cpu").score(QUERIES[0], shown)
    assert (scores == again).all()
    base = load_reranker("qwen", Registry((row,)), "cpu").score(QUERIES[0], shown)
    assert np.abs(scores - base).max() > 1e-3


def test_a_job_that_cannot_be_read_fails_with_its_reason(tmp_path: Path) -> None:
    starter_job(tmp_path)
    (tmp_path / "pairs.jsonl").write_text('{"query": "a", "positive": 7}\n', "utf-8")
    done = run_alone(tmp_path, "-m", "docsearch.learn.finetune")
    seen = training(tmp_path)
    assert done.returncode != 0
    assert seen.state is State.FAILED
    assert "pairs.jsonl: line 1: positive" in seen.reason


def test_examples_that_teach_nothing_are_told(tmp_path: Path) -> None:
    [first, *_] = examples(pages())
    write_job(tmp_path, suited_job(STARTER, 1), [dataclasses.replace(first, negatives=())], ())
    with pytest.raises(SettingsError, match="nothing to learn"):
        train(tmp_path, never)


def test_packages_that_are_missing_are_named(tmp_path: Path) -> None:
    starter_job(tmp_path)
    assert run_alone(tmp_path, "-c", WITHOUT_PACKAGES).returncode != 0
    assert training(tmp_path).state is State.FAILED
    assert 'pip install "docsearch[train]"' in training(tmp_path).reason


def test_a_note_that_makes_no_sense_is_told(tmp_path: Path) -> None:
    for content in ("", "[]", '{"role": "embedder"}', json.dumps({"role": "embedder", "base": 1})):
        (tmp_path / "docsearch.json").write_text(content, "utf-8")
        with pytest.raises(ModelUnavailable, match="no finetuned model"):
            load_tuned_embedder(StarterEmbedder(), tmp_path)
