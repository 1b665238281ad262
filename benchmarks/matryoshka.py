"""What cutting vectors to their leading dimensions costs and saves: `benchmarks.vectors --matryoshka`.

Two collections. Drawn ones: no model of 2,048 dimensions is at hand, so pages and queries are drawn whose
leading coordinates carry as much more as makes quality fall about as published for Qwen3-VL-Embedding-2B
finetuned with a Matryoshka loss (relative nDCG@10: 512 dimensions 0.998, 256 0.989, 128 0.957). What it
shows is size, and what the index adds to the loss. Real ones: the starter model's vectors of an index of
--docs and its judged queries, where nothing is assumed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.clustered import Clustered, clustered, exact, unit
from benchmarks.report import Figure, Scalar, emit, note
from benchmarks.samples import read_samples
from docsearch.evaluate.benchmark import evaluate
from docsearch.evaluate.judged import JudgedQuery, page_id
from docsearch.evaluate.run import Ranking
from docsearch.models.protocols import ModelInput
from docsearch.models.starter.embedder import StarterEmbedder
from docsearch.records import PageId
from docsearch.store.index import Index
from docsearch.store.tables import row_id
from docsearch.store.vectors import VectorTable

DRAWN = (2048, 1024, 512, 256, 128)
STARTER = (256, 128, 64)
DECAY, CLOSENESS = 0.3, (0.34, 0.98)
HEADING = (
    "vectors",
    "rows",
    "dimensions",
    "MB on disk",
    "recall10 of full",
    "recall10 of own",
    "nDCG@10",
    "of full",
)

Vectors = NDArray[np.float32]


def report(options: argparse.Namespace) -> None:
    """Measures both, the real ones when a home is named, and prints one table."""
    rows: list[Sequence[object]] = [HEADING]
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        lines = list(drawn_lines(Path(folder), options.rows[0], options.queries))
        if options.home:
            lines += starter_lines(Path(folder), options)
    for name, count, dimensions, *values in lines:
        rows.append((name, count, dimensions, *values))
        keys = ("megabytes", "recall10", "own_recall10", "ndcg10", "relative")
        figures |= {f"{name}_{dimensions}_{key}": v for key, v in zip(keys, values, strict=True)}
    emit(figures, rows, as_json=options.json)


def drawn_lines(folder: Path, rows: int, queries: int) -> list[tuple[Scalar, ...]]:
    """One line a number of dimensions; nDCG@10 is of the one page each query was made for."""
    full = clustered(
        folder / "full.npy", rows, DRAWN[0], queries, decay=DECAY, closeness=CLOSENESS, turned=False
    )
    best = exact(full, 10)
    lines: list[tuple[Scalar, ...]] = []
    first = 0.0
    for dimensions in DRAWN:
        note(f"drawn, {dimensions} dimensions")
        vectors = np.lib.format.open_memmap(folder / "cut.npy", "w+", np.float16, (rows, dimensions))
        for block in full.blocks():
            vectors[block] = cut(full.vectors[block].astype(np.float32), dimensions)
        shorter = Clustered(vectors, full.documents, cut(full.queries, dimensions), full.wanted)
        own = exact(shorter, 10)
        gain = ndcg(own, shorter.wanted)
        first = first or gain
        megabytes, found = stored(folder, shorter)
        lines.append(
            (
                "drawn",
                rows,
                dimensions,
                megabytes,
                recall(found, best),
                recall(found, own),
                gain,
                gain / first,
            )
        )
    return lines


def stored(folder: Path, drawn: Clustered) -> tuple[float, NDArray[np.int64]]:
    """Megabytes of the program's table with its index, and the ten rows it finds for each query."""
    table = VectorTable(folder, f"cut{drawn.vectors.shape[1]}", drawn.vectors.shape[1])
    for block in drawn.blocks():
        table.append(table.as_rows(drawn.pages(block), drawn.vectors[block].astype(np.float32)))
    table.compact()
    pages = drawn.pages(slice(0, len(drawn.documents)))
    rows = {row_id(page): row for row, page in enumerate(pages)}
    found = [[rows[row_id(page)] for page, _ in table.nearest(query, 10)] for query in drawn.queries]
    return size(table), np.array(found)


def starter_lines(folder: Path, options: argparse.Namespace) -> list[tuple[Scalar, ...]]:
    """One line a number of dimensions; nDCG@10 is of the judged queries, by vectors alone."""
    samples = read_samples(options.docs)
    embedder = StarterEmbedder()
    index = Index(options.home / "index")
    names, vectors = starter_vectors(index, embedder, samples.documents.resolve())
    index.close()
    queries = embedder.embed_queries([ModelInput(text=judged.query) for judged in samples.judged.queries])
    asked = {judged.id: query for judged, query in zip(samples.judged.queries, queries, strict=True)}
    best = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    searches = {str(n): _search(names, cut(vectors, n), asked) for n in STARTER}
    measured = evaluate(searches, samples.judged)
    gains = [stage.overall.metrics["ndcg@10"].mean for stage in measured.stages]
    lines: list[tuple[Scalar, ...]] = []
    for dimensions, gain in zip(STARTER, gains, strict=True):
        table = VectorTable(folder, f"starter{dimensions}", dimensions)
        pages = [PageId(row + 1, 1) for row in range(len(vectors))]
        table.append(table.as_rows(pages, cut(vectors, dimensions)))
        table.compact()
        shorter = cut(queries, dimensions)
        found = np.array([[page.doc - 1 for page, _ in table.nearest(query, 10)] for query in shorter])
        own = np.argsort(-(shorter @ cut(vectors, dimensions).T), axis=1)[:, :10]
        kept = recall(found, best), recall(found, own)
        lines.append(("starter", len(vectors), dimensions, size(table), *kept, gain, gain / gains[0]))
    return lines


def starter_vectors(index: Index, embedder: StarterEmbedder, documents: Path) -> tuple[list[str], Vectors]:
    """The id that judgements use and the vector of every page that has one."""
    found = index.documents.get(index.documents.live())
    files = index.files.of_documents(found)
    pages = [PageId(number, page) for number, doc in found.items() for page in range(1, doc.pages + 1)]
    stored = index.vectors(embedder.fingerprint, embedder.dimensions).begin_vectors(pages).result()
    names = {number: files[number][0].path.relative_to(documents).as_posix() for number in found}
    return [page_id(names[page.doc], page.page) for page in stored], np.array(list(stored.values()))


def _search(
    names: Sequence[str], vectors: Vectors, asked: Mapping[str, Vectors]
) -> Callable[[JudgedQuery], Ranking]:
    def search(judged: JudgedQuery) -> Ranking:
        similarities = vectors @ asked[judged.id][: vectors.shape[1]]
        return [(names[row], float(similarities[row])) for row in np.argsort(-similarities)[:100]]

    return search


def cut(vectors: Vectors, dimensions: int) -> Vectors:
    """The leading dimensions, at length 1 again; vectors of length 0 stay so."""
    return unit(vectors[:, :dimensions])


def recall(found: NDArray[np.int64], wanted: NDArray[np.int64]) -> float:
    """The share of the wanted rows that were found, shapes (queries, 10)."""
    return float(np.mean([np.isin(ours, theirs).mean() for ours, theirs in zip(wanted, found, strict=True)]))


def ndcg(answers: NDArray[np.int64], wanted: NDArray[np.int64]) -> float:
    """nDCG@10 where each query has one answer."""
    ranks = np.arange(2, answers.shape[1] + 2)
    return float(((answers == wanted[:, None]) / np.log2(ranks)).sum(1).mean())


def size(table: VectorTable) -> float:
    """Megabytes on disk, index and all."""
    return sum(path.stat().st_size for path in table.path.rglob("*") if path.is_file()) / 1e6
