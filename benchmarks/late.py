"""Token vectors for late interaction: stored, or made again when they are needed? Bytes, and seconds a query.

The vectors are random and pooled by the code that pools real ones; pages have as many tokens as an A4 page
gets from ColModernVBERT and ColQwen2. What making them costs is measured with a ColModernVBERT of full size
and random weights, which takes as long as the real one.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.clustered import unit
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from docsearch.models.vision import mend_torchvision
from docsearch.search.late import maxsim
from docsearch.store.documents import StoredDocument
from docsearch.store.token_vectors import TokenVectors

T = TypeVar("T")
Clock = Callable[[], float]

DIMENSIONS = 128
HEAD = 50
QUERY_TOKENS = 24
"""Ten words and the tokens that ColModernVBERT adds."""
TILES, TILE_TOKENS, TILE_PIXELS = 13, 64, 512
"""Of an A4 page with 2048 pixels on its longest side: 4 x 3 tiles, and the whole page once more, small."""
MARKS = 3 * TILES + 12
"""Tokens between the tiles and around them."""
TOKENS = {"colmodernvbert": TILES * TILE_TOKENS + MARKS, "colqwen2": 748 + 11}
"""Of an A4 page; ColQwen2 sees at most 768 squares of 28 x 28 pixels: 34 x 22 of them."""
FACTORS = (1, 2, 3, 4)
HEADING = ("pooling", "tokens", "kB a page", "files ms", "processor", "cold", "LanceDB", "one file")
ROUNDS = 20
PAGES_A_DOCUMENT = 20

Pages = Sequence[NDArray[np.float32]]


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--pages", type=int, default=1000, help="pages in the index (default: 1000)")
    parser.add_argument("--no-model", action="store_true", help="leave out the model of full size")
    options = parse_args(parser, argv, needs_docs=False)
    mend_torchvision()
    rows, figures = storing(options)
    emit({**figures, **({} if options.no_model else making())}, rows, as_json=options.json)


def storing(options: argparse.Namespace) -> tuple[list[tuple[object, ...]], dict[str, Figure]]:
    """Bytes a page, and milliseconds to read and compare the head of a query, by pooling and by storage."""
    random = np.random.default_rng(0)
    query = unit(random.normal(size=(QUERY_TOKENS, DIMENSIONS)))
    drawn = [unit(random.normal(size=(TOKENS["colmodernvbert"], DIMENSIONS))) for _ in range(8)]
    rows: list[tuple[object, ...]] = [HEADING]
    figures: dict[str, Figure] = {}
    for factor in FACTORS:
        seconds, few = timed(lambda factor=factor: [pooled(page, factor) for page in drawn])  # type: ignore[misc]
        pages = [few[i % len(few)] for i in range(options.pages)]
        size = few[0].astype(np.float16).nbytes / 1000
        with tempfile.TemporaryDirectory() as folder:
            note(f"pooling {factor}: {options.pages} pages of {size:.0f} kB")
            ways = [way(Path(folder) / way.__name__, pages) for way in (in_files, in_lancedb, in_one_file)]
            files, lance, one = (read_and_compared(way, query, options.pages) for way in ways)
            cold = read_and_compared(ways[0], query, options.pages, before=lambda: forget(Path(folder)))
            processor = read_and_compared(ways[0], query, options.pages, clock=time.process_time)
            written = rewritten(Path(folder) / in_lancedb.__name__, pages[0])
        rows.append((factor, len(few[0]), size, files, processor, cold, lance, one))
        figures |= {
            f"kb_a_page_{factor}": size,
            f"colqwen2_kb_a_page_{factor}": pooled_tokens(TOKENS["colqwen2"], factor) * DIMENSIONS * 2 / 1000,
            f"files_ms_{factor}": files,
            f"files_processor_ms_{factor}": processor,
            f"files_cold_ms_{factor}": cold,
            f"lancedb_ms_{factor}": lance,
            f"one_file_ms_{factor}": one,
            f"lancedb_rewritten_mb_{factor}": written,
            f"pooling_ms_{factor}": 1000 * seconds / len(drawn),
        }
    return rows, figures


def making() -> dict[str, Figure]:
    """Seconds to make the token vectors of a page and of a query with a model of full size."""
    import torch
    from transformers import ColModernVBertConfig, ColModernVBertForRetrieval

    vision = {"model_type": "siglip_vision_model", "image_size": TILE_PIXELS, "patch_size": 16}
    config = ColModernVBertConfig(vlm_config={"model_type": "modernvbert", "vision_config": vision})
    config.vlm_config.image_token_id = 7
    torch.manual_seed(0)
    model = ColModernVBertForRetrieval(config).eval()
    count = sum(weights.numel() for weights in model.parameters())
    note(f"ColModernVBERT, {count / 1e6:.0f} million weights, {torch.get_num_threads()} threads")
    shown = torch.cat((torch.full((1, TILES * TILE_TOKENS), 7), torch.randint(8, 50_000, (1, MARKS))), dim=1)
    page = {"input_ids": shown, "pixel_values": torch.randn(1, TILES, 3, TILE_PIXELS, TILE_PIXELS)}
    asked = {"input_ids": torch.randint(8, 50_000, (1, QUERY_TOKENS))}
    with torch.inference_mode():
        flops, (seconds, made) = counted(lambda: timed(lambda: run(model, page)))
        assert made.shape == (1, TOKENS["colmodernvbert"], DIMENSIONS)
        run(model, asked)
        query_seconds = median(timed(lambda: run(model, asked))[0] for _ in range(ROUNDS))
    return {
        "parameters": count,
        "threads": torch.get_num_threads(),
        "page_tflop": flops / 1e12,
        "page_seconds": seconds,
        "gflops": flops / seconds / 1e9,
        "head_again_seconds": HEAD * seconds,
        "query_ms": 1000 * query_seconds,
    }


def run(model: Any, inputs: dict[str, Any]) -> Any:
    return model(attention_mask=inputs["input_ids"] > 0, **inputs).embeddings


def counted(work: Callable[[], T]) -> tuple[int, T]:
    """Floating point operations, a multiplication and an addition being two, and what came of it."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        found = work()
    return int(counter.get_total_flops()), found


# -- ways of storing -------------------------------------------------------------------------------

Read = Callable[[Sequence[int]], list[NDArray[np.floating]]]


def in_files(folder: Path, pages: Pages) -> Read:
    """As docsearch keeps them."""
    folder.mkdir()
    count = -(-len(pages) // PAGES_A_DOCUMENT)
    documents = [StoredDocument(n, f"{n}", "pdf", "", PAGES_A_DOCUMENT) for n in range(count)]
    store = TokenVectors(folder / "print", DIMENSIONS)
    store.begin("benchmark")
    for span in store.missing(documents):
        first = span.document.id * PAGES_A_DOCUMENT - 1
        store.write(span, [pages[(first + page) % len(pages)] for page in span.pages])

    def read(numbers: Sequence[int]) -> list[NDArray[np.floating]]:
        found: list[NDArray[np.floating]] = []
        for number in numbers:
            document, page = divmod(number, PAGES_A_DOCUMENT)
            found += store.read(str(document), [page + 1]).values()
        return found

    return read


def in_lancedb(folder: Path, pages: Pages) -> Read:
    """A table with a row a page, its key indexed."""
    import lancedb
    import pyarrow as pa
    from lancedb.index import BTree

    def batches() -> Iterator[Any]:
        for start in range(0, len(pages), 100):
            some = [page.astype(np.float16).tobytes() for page in pages[start : start + 100]]
            ids = pa.array(range(start, start + len(some)), pa.int64())
            yield pa.RecordBatch.from_arrays([ids, pa.array(some, pa.large_binary())], names=["id", "tokens"])

    schema = pa.schema([("id", pa.int64()), ("tokens", pa.large_binary())])
    table = lancedb.connect(folder).create_table("tokens", batches(), schema=schema)
    table.create_index("id", config=BTree())

    def read(numbers: Sequence[int]) -> list[NDArray[np.floating]]:
        chosen = f"id IN ({', '.join(map(str, numbers))})"
        rows = table.search().where(chosen).select(["tokens"]).limit(len(numbers)).to_arrow()
        cells = (cell.as_buffer() for cell in rows["tokens"])
        return [np.frombuffer(cell, np.float16).reshape(-1, DIMENSIONS) for cell in cells]

    return read


def in_one_file(folder: Path, pages: Pages) -> Read:
    """All pages one after another in a file that is mapped into memory."""
    length = len(pages[0])
    every = np.memmap(folder, np.float16, "w+", shape=(len(pages), length, DIMENSIONS))
    for place, page in enumerate(pages):
        every[place] = page
    every.flush()
    mapped = np.memmap(folder, np.float16, "r", shape=every.shape)
    return lambda numbers: [mapped[number] for number in numbers]


def read_and_compared(
    read: Read,
    query: NDArray[np.float32],
    pages: int,
    before: Callable[[], object] = lambda: None,
    clock: Clock = time.perf_counter,
) -> float:
    """Milliseconds to read the pages of a head, drawn at random, and to compare them with the query."""
    random, taken = np.random.default_rng(1), []
    for _ in range(ROUNDS):
        numbers = sorted(random.choice(pages, HEAD, replace=False).tolist())
        before()
        taken.append(timed(partial(compared, read, query, numbers), clock)[0])
    return 1000 * median(taken[1:])


def compared(read: Read, query: NDArray[np.float32], numbers: Sequence[int]) -> NDArray[np.float32]:
    return maxsim(query, read(numbers))


def rewritten(folder: Path, page: NDArray[np.float32]) -> float:
    """Megabytes that the table writes to take in ten more pages, one a day, compacted every time."""
    import lancedb

    table, written = lancedb.connect(folder).open_table("tokens"), 0
    for day in range(1, 11):
        before = sizes(folder)
        table.add([{"id": -day, "tokens": page.astype(np.float16).tobytes()}])
        table.optimize()
        written += sum(size for path, size in sizes(folder).items() if path not in before)
    return written / 1e6


def sizes(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def forget(folder: Path) -> None:
    """Has the system drop what it holds of the files, so that they are read from the disk."""
    for path in folder.rglob("*.tokens"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# -- inside ----------------------------------------------------------------------------------------


def pooled(page: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    import torch
    from sentence_transformers.multi_vector_encoder.modules import HierarchicalTokenPooling

    pooling = HierarchicalTokenPooling(float(factor))
    found: NDArray[np.float32] = pooling.pool_one(torch.from_numpy(page)).numpy()
    return found


def pooled_tokens(tokens: int, factor: int) -> int:
    """The first token is left alone."""
    return 1 + (tokens - 1) // factor


def timed(work: Callable[[], T], clock: Clock = time.perf_counter) -> tuple[float, T]:
    started = clock()
    found = work()
    return clock() - started, found


if __name__ == "__main__":
    main()
