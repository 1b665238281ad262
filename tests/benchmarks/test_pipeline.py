from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from benchmarks import pipeline
from benchmarks.finetune import TWO_BILLION, large_row
from docsearch.library import Library
from docsearch.models.device import Device
from tests.benchmarks.measuring import Measure

NEEDS_TORCHVISION = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="the processor of Qwen3-VL needs torchvision"
)
FEW = ("--rounds", "1", "--pixels", "256", "--device", "cpu", "--workers", "1")


@NEEDS_TORCHVISION
def test_a_padded_model_alone_and_under_the_indexer(docs: Path, measure: Measure) -> None:
    found = measure(pipeline.main, "--docs", docs, *FEW, "--milliseconds", "50")
    assert found["pages"] == 3
    assert found["visual_tokens_per_page"] == pytest.approx(256 * 256 / 1024, rel=0.5)
    longest = found["visual_tokens_per_page"] * 0.05 / pipeline.PAGE_TOKENS
    assert 0 < found["bare_model_pages_per_second"] < 1 / longest
    assert found["ratio"] == pytest.approx(
        found["pages_per_second"] / found["bare_model_pages_per_second"], rel=1e-6
    )
    assert "flops_share" not in found


@NEEDS_TORCHVISION
def test_without_padding_it_says_what_each_choice_brings(docs: Path, tmp_path: Path) -> None:
    row, device = large_row(tmp_path / "model", 256, pipeline.SMALL), Device("cpu", "float32")
    with Library(tmp_path / "home", pipeline.settings(1)) as library:
        trial = pipeline.Trial(library, docs / "docs" / "reports")
        pipeline.teach_words(tmp_path / "model", trial.texts())
        found = pipeline.measured(trial, row, device, rounds=1, token_seconds=0)
        heading, chosen, *others = pipeline.variants(trial, row, device)
    assert isinstance(found["tflop_per_page"], float)
    assert found["tflop_per_page"] > 0
    assert isinstance(found["flops_share"], float)
    assert 0 < found["flops_share"] < 1
    assert found["peak_memory_gb"] is None
    assert len(heading) == len(chosen) == 5
    assert [name for name, *_ in others] == [name for name, *_ in pipeline.ways(row, device)][1:]
    by_name = {str(name): values for name, *values in others}
    assert by_name["a page a batch"][2] < chosen[3]  # type: ignore[operator]
    assert by_name["128 pixels"][1] < chosen[2]  # type: ignore[operator]


def test_fewer_layers_leave_the_other_sizes() -> None:
    assert pipeline.full_size(0) == TWO_BILLION
    sizes = pipeline.full_size(2)
    assert (sizes["text"]["num_hidden_layers"], sizes["vision"]["depth"]) == (2, 2)
    assert sizes["vision"]["deepstack_visual_indexes"] == [0]
    assert sizes["text"]["hidden_size"] == 2048


@NEEDS_TORCHVISION
def test_one_thing_is_changed_at_a_time(tmp_path: Path) -> None:
    row = large_row(tmp_path / "model", 640, pipeline.SMALL)
    ways = list(pipeline.ways(row, Device("cpu", "float32")))
    assert ways[0] == ("as chosen", row, Device("cpu", "float32"))
    assert all((other != row) + (place != Device("cpu", "float32")) == 1 for _, other, place in ways[1:])
    assert len({name for name, _, _ in ways}) == len(ways)
