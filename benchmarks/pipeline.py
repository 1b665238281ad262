"""How much of a model's own speed `docsearch index` reaches, and what that speed is made of.

A small Qwen3-VL, whose every step is made to take as long as that of a model of 2 billion parameters on a
GPU, embeds pages of real documents: by itself, from pictures rendered before the clock runs, and as
`docsearch index` runs it, which renders, embeds, stores and marks documents as done. With --full-size it is a
Qwen3-VL-Embedding-2B with random weights, and a table says what number format, attention kernel, batches by
tokens and the size of pages bring.

A padded step takes 125 ms for a page of 1,120 tokens (1280 pixels on its longest side): such a page is 8
TFLOP for the model of 2 billion parameters (--full-size counts it), and 65 TFLOP/s are 40 % of what an
RTX 4090 can do in bfloat16. ColPali reports 370 ms a page for 1,030 tokens on an L4 (arXiv 2407.01449).
"""

from __future__ import annotations

import dataclasses
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, median
from typing import Any

from benchmarks.finetune import TWO_BILLION, large_row
from benchmarks.picture import drawn_pages, rendered
from benchmarks.report import Figure, common_parser, emit, note, parse_args, seconds_of
from docsearch.config import ModelSettings, OcrSettings, Settings
from docsearch.errors import DocsearchError
from docsearch.ingest.document import open_document
from docsearch.ingest.pipeline import Indexer, Tier
from docsearch.library import Library
from docsearch.models.device import Device, choose_device
from docsearch.models.protocols import ModelInput
from docsearch.models.registry import ModelRow
from docsearch.models.sentence import SentenceTransformersEmbedder

PAGE_TOKENS = 1120
"""Visual tokens of a page of 1280 x 905 pixels, the paper format A4."""
VOCABULARY = 8192
LONGEST = 40
"""Longer documents are left out, so that there are several."""
SMALL: Mapping[str, Mapping[str, Any]] = {
    "text": {
        "max_position_embeddings": 32768,
        "vocab_size": VOCABULARY,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
    },
    "vision": {"patch_size": 16, "depth": 1, "num_heads": 1, "hidden_size": 8, "intermediate_size": 16},
}
"""A Qwen3-VL that sees as many tokens as a large one and has next to nothing to compute."""


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--pages", type=int, default=100, metavar="N", help="pages to embed (100)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="times of each, in turn (5)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draws other documents (0)")
    parser.add_argument("--pixels", type=int, default=1280, metavar="N", help="longest side of a page (1280)")
    parser.add_argument(
        "--milliseconds", type=float, default=125, metavar="N", help="what a page of 1280 pixels takes (125)"
    )
    parser.add_argument("--full-size", action="store_true", help="2 billion random weights, not padded")
    parser.add_argument("--layers", type=int, default=0, metavar="N", help="fewer layers with --full-size")
    parser.add_argument("--device", default="auto", help="cuda, mps, xpu or cpu (the fastest there is)")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="reader processes (one a core)")
    options = parse_args(parser, argv)
    device = choose_device(options.device)
    with tempfile.TemporaryDirectory(prefix="docsearch-benchmark-") as folder:
        work = Path(folder).resolve()
        copy_documents(options.docs / "docs", work / "documents", options.pages, options.seed)
        sizes = full_size(options.layers) if options.full_size else SMALL
        row = large_row(work / "model", options.pixels, sizes)
        with Library(work / "home", settings(options.workers)) as library:
            trial = Trial(library, work / "documents")
            teach_words(work / "model", trial.texts())
            seconds = 0.0 if options.full_size else options.milliseconds / 1000 / PAGE_TOKENS
            found = measured(trial, row, device, options.rounds, seconds)
            rows = variants(trial, row, device) if options.full_size else ()
    emit(found, rows, as_json=options.json)


def settings(workers: int) -> Settings:
    """No OCR; the embedder is handed in."""
    index = dataclasses.replace(Settings().index, workers=workers)
    return Settings(index=index, ocr=OcrSettings(engine="off"), models=ModelSettings(embedder="off"))


def full_size(layers: int) -> Mapping[str, Mapping[str, Any]]:
    """The sizes of the model of 2 billion parameters, with so many layers each where that is not 0."""
    text, vision = (dict(TWO_BILLION[part]) for part in ("text", "vision"))
    if layers:
        deep = [n for n in vision["deepstack_visual_indexes"] if n < layers][:layers] or [0]
        text["num_hidden_layers"] = layers
        vision |= {"depth": layers, "deepstack_visual_indexes": deep}
    return {"text": text, "vision": vision}


def copy_documents(source: Path, target: Path, pages: int, seed: int) -> None:
    """Copies PDFs drawn at random until they have so many pages."""
    target.mkdir()
    files = sorted(source.rglob("*.pdf"))
    random.Random(seed).shuffle(files)
    left = pages
    for number, file in enumerate(files):
        if left > 0 and 0 < (count := _pages(file)) <= min(LONGEST, left + LONGEST // 4):
            shutil.copyfile(file, target / f"{number}.pdf")
            left -= count


def _pages(file: Path) -> int:
    try:
        with open_document(file) as document:
            return document.pages
    except DocsearchError:
        return 0


def teach_words(folder: Path, texts: Sequence[str]) -> None:
    """Gives the model in a folder tokens made from these texts: a page has as many as for a real one."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    before = tokenizer.convert_tokens_to_ids(tokenizer.all_special_tokens)
    trained = tokenizer.train_new_from_iterator([texts], VOCABULARY, show_progress=False)
    assert trained.convert_tokens_to_ids(tokenizer.all_special_tokens) == before
    trained.save_pretrained(folder)


class Trial:
    """Documents whose texts are indexed, and their pages for a model to embed."""

    def __init__(self, library: Library, documents: Path) -> None:
        self.library = library
        for _ in library.index([documents], tiers=[Tier.TEXT]):
            pass
        self.pages = sorted(drawn_pages(library, 0))

    def texts(self) -> list[str]:
        """The text of each page."""
        stored = self.library.store.pages.texts(self.pages)
        return [stored[page][0] for page in self.pages]

    def inputs(self, pixels: int) -> list[ModelInput]:
        """What the model is shown of each page."""
        pictures = (rendered(self.library, page, pixels) for page in self.pages)
        return [ModelInput(text, image) for text, image in zip(self.texts(), pictures, strict=True)]

    def index(self, embedder: SentenceTransformersEmbedder) -> float:
        """Seconds that a run of the indexer takes which has nothing but vectors to make."""
        store = self.library.store
        store.documents.forget_vectors(embedder.fingerprint)
        run = Indexer(store, self.library.settings, lambda: embedder).run([], tiers=[Tier.VECTORS])
        seconds = seconds_of(lambda: list(run))
        made = store.documents.pages_with_vectors()[embedder.fingerprint]
        assert made == len(self.pages), f"{made} of {len(self.pages)} pages have vectors"
        return seconds


@dataclass(slots=True)
class Steps:
    """What a model was given, step by step, and how long each is made to last.

    Attributes:
        seconds: of a visual token, at least.
        pages, tokens: pictures and their tokens, a step each.
    """

    seconds: float = 0.0
    pages: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def watch(self, embedder: SentenceTransformersEmbedder) -> None:
        """Counts the steps of this model, and makes them last."""
        inner = embedder.model.transformers_model
        forward = inner.forward

        def counted(**features: Any) -> Any:
            started = time.perf_counter()
            grid = features["image_grid_thw"]
            self.pages.append(len(grid))
            self.tokens.append(int(grid.prod(dim=1).sum()) // 4)
            output = forward(**features)
            time.sleep(max(0.0, started + self.seconds * self.tokens[-1] - time.perf_counter()))
            return output

        inner.forward = counted

    def forget(self) -> None:
        """Begins to count anew."""
        self.pages.clear()
        self.tokens.clear()


def measured(
    trial: Trial, row: ModelRow, device: Device, rounds: int, token_seconds: float
) -> dict[str, Figure]:
    """The model by itself and under `docsearch index`, in turn; medians of the rounds."""
    embedder = SentenceTransformersEmbedder(row, device)
    steps = Steps(token_seconds)
    steps.watch(embedder)
    inputs = trial.inputs(row.image_pixels)
    trial.index(embedder)  # nothing is fast the first time
    pages = len(inputs)
    batch = max(1, round(mean(steps.pages)))
    visual = sum(steps.tokens) / sum(steps.pages)
    note(f"{pages} pages of {visual:.0f} visual tokens, {batch} a batch, on {device.describe()}")
    _reset_peak(device)
    bare, whole = [], []
    for number in range(1, rounds + 1):
        bare.append(seconds_of(lambda: encode(embedder, inputs, batch)))
        whole.append(trial.index(embedder))
        note(f"round {number}: {pages / bare[-1]:.2f} pages/s bare, {pages / whole[-1]:.2f} indexed")
    return {
        "pages": pages,
        "pages_per_second": pages / median(whole),
        "bare_model_pages_per_second": pages / median(bare),
        "ratio": median(alone / indexed for alone, indexed in zip(bare, whole, strict=True)),
        "batch_pages": batch,
        "visual_tokens_per_page": visual,
        "device": device.describe(),
        **(work_figures(embedder, inputs, device, pages / median(whole)) if not token_seconds else {}),
    }


def encode(embedder: SentenceTransformersEmbedder, inputs: Sequence[ModelInput], batch: int) -> None:
    """The library's own `encode_document`, as somebody would call it who has all pictures at hand."""
    values = [{"text": given.text, "image": given.image} for given in inputs]
    embedder.model.encode_document(
        values, batch_size=batch, normalize_embeddings=True, show_progress_bar=False
    )


def work_figures(
    embedder: SentenceTransformersEmbedder, inputs: Sequence[ModelInput], device: Device, speed: float
) -> dict[str, Figure]:
    """What the model computes for a page, and the share of what the device can do; memory of a GPU."""
    work = page_flops(embedder, inputs[: min(8, len(inputs))])
    peak = peak_flops(device)
    return {
        "tflop_per_page": work / 1e12,
        "peak_tflops": peak / 1e12,
        "flops_share": work * speed / peak,
        "peak_memory_gb": _peak_gigabytes(device),
    }


def page_flops(embedder: SentenceTransformersEmbedder, inputs: Sequence[ModelInput]) -> float:
    """Floating-point operations for a page, as torch counts its matrix products and attention."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        embedder.embed_pages(inputs)
    return float(counter.get_total_flops() / len(inputs))


def peak_flops(device: Device) -> float:
    """Floating-point operations a second of large matrix products: the best of a few."""
    import torch

    size = 1024 if device.name == "cpu" else 8192
    a, b = (torch.randn(size, size, device=device.name, dtype=getattr(torch, device.dtype)) for _ in "ab")
    times = 2 if device.name == "cpu" else 20

    def multiply() -> None:
        for _ in range(times):
            a @ b
        _wait(device)

    multiply()
    return max(times * 2 * size**3 / seconds_of(multiply) for _ in range(5))


def variants(trial: Trial, row: ModelRow, device: Device) -> list[list[object]]:
    """A row a way to run the model: what each choice brings, the others as they are."""
    found: list[list[object]] = [["by itself", "pages/s", "visual tokens", "tokens a step", "peak GB"]]
    for name, other, place in ways(row, device):
        note(name)
        try:
            found.append([name, *timed_way(trial, other, place)])
        except DocsearchError as error:
            found.append([name, str(error), "-", "-", "-"])
    return found


def ways(row: ModelRow, device: Device) -> Iterator[tuple[str, ModelRow, Device]]:
    """The model as it is chosen, and with one thing changed at a time."""
    yield "as chosen", row, device
    for dtype in {"bfloat16", "float32"} - {device.dtype}:
        yield dtype, row, dataclasses.replace(device, dtype=dtype)
    yield "eager attention", dataclasses.replace(row, attention="eager"), device
    if device.name.startswith("cuda") and find_spec("flash_attn"):
        yield "flash attention 2", dataclasses.replace(row, attention="flash_attention_2"), device
    yield "a page a batch", dataclasses.replace(row, batch_size=1), device
    yield "4096 tokens a batch", dataclasses.replace(row, batch_tokens=4096), device
    for side in (row.image_pixels * 7 // 10, row.image_pixels // 2):
        yield f"{side} pixels", dataclasses.replace(row, image_pixels=side), device


def timed_way(trial: Trial, row: ModelRow, device: Device) -> list[float]:
    """Pages a second, visual tokens a page, tokens a step, gigabytes at most; 0 where that is not known."""
    embedder = SentenceTransformersEmbedder(row, device)
    steps = Steps()
    steps.watch(embedder)
    inputs = trial.inputs(row.image_pixels)
    embedder.embed_pages(inputs[:2])
    steps.forget()
    _reset_peak(device)
    seconds = seconds_of(lambda: embedder.embed_pages(inputs))
    return [
        len(inputs) / seconds,
        sum(steps.tokens) / len(inputs),
        mean(steps.tokens),
        _peak_gigabytes(device) or 0.0,
    ]


def _wait(device: Device) -> None:
    """Until the device has done what it was asked to."""
    import torch

    kind = device.name.partition(":")[0]
    if kind != "cpu":
        getattr(torch, kind).synchronize()


def _reset_peak(device: Device) -> None:
    import torch

    if device.name.startswith("cuda"):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _peak_gigabytes(device: Device) -> float | None:
    """The most that torch had of a GPU's memory at once since `_reset_peak`; None where it does not say."""
    import torch

    return torch.cuda.max_memory_allocated() / 1e9 if device.name.startswith("cuda") else None


if __name__ == "__main__":
    main()
