from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path

import pytest

pytest.importorskip("accelerate", reason="needs pip install docsearch[train]")
pytest.importorskip("datasets", reason="needs pip install docsearch[train]")
pytest.importorskip("peft", reason="needs pip install docsearch[train]")

from benchmarks import finetune
from docsearch.learn.job import Method
from tests.benchmarks.measuring import Measure

NEEDS_TORCHVISION = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="the processor of Qwen3-VL needs torchvision"
)


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """Enough pairs that some of their passages are held out."""
    with gzip.open(tmp_path / "medquad.jsonl.gz", "wt") as lines:
        for number in range(600):
            row = {"query": f"what is the tax of {number}", "passage": f"Section {number} of the levy."}
            lines.write(json.dumps(row) + "\n")
    return tmp_path


def test_learning_from_made_clicks(train: Path, measure: Measure) -> None:
    found = measure(finetune.main, "--train", train, "--clicks", 16, "--held-out", 5)
    assert found["seconds"] > found["training_seconds"] > 0
    assert 50 < found["peak_rss_mb"] < 3000
    assert found["loss_last"] < found["loss_first"]
    assert 0 < found["ndcg10_before"] <= 1
    assert 0 < found["ndcg10_after"] <= 1


@NEEDS_TORCHVISION
@pytest.mark.parametrize("method", list(Method))
def test_steps_of_a_model_that_sees(method: Method, tmp_path: Path) -> None:
    row = finetune.large_row(tmp_path / "model", 64, {"text": {}, "vision": {}})
    job = finetune.large_job(row, method, batch=3, device="cpu")
    assert finetune.steps_per_second(tmp_path / "work", job) > 0
