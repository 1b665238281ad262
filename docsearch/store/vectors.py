"""Page vectors: one table a model fingerprint, so vectors of different models never meet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docsearch.records import PageId
from docsearch.store.tables import (
    EVERYTHING,
    PAGE_BITS,
    Selection,
    Table,
    answered,
    in_list,
    page_ids,
    page_of,
    row_id,
)

_INDEX_FROM_ROWS = 50_000
_KEYS_FROM_ROWS = 200
_SAMPLE = 256
_PREFIX = "vectors_"
_PROBES = 20
_REFINE = 10


class Resident:
    """The vectors of a small table in memory: compared in a tenth of a millisecond instead of ten."""

    def __init__(self, version: int, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Row numbers, shape (rows,), and vectors, shape (rows, dimensions), of one version of the table."""
        order = np.argsort(ids)
        self.version = version
        self.ids = ids[order]
        self.vectors = vectors[order]

    def nearest(
        self, vector: NDArray[np.float32], limit: int, selection: Selection
    ) -> list[tuple[PageId, float]]:
        """See `VectorTable.nearest`."""
        rows = np.flatnonzero(self._selected(selection))
        with _one_thread():
            similarities = self.vectors[rows] @ vector if len(rows) < len(self.ids) else self.vectors @ vector
        best = np.argsort(-similarities, kind="stable")[:limit]
        return [(page_of(int(self.ids[rows[i]])), float(similarities[i])) for i in best]

    def similarities(self, vector: NDArray[np.float32], ids: Sequence[int]) -> dict[PageId, float]:
        """See `VectorTable.begin_similarities`."""
        rows = self._rows(ids)
        with _one_thread():
            values = (self.vectors[rows] @ vector).tolist()
        return {page_of(int(row)): value for row, value in zip(self.ids[rows], values, strict=True)}

    def of(self, ids: Sequence[int]) -> dict[PageId, NDArray[np.float32]]:
        """See `VectorTable.begin_vectors`."""
        rows = self._rows(ids)
        return {page_of(int(self.ids[row])): self.vectors[row] for row in rows}

    def _rows(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """Places of those of the row numbers that are there."""
        wanted = np.array(sorted(set(ids)), np.int64)
        places = np.searchsorted(self.ids, wanted)
        rows = places[places < len(self.ids)]
        return np.asarray(rows[self.ids[rows] == wanted[: len(rows)]])

    def _selected(self, selection: Selection) -> NDArray[np.bool_]:
        chosen = np.ones(len(self.ids), bool)
        if selection.documents is not None:
            chosen &= np.isin(self.ids >> PAGE_BITS, np.array(sorted(selection.documents), np.int64))
        if selection.leading_pages is not None:
            chosen &= (self.ids & ((1 << PAGE_BITS) - 1)) <= selection.leading_pages
        return chosen


@cache
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[Any]:
    """NumPy's products by one thread: several wait for each other ten times as long as one works."""
    limit: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limit


class VectorTable(Table):
    """The vectors of one model, half precision, compared by dot product."""

    resident_rows = 20_000
    """Tables of up to so many rows are held in memory once they are asked: 20 MB at 256 dimensions."""

    def __init__(self, folder: Path, fingerprint: str, dimensions: int) -> None:
        super().__init__(folder, _PREFIX + fingerprint)
        self.fingerprint = fingerprint
        self.dimensions = dimensions
        self._sample: NDArray[np.float32] | None = None
        self._sampled_rows = 0
        self._held: Resident | None = None

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
            resident = await self._resident(table)
            if resident is not None:
                return resident.nearest(vector, limit, selection)
            search = table.query().nearest_to(vector.astype(np.float16)).column("vector").distance_type("dot")
            search = search.nprobes(_PROBES).refine_factor(_REFINE).select(["doc", "page", "_distance"])
            condition = selection.sql()
            if condition:
                search = search.where(condition)
            rows = await search.limit(limit).to_arrow()
            similarities = [1.0 - distance for distance in rows["_distance"].to_pylist()]
            return list(zip(page_ids(rows), similarities, strict=True))

        return self.begin(run, [])

    def begin_similarities(
        self, vector: NDArray[np.float32], pages: Iterable[PageId]
    ) -> Future[dict[PageId, float]]:
        """The dot product of `vector`, shape (dimensions,), with the stored vectors of these pages."""
        ids = [row_id(page) for page in pages]
        if not ids:
            return answered({})

        async def run(table: Any) -> dict[PageId, float]:
            resident = await self._resident(table)
            if resident is not None:
                return resident.similarities(vector, ids)
            search = table.query().where(in_list("id", ids)).select(["doc", "page", "vector"])
            rows = await search.limit(len(ids)).to_arrow()
            similarities = self._vectors(rows) @ vector
            return dict(zip(page_ids(rows), similarities.tolist(), strict=True))

        return self.begin(run, {})

    def begin_vectors(self, pages: Iterable[PageId]) -> Future[dict[PageId, NDArray[np.float32]]]:
        """The stored vectors of these pages, shape (dimensions,) each, as far as there are any."""
        ids = [row_id(page) for page in pages]
        if not ids:
            return answered({})

        async def run(table: Any) -> dict[PageId, NDArray[np.float32]]:
            resident = await self._resident(table)
            if resident is not None:
                return resident.of(ids)
            search = table.query().where(in_list("id", ids)).select(["doc", "page", "vector"])
            rows = await search.limit(len(ids)).to_arrow()
            return dict(zip(page_ids(rows), self._vectors(rows), strict=True))

        return self.begin(run, {})

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

    async def _resident(self, table: Any) -> Resident | None:
        """All vectors in memory, as they are now; None when there are too many."""
        version = await table.version()
        if self._held is not None and self._held.version == version:
            return self._held
        self._held = None
        if await table.count_rows() <= self.resident_rows:
            rows = await table.query().select(["id", "vector"]).to_arrow()
            ids = rows["id"].to_numpy()
            self._held = Resident(version, ids, self._vectors(rows))
        return self._held

    def _vectors(self, rows: Any) -> NDArray[np.float32]:
        """The column `vector`, shape (len(rows), dimensions)."""
        flat = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat, np.float32).reshape(-1, self.dimensions)

    def _index(self, table: Any) -> None:
        from lancedb.index import BTree, IvfRq

        rows = table.count_rows()
        indexed = {column for index in table.list_indices() for column in index.columns}
        if rows >= _KEYS_FROM_ROWS and "id" not in indexed:
            table.create_index("id", config=BTree())
        if rows >= _INDEX_FROM_ROWS and "vector" not in indexed:
            table.create_index("vector", config=IvfRq(distance_type="dot", num_bits=4))


def vector_tables(folder: Path) -> list[VectorTable]:
    """The vector tables of all models in a folder, for what needs no dimensions."""
    paths = sorted(folder.glob(f"{_PREFIX}*.lance"))
    return [VectorTable(folder, fingerprint_of(path.stem), 0) for path in paths]


def fingerprint_of(table: str) -> str:
    """The fingerprint of the model whose vectors a table of this name holds."""
    return table.removeprefix(_PREFIX)
