"""How fast the models that ship with the package are, and how large: one process, no GPU.

Page texts and pictures are those of the index; pictures are rendered before the clock runs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.picture import drawn_pages, rendered
from benchmarks.program import REPOSITORY, add_home, complete_index, home_folder
from benchmarks.report import Figure, common_parser, emit, note, parse_args, seconds_of
from benchmarks.samples import Samples, read_samples
from docsearch.library import Library
from docsearch.models.protocols import ModelInput
from docsearch.models.starter.embedder import StarterEmbedder
from docsearch.records import Query
from docsearch.search.engine import Engine

TEXTS = 4000
PICTURES = 200
BATCH = 64
ROUNDS = 3


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    add_home(parser)
    parser.add_argument("--no-wheel", action="store_true", help="do not build the package for its size")
    options = parse_args(parser, argv)
    samples = read_samples(options.docs)
    with home_folder(options.home) as home:
        complete_index(home, samples.documents)
        with Library(home) as library:
            speeds = figures(library, samples)
    size = None if options.no_wheel else wheel_megabytes()
    emit({**speeds, "wheel_mb": size}, as_json=options.json)


def figures(library: Library, samples: Samples) -> dict[str, Figure]:
    """Speeds are the best of three rounds, times the median over the judged queries."""
    embedder = StarterEmbedder()
    queries = [judged.query for judged in samples.judged.queries]
    texts = [ModelInput(text=text) for text in page_texts(library)]
    drawn = drawn_pages(library, 0)[:PICTURES]
    pictures = [ModelInput(image=rendered(library, page, embedder.image_pixels)) for page in drawn]
    note(f"{len(texts)} texts, {len(pictures)} pictures, {len(queries)} queries")
    reranked = [milliseconds for query in queries if (milliseconds := rerank_time(library.engine, query))]
    return {
        "texts_per_second": speed(embedder.embed_pages, texts),
        "images_per_second": speed(embedder.embed_pages, pictures),
        "query_ms": median(query_time(embedder, query) for query in queries),
        "rerank50_ms": median(reranked) if reranked else None,
        "rerank50_p95_ms": float(np.percentile(reranked, 95)) if reranked else None,
        "reranked_queries": len(reranked),
    }


def page_texts(library: Library) -> list[str]:
    """Texts of pages drawn at random."""
    stored = library.store.pages.texts(drawn_pages(library, 0)[:TEXTS])
    return [text for text, _ in stored.values()]


def speed(embed: Callable[[Sequence[ModelInput]], object], inputs: Sequence[ModelInput]) -> float:
    """Inputs a second, the best of a few rounds."""
    batches = [inputs[i : i + BATCH] for i in range(0, len(inputs), BATCH)]
    return max(len(inputs) / seconds_of(lambda: [embed(batch) for batch in batches]) for _ in range(ROUNDS))


def query_time(embedder: StarterEmbedder, query: str) -> float:
    """Milliseconds to embed one query."""
    return 1000 * seconds_of(lambda: embedder.embed_queries([ModelInput(text=query)]))


def rerank_time(engine: Engine, query: str) -> float | None:
    """Milliseconds to rerank 50 candidates; None for a query that finds fewer."""
    ranking = engine.first_stage(Query(raw=query, text=query))
    if len(ranking.candidates) < engine.settings.rerank:
        return None
    return 1000 * seconds_of(lambda: engine.second_stage(ranking))


def wheel_megabytes() -> float:
    """The size of the package as it is installed from a registry, in millions of bytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "-w",
            folder,
            str(REPOSITORY),
        ]
        subprocess.run(command, check=True)
        [wheel] = Path(folder).glob("*.whl")
        return wheel.stat().st_size / 1e6


if __name__ == "__main__":
    main()
