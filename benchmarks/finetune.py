"""Finetuning: how long the shipped embedder takes to learn from 300 clicks, and what it needs and gains.

The clicks are made of pairs that the shipped model never learned from: a query opens its passage, similar
passages were passed over. With --full-size a model of 2 billion random weights is trained on page pictures
as well, which takes a GPU.
"""

from __future__ import annotations

import dataclasses
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from benchmarks.paraphrase import TRAIN
from benchmarks.program import ProgramFailed, Usage, watched
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from docsearch.learn import process
from docsearch.learn.job import (
    HeldOutQuery,
    Job,
    JudgedPage,
    Method,
    Sides,
    TrainingExample,
    TrainingPage,
    suited_job,
    write_job,
)
from docsearch.learn.process import State, Step
from docsearch.models.protocols import ModelInput
from docsearch.models.registry import ModelRow, Registry, Role
from docsearch.models.starter.embedder import StarterEmbedder
from training.pairs import Pair, read_given

HEAD = 20
"""Passages on the list that a query is shown."""
OTHERS = 3000
"""Passages beside those of the queries."""
STEPS = 8
PAGE = (1275, 1650)
TWO_BILLION: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "text": {
            "vocab_size": 151936,
            "hidden_size": 2048,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "intermediate_size": 6144,
            "max_position_embeddings": 32768,
            "initializer_range": 0.02,
            "rope_parameters": {
                "rope_type": "default",
                "mrope_section": [24, 20, 20],
                "mrope_interleaved": True,
                "rope_theta": 5000000.0,
            },
        },
        "vision": {
            "depth": 24,
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_heads": 16,
            "patch_size": 16,
            "out_hidden_size": 2048,
            "num_position_embeddings": 2304,
            "deepstack_visual_indexes": [5, 11, 17],
            "initializer_range": 0.02,
        },
    }
)
"""The sizes of Qwen3-VL-Embedding-2B."""


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--train", type=Path, default=TRAIN, metavar="DIR", help="folder of training pairs")
    parser.add_argument("--clicks", type=int, default=300, metavar="N", help="clicks to learn from (300)")
    parser.add_argument("--held-out", type=int, default=200, metavar="N", help="queries to measure on (200)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draws others (0)")
    parser.add_argument("--full-size", action="store_true", help="train a model of full size too; needs CUDA")
    parser.add_argument("--pixels", type=int, default=768, metavar="N", help="longest side of pages (768)")
    options = parse_args(parser, argv, needs_docs=False)
    if not options.train.is_dir():
        parser.error(f"there is no folder {options.train}; name one with --train DIR")
    with tempfile.TemporaryDirectory(prefix="docsearch-benchmark-") as folder:
        usage, steps = of_the_starter(Path(folder, "job"), options)
        found = figures(usage, steps)
        if options.full_size:
            found |= of_full_size(Path(folder), options.pixels)
    emit(found, curve(steps), as_json=options.json)


def of_the_starter(folder: Path, options: Any) -> tuple[Usage, tuple[Step, ...]]:
    """Trains the shipped embedder in a process of its own."""
    row = Registry.read().row("starter")
    examples, held_out = made_clicks(options.train, options.clicks, options.held_out, options.seed)
    job = dataclasses.replace(suited_job(row, len(examples)), clicks=len(examples))
    write_job(folder, job, examples, held_out)
    note(f"{len(examples)} clicks, {len(held_out)} held-out queries")
    usage = watched([sys.executable, "-P", "-m", "docsearch.learn.finetune", str(folder)])
    seen = process.training(folder)
    if seen.state is not State.DONE:
        raise ProgramFailed(f"training ended as {seen.state}: {seen.reason}")
    return usage, process.progress(folder)


def made_clicks(
    train: Path, clicks: int, asked: int, seed: int
) -> tuple[list[TrainingExample], list[HeldOutQuery]]:
    """Examples and held-out queries over different passages, each with the passages most like its query."""
    rng = random.Random(seed)
    pairs = list({pair.passage: pair for pair in read_given(train) if pair.held_out}.values())
    rng.shuffle(pairs)
    pairs = pairs[: clicks + asked + OTHERS]
    pages = [TrainingPage(Path(f"{number}.txt"), 1, pair.passage) for number, pair in enumerate(pairs)]
    heads = similar(pairs, clicks + asked)
    examples = [
        TrainingExample(pairs[n].query, pages[n], tuple(pages[p] for p in heads[n] if p != n))
        for n in range(min(clicks, len(pairs)))
    ]
    held_out = [
        HeldOutQuery(pairs[n].query, tuple(_judged(pages[p], p == n) for p in dict.fromkeys([*heads[n], n])))
        for n in range(clicks, min(clicks + asked, len(pairs)))
    ]
    return examples, held_out


def similar(pairs: Sequence[Pair], asked: int) -> list[list[int]]:
    """Numbers of the passages most similar to each of the first queries."""
    embedder = StarterEmbedder()
    passages = embedder.embed_pages([ModelInput(pair.passage) for pair in pairs])
    queries = embedder.embed_queries([ModelInput(pair.query) for pair in pairs[:asked]])
    heads: list[list[int]] = np.argsort(-(queries @ passages.T), axis=1)[:, :HEAD].tolist()
    return heads


def _judged(page: TrainingPage, right: bool) -> JudgedPage:
    return JudgedPage(page.path, page.page, page.text, float(right))


def figures(usage: Usage, steps: Sequence[Step]) -> dict[str, Figure]:
    """Seconds and memory of the whole process; nDCG@10 of the held-out queries over their lists."""
    measured = [step.ndcg10 for step in steps if step.ndcg10 is not None]
    losses = [step.loss for step in steps if step.loss is not None]
    return {
        "seconds": usage.seconds,
        "training_seconds": steps[-1].seconds,
        "peak_rss_mb": usage.peak_rss_mb,
        "steps": steps[-1].step,
        "loss_first": losses[0],
        "loss_last": losses[-1],
        "ndcg10_before": measured[0],
        "ndcg10_after": measured[-1],
    }


def curve(steps: Sequence[Step]) -> list[list[object]]:
    """A row wherever held-out queries were measured, with the mean loss since the row before."""
    rows: list[list[object]] = [["step", "seconds", "loss", "nDCG@10"]]
    losses: list[float] = []
    for step in steps:
        losses += [step.loss] if step.loss is not None else []
        if step.ndcg10 is not None:
            loss = float(np.mean(losses)) if losses else "-"
            rows.append([step.step, round(step.seconds, 1), loss, step.ndcg10])
            losses = []
    return rows


def of_full_size(folder: Path, pixels: int) -> dict[str, Figure]:
    """Steps a second and peak memory of the GPU at batch 64, all weights and LoRA; ends without a GPU."""
    import torch

    if not torch.cuda.is_available():
        raise SystemExit("--full-size needs a GPU with CUDA")
    row = large_row(folder / "large", pixels, TWO_BILLION)
    found: dict[str, Figure] = {}
    for method in Method:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        speed = steps_per_second(folder / str(method), large_job(row, method, batch=64, device="cuda"))
        found[f"{method}_steps_per_second"] = speed
        found[f"{method}_peak_gpu_mb"] = torch.cuda.max_memory_allocated() / 1e6
    return {**found, "device": torch.cuda.get_device_name()}


def large_row(folder: Path, pixels: int, sizes: Mapping[str, Mapping[str, Any]]) -> ModelRow:
    """A Qwen3-VL of these sizes with random weights, in 16 bits."""
    import torch

    from tests.models.tiny import tiny_qwen3_vl

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        tiny_qwen3_vl(
            folder, text_sizes=sizes["text"], vision_sizes=sizes["vision"], longest_edge=pixels * pixels
        )
    finally:
        torch.set_default_dtype(before)
    dimensions = sizes["text"].get("hidden_size", 32)
    return ModelRow(
        "qwen3-vl-random",
        Role.EMBEDDER,
        source=str(folder.absolute()),
        modalities=("text", "image", "text+image"),
        parameters=2_000_000_000,
        dimensions=dimensions,
        matryoshka=(dimensions, dimensions // 2),
        pooling="lasttoken",
        image_pixels=pixels,
    )


def large_job(row: ModelRow, method: Method, batch: int, device: str) -> Job:
    """Both sides on page pictures: the largest job there is."""
    job = suited_job(row, batch, sides=Sides.BOTH, device=device)
    changes = {"batch_size": batch, "mini_batch_size": min(8, batch), "negatives": 0, "epochs": STEPS}
    return dataclasses.replace(job, method=method, learning_rate=1e-5, **changes)  # type: ignore[arg-type]


def steps_per_second(folder: Path, job: Job) -> float:
    """Trains for a few steps; the first one, in which much is set up, is not counted."""
    from docsearch.learn.finetune.data import read_material
    from docsearch.learn.finetune.run import train

    examples = drawn_examples(folder / "pages", job.batch_size)
    write_job(folder / "job", job, examples, ())
    note(f"{job.method}: {job.epochs} steps of {job.batch_size} pages")
    started = time.perf_counter()
    train(job, read_material(folder / "job"), folder / "job", lambda: False)
    note(f"{time.perf_counter() - started:.0f} seconds with opening and saving")
    steps = [step for step in process.progress(folder / "job") if step.step]
    first, last = steps[0], steps[-2]  # the very last line is written after training
    return (last.step - first.step) / (last.seconds - first.seconds)


def drawn_examples(folder: Path, count: int) -> list[TrainingExample]:
    """Pages with text on them, as pictures, and a query each."""
    from PIL import Image, ImageDraw

    folder.mkdir(parents=True)
    examples = []
    for number in range(count):
        words = f"report {number} of the year {1900 + number}"
        page = Image.new("RGB", PAGE, "white")
        ImageDraw.Draw(page).multiline_text((80, 80), "\n".join([words] * 40), fill="black", font_size=28)
        page.save(folder / f"{number}.png")
        examples.append(TrainingExample(words, TrainingPage(folder / f"{number}.png", 1, words)))
    return examples


if __name__ == "__main__":
    main()
