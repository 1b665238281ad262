"""Vector search at sizes nobody has at hand: recall, time and index builds by kind of index; cut vectors.

The vectors are drawn (see `benchmarks.clustered`), and go through the table the program keeps them in.
`docsearch` is what it does by itself; the other kinds are what it might do. Recall is against comparing
with all vectors in NumPy. `--matryoshka` measures vectors cut to fewer dimensions instead.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.clustered import Clustered, clustered, exact
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from docsearch.store.tables import EVERYTHING, Selection, row_id
from docsearch.store.vectors import VectorTable

KINDS = ("docsearch", "flat", "rq4:4096", "rq2:16384", "sq:4096", "ivf:4096")
PROBES = (10, 20, 40)
LIMITS = (10, 200)
SHARES = (0.001, 0.01, 0.1)
ROUNDS = 3
MOST_FLAT_QUERIES = 20
HEADING = (
    "rows",
    "kind",
    "build s",
    "cpu s",
    "MB",
    "asked",
    "limit",
    "recall10",
    "p50 ms",
    "p95 ms",
    "cpu ms",
)


class Tried(VectorTable):
    """The program's table with another index and other reach."""

    resident_bytes = 0
    kind = "rq4"
    partition_rows = 4096
    probes = 20
    rescored = 100

    def _config(self, rows: int) -> Any:
        from lancedb import index

        settings: dict[str, Any] = {
            "distance_type": "dot",
            "num_partitions": max(1, rows // self.partition_rows),
        }
        if self.kind.startswith("rq"):
            return index.IvfRq(**settings, num_bits=int(self.kind[2:]), max_iterations=10, sample_rate=64)
        kinds = {"sq": index.IvfSq, "ivf": index.IvfFlat, "hnsw": index.HnswSq, "pq": index.IvfPq}
        return kinds[self.kind](**settings)

    def _reach(self, limit: int, selection: Selection) -> tuple[int, int]:  # noqa: ARG002
        return self.probes, 1 + -(-self.rescored // limit)

    def _index_vectors(self, table: Any, rows: int, indexes: Sequence[Any]) -> None:
        if self.kind != "flat":
            super()._index_vectors(table, rows, indexes)


@dataclass(frozen=True, slots=True)
class Asked:
    """Median of rounds: recall of the ten best, milliseconds a query and of processor time a query."""

    recall10: float
    p50_ms: float
    p95_ms: float
    cpu_ms: float

    def cells(self) -> tuple[float, ...]:
        """As they stand in the table."""
        return self.recall10, self.p50_ms, self.p95_ms, self.cpu_ms


@dataclass(frozen=True, slots=True)
class Built:
    """What an index took to build, and its size."""

    seconds: float
    cpu_seconds: float
    megabytes: float

    def cells(self) -> tuple[float, ...]:
        """As they stand in the table."""
        return self.seconds, self.cpu_seconds, self.megabytes


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_args(parser(), argv, needs_docs=False)
    if options.matryoshka:
        from benchmarks.matryoshka import report

        report(options)
        return
    figures: dict[str, Figure] = {}
    rows: list[Sequence[object]] = [HEADING]
    for count in options.rows:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            bench = Bench(Path(folder), count, options)
            for kind in options.kinds:
                figures |= bench.measure(kind, rows)
    emit(figures, rows, as_json=options.json)


def parser() -> argparse.ArgumentParser:
    made = common_parser(__doc__)
    made.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    made.add_argument("--dimensions", type=int, default=512)
    made.add_argument("--queries", type=int, default=200)
    made.add_argument("--kinds", nargs="+", default=KINDS, help="KIND or KIND:ROWS_A_PARTITION")
    made.add_argument("--probes", type=int, nargs="+", default=PROBES)
    made.add_argument("--rescored", type=int, nargs="+", default=[100], help="rows read besides the answers")
    made.add_argument("--folder", type=Path, help="where the temporary folder goes")
    made.add_argument("--matryoshka", action="store_true", help="measure cut vectors")
    made.add_argument("--home", type=Path, help="with --matryoshka: the home of a complete index of --docs")
    return made


class Bench:
    """One collection in the program's table, and what is measured with it."""

    def __init__(self, folder: Path, rows: int, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = folder
        note(f"{rows:,} vectors are drawn")
        self.drawn = clustered(folder / "vectors.npy", rows, options.dimensions, options.queries)
        self.ids = ids_of(self.drawn)
        self.answers = exact(self.drawn, 10)
        self.stored = store(folder, self.drawn)

    def measure(self, kind: str, rows: list[Sequence[object]]) -> dict[str, Figure]:
        """Builds the index and asks all queries; adds lines to the table."""
        table = self._table(kind)
        note(f"{kind}: building")
        built = build(table)
        head = (len(self.ids), kind, *built.cells())
        figures: dict[str, Figure] = {}
        for name, limit, selection, answers in self._asked(table, kind):
            queries = self.drawn.queries[: MOST_FLAT_QUERIES if kind == "flat" else None]
            asked = ask(table, queries, answers, self.ids, limit, selection)
            note(f"{kind} {name} limit {limit}: {asked}")
            rows.append((*head, name, limit, *asked.cells()))
            if kind == "docsearch" and name == "all" and limit == LIMITS[0]:
                figures = self._figures(built, asked)
        return figures

    def _table(self, kind: str) -> VectorTable:
        if kind == "docsearch":
            return VectorTable(self.folder, "x", self.options.dimensions)
        table = Tried(self.folder, "x", self.options.dimensions)
        table.kind, _, size = kind.partition(":")
        table.partition_rows = int(size or table.partition_rows)
        return table

    def _asked(
        self, table: VectorTable, kind: str
    ) -> Iterator[tuple[str, int, Selection, NDArray[np.int64]]]:
        """What is asked of a table: everything with every reach, and for the program's also selections."""
        if isinstance(table, Tried):
            reaches = (
                [(1, 0)] if kind == "flat" else list(product(self.options.probes, self.options.rescored))
            )
            for limit, (table.probes, table.rescored) in product(LIMITS, reaches):
                name = "all" if kind == "flat" else f"{table.probes} probes, {table.rescored} read"
                yield name, limit, EVERYTHING, self.answers
            return
        for limit in LIMITS:
            yield "all", limit, EVERYTHING, self.answers
        for share in SHARES:
            chosen = some_documents(self.drawn, share)
            mask = np.isin(self.drawn.documents, np.array(sorted(chosen)))
            yield f"{share:.1%} of documents", LIMITS[1], Selection(chosen), exact(self.drawn, 10, mask)

    def _figures(self, built: Built, asked: Asked) -> dict[str, Figure]:
        rows = len(self.ids)
        return {
            f"rows_{rows}": rows,
            f"recall10_{rows}": asked.recall10,
            f"p95_ms_{rows}": asked.p95_ms,
            f"build_seconds_{rows}": built.seconds,
            f"build_cpu_seconds_{rows}": built.cpu_seconds,
        }


def ids_of(drawn: Clustered) -> NDArray[np.int64]:
    """The number of every row in the table."""
    return np.array([row_id(page) for page in drawn.pages(slice(0, len(drawn.documents)))])


def store(folder: Path, drawn: Clustered) -> VectorTable:
    """A table that holds the collection, without an index of vectors, its fragments joined."""
    table = Tried(folder, "x", drawn.vectors.shape[1])
    for block in drawn.blocks():
        table.append(table.as_rows(drawn.pages(block), drawn.vectors[block].astype(np.float32)))
    table.table().optimize()
    return table


def build(table: VectorTable) -> Built:
    """Drops what indexes there are and makes them as the table does."""
    before = _bytes(table.path)
    started, cpu = time.perf_counter(), time.process_time()
    table.reindex()
    took = time.perf_counter() - started, time.process_time() - cpu
    return Built(*took, (_bytes(table.path) - before) / 1e6)


def ask(
    table: VectorTable,
    queries: NDArray[np.float32],
    answers: NDArray[np.int64],
    ids: NDArray[np.int64],
    limit: int,
    selection: Selection = EVERYTHING,
) -> Asked:
    """All queries one after the other, a few times; the round with the median 95th percentile."""
    for query in queries[:10]:
        table.nearest(query, limit, selection)
    rounds = [_round(table, queries, answers, ids, limit, selection) for _ in range(ROUNDS)]
    return sorted(rounds, key=lambda asked: asked.p95_ms)[ROUNDS // 2]


def _round(
    table: VectorTable,
    queries: NDArray[np.float32],
    answers: NDArray[np.int64],
    ids: NDArray[np.int64],
    limit: int,
    selection: Selection,
) -> Asked:
    milliseconds: list[float] = []
    recalls = []
    cpu = time.process_time()
    for query, rows in zip(queries, answers, strict=False):
        with _clock(milliseconds):
            found = table.nearest(query, limit, selection)
        wanted = {int(number) for number in ids[rows[rows >= 0]]}
        recalls.append(len(wanted & {row_id(page) for page, _ in found[:10]}) / max(len(wanted), 1))
    cpu = (time.process_time() - cpu) / len(queries) * 1000
    p50, p95 = np.percentile(milliseconds, [50, 95])
    return Asked(float(np.mean(recalls)), float(p50), float(p95), cpu)


def some_documents(drawn: Clustered, share: float) -> frozenset[int]:
    """Documents drawn at random."""
    documents = np.unique(drawn.documents)
    count = max(1, round(share * len(documents)))
    return frozenset(np.random.default_rng(0).choice(documents, count, replace=False).tolist())


@contextmanager
def _clock(milliseconds: list[float]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    milliseconds.append((time.perf_counter() - started) * 1000)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
