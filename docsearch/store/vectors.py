"""Page vectors: one table a model fingerprint, so vectors of different models never meet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docsearch.records import PageId
from docsearch.store.resident import Resident, one_thread
from docsearch.store.tables import (
    EVERYTHING,
    Selection,
    Table,
    answered,
    in_list,
    lance_errors,
    page_ids,
    page_of,
    row_id,
)

_KEYS_FROM_ROWS = 200
_SAMPLE = 256
_PREFIX = "vectors_"

_INDEX = "vector_of_"
_PARTITION_ROWS = 16_384
"""Vectors come in half precision, with which finding the partition of a row takes longest in a build;
smaller partitions ask for as many rows at the same recall."""
_PROBED, _PROBED_SHARE = 32, 0.6
"""Partitions that a query looks into: all of those of 500,000 pages. Queries lie far from all pages, and
their neighbours in many partitions; comparing codes is cheap."""
_ALL_PARTITIONS = 1 << 20
_RESCORED = 30
"""Rows beyond those asked for whose vectors are read and compared exactly."""
_SHRUNK, _GROWN = 0.8, 2.0
_MOST_PARTS = 8
_FEW_ROWS = 2_000
_MOST_FRAGMENTS = 64
_READ_ALL_FROM = 0.5


class VectorTable(Table):
    """The vectors of one model, half precision, compared by dot product."""

    resident_bytes = 1 << 25
    """Tables of up to so many bytes in single precision are held in memory once they are asked, and have
    no index: 32,768 pages at 256 dimensions, 4,096 at 2,048."""

    def __init__(self, folder: Path, fingerprint: str, dimensions: int) -> None:
        super().__init__(folder, _PREFIX + fingerprint)
        self.fingerprint = fingerprint
        self.dimensions = dimensions
        self._sample: NDArray[np.float32] | None = None
        self._sampled_rows = 0
        self._counted = (-1, 0)
        self._held: Resident | None = None
        self._reading = asyncio.Lock()

    def _schema(self) -> Any:
        import pyarrow as pa

        return pa.schema(
            [
                pa.field("id", pa.int64(), nullable=False),
                pa.field("doc", pa.int64(), nullable=False),
                pa.field("page", pa.int32(), nullable=False),
                pa.field("vector", pa.list_(pa.float16(), self.dimensions), nullable=False),
            ]
        )

    def as_rows(self, pages: Sequence[PageId], vectors: NDArray[np.float32]) -> Any:
        """Pages and their vectors, shape (len(pages), dimensions), as an Arrow table."""
        import pyarrow as pa

        flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float16).reshape(-1))
        columns = [
            pa.array([row_id(page) for page in pages], pa.int64()),
            pa.array([page.doc for page in pages], pa.int64()),
            pa.array([page.page for page in pages], pa.int32()),
            pa.FixedSizeListArray.from_arrays(flat, self.dimensions),
        ]
        return pa.table(columns, schema=self._schema())

    def nearest(
        self, vector: NDArray[np.float32], limit: int, selection: Selection = EVERYTHING
    ) -> list[tuple[PageId, float]]:
        """The pages with the largest dot product with `vector`, shape (dimensions,), best first."""
        return self.begin_nearest(vector, limit, selection).result()

    def begin_nearest(
        self, vector: NDArray[np.float32], limit: int, selection: Selection = EVERYTHING
    ) -> Future[list[tuple[PageId, float]]]:
        """Like `nearest`, without waiting for the answer."""

        async def run(table: Any) -> list[tuple[PageId, float]]:
            resident = await self._resident(table) or await self._selected(table, selection)
            if resident is not None:
                return resident.nearest(vector, limit, selection)
            search = table.query().nearest_to(vector.astype(np.float16)).column("vector").distance_type("dot")
            condition = selection.sql()
            if condition:
                search = search.where(condition)
            probes, times = self._reach(limit, selection)
            search = search.nprobes(probes).refine_factor(times).select(["doc", "page", "_distance"])
            rows = await search.limit(limit).to_arrow()
            similarities = [1.0 - distance for distance in rows["_distance"].to_pylist()]
            return list(zip(page_ids(rows), similarities, strict=True))

        return self.begin(run, [])

    def begin_similarities(
        self, vector: NDArray[np.float32], pages: Iterable[PageId]
    ) -> Future[dict[PageId, float]]:
        """The dot product of `vector`, shape (dimensions,), with the stored vectors of these pages."""

        async def run(table: Any) -> dict[PageId, float]:
            found, vectors = await self._of(table, ids)
            with one_thread():
                return dict(zip(found, (vectors @ vector).tolist(), strict=True))

        ids = [row_id(page) for page in pages]
        return self.begin(run, {}) if ids else answered({})

    def begin_vectors(self, pages: Iterable[PageId]) -> Future[dict[PageId, NDArray[np.float32]]]:
        """The stored vectors of these pages, shape (dimensions,) each, as far as there are any."""

        async def run(table: Any) -> dict[PageId, NDArray[np.float32]]:
            return dict(zip(*await self._of(table, ids), strict=True))

        ids = [row_id(page) for page in pages]
        return self.begin(run, {}) if ids else answered({})

    def begin_sample(self) -> Future[NDArray[np.float32]]:
        """Vectors of pages drawn at random, shape (at most 256, dimensions).

        The same ones until the table has grown or shrunk to twice or half of what it was.
        """

        async def run(table: Any) -> NDArray[np.float32]:
            rows = await table.count_rows()
            if self._sample is None or not self._sampled_rows / 2 < rows < self._sampled_rows * 2:
                drawn = np.random.default_rng(0).permutation(rows)[:_SAMPLE]
                taken = await table.take_offsets(sorted(drawn.tolist())).select(["vector"]).to_arrow()
                self._sample, self._sampled_rows = self._vectors(taken), rows
            return self._sample

        return self.begin(run, np.zeros((0, self.dimensions), np.float32))

    async def _of(self, table: Any, ids: Sequence[int]) -> tuple[list[PageId], NDArray[np.float32]]:
        """Those of the rows with these numbers that are there, and their vectors."""
        resident = await self._resident(table)
        if resident is not None:
            there, vectors = resident.of(ids)
            return [page_of(row) for row in there.tolist()], vectors
        search = table.query().where(in_list("id", ids)).select(["doc", "page", "vector"])
        rows = await search.limit(len(ids)).to_arrow()
        return page_ids(rows), self._vectors(rows)

    async def _resident(self, table: Any) -> Resident | None:
        """All vectors in memory, as they are now; None when there are too many."""
        async with self._reading:
            return await self._read(table)

    async def _read(self, table: Any) -> Resident | None:
        version = await table.version()
        if self._held is not None and self._held.version == version:
            return self._held
        if self._counted[0] != version:
            self._counted = version, await table.count_rows()
        if not self._fits(self._counted[1], self.dimensions):
            self._held = None
            return None
        held = self._held or Resident(self.dimensions)
        there = await table.query().select(["id"]).with_row_id().to_arrow()
        missing = held.keep(*_numbers(there))
        if missing.sum() > len(missing) * _READ_ALL_FROM:
            held = await self._loaded(table.query())
        elif missing.any():
            added = table.take_row_ids(there["_rowid"].filter(missing).to_pylist())
            rows = await added.select(["id", "vector"]).with_row_id().to_arrow()
            held.add(*_numbers(rows), self._vectors(rows))
        held.version, self._held = version, held
        return held

    async def _selected(self, table: Any, selection: Selection) -> Resident | None:
        """The vectors of the selected documents, which then are all compared; None when they are too many."""
        if selection.documents is None:
            return None
        condition = selection.sql()
        if not self._fits(await table.count_rows(condition), self.dimensions):
            return None
        return await self._loaded(table.query().where(condition))

    async def _loaded(self, search: Any) -> Resident:
        """What a query finds, in memory."""
        rows = await search.select(["id", "vector"]).with_row_id().to_arrow()
        loaded = Resident(self.dimensions)
        loaded.add(*_numbers(rows), self._vectors(rows))
        return loaded

    def _fits(self, rows: int, dimensions: int) -> bool:
        return rows * dimensions * 4 <= self.resident_bytes

    def _vectors(self, rows: Any) -> NDArray[np.float32]:
        """The column `vector`, shape (len(rows), dimensions)."""
        flat = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat, np.float32).reshape(-1, self.dimensions)

    def compact(self, keep_seconds: float = 0.001) -> None:
        """See `Table.compact`. With an index, what is few is left: it would get a part of its own."""
        with lance_errors(self.folder):
            fresh = self.exists() and self._is_fresh(self.table())
        if not fresh:
            super().compact(keep_seconds)

    def _is_fresh(self, table: Any) -> bool:
        """Whether hardly any rows came or went since the index was brought up to date."""
        waiting = [index.num_unindexed_rows for index in table.list_indices() if index.columns == ["vector"]]
        if not waiting or max(waiting) >= _FEW_ROWS:
            return False
        stored = table.stats()["fragment_stats"]
        gone = stored["num_fragments"] * stored["lengths"]["mean"] - table.count_rows()
        return bool(gone < _FEW_ROWS and stored["num_fragments"] < _MOST_FRAGMENTS)

    def _index(self, table: Any) -> None:
        from lancedb.index import BTree

        rows = table.count_rows()
        indexes = table.list_indices()
        is_large = not self._fits(rows, table.schema.field("vector").type.list_size)
        for column, wanted in (("id", rows >= _KEYS_FROM_ROWS), ("doc", is_large)):
            if wanted and all(index.columns != [column] for index in indexes):
                table.create_index(column, config=BTree())
        if is_large:
            self._index_vectors(table, rows, [index for index in indexes if index.columns == ["vector"]])

    def _index_vectors(self, table: Any, rows: int, indexes: Sequence[Any]) -> None:
        """Makes the index, or makes it anew for a table that has outgrown it; then drops the old one.

        Its name tells of how many rows it was made: partitions are as many as suit those. Rows that came
        later lie in parts of their own, and every part costs a query a millisecond.
        """
        name = f"{_INDEX}{rows}"
        for index in indexes:
            made_of = int(index.name.removeprefix(_INDEX)) if index.name.startswith(_INDEX) else 0
            if made_of * _SHRUNK <= rows <= made_of * _GROWN and index.num_segments <= _MOST_PARTS:
                name = index.name
        if name not in {index.name for index in indexes}:
            table.create_index("vector", config=self._config(rows), name=name)
        for index in indexes:
            if index.name != name:
                table.drop_index(index.name)

    def _config(self, rows: int) -> Any:
        """The index for a table of so many rows."""
        from lancedb.index import IvfRq

        partitions = max(1, rows // _PARTITION_ROWS)
        return IvfRq("dot", num_partitions=partitions, num_bits=4, max_iterations=15, sample_rate=256)

    def _reach(self, limit: int, selection: Selection) -> tuple[int, int]:
        """How many partitions are looked into, and of how many times `limit` rows the vectors are read.

        Rows of a selection may lie in any partition, and those that are not of it cost next to nothing.
        """
        _, rows = self._counted
        probes = max(_PROBED, round(_PROBED_SHARE * (rows // _PARTITION_ROWS)))
        return probes if selection == EVERYTHING else _ALL_PARTITIONS, 1 + _RESCORED // limit


def vector_tables(folder: Path) -> list[VectorTable]:
    """The vector tables of all models in a folder, for what needs no dimensions."""
    paths = sorted(folder.glob(f"{_PREFIX}*.lance"))
    return [VectorTable(folder, fingerprint_of(path.stem), 0) for path in paths]


def fingerprint_of(table: str) -> str:
    """The fingerprint of the model whose vectors a table of this name holds."""
    return table.removeprefix(_PREFIX)


def _numbers(rows: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The columns `id` and address."""
    return rows["id"].to_numpy(), rows["_rowid"].to_numpy().astype(np.int64)
