"""Page vectors: one table a model fingerprint, so vectors of different models never meet."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from docsearch.records import PageId
from docsearch.store.tables import EVERYTHING, Selection, Table, page_ids, row_id

_INDEX_FROM_ROWS = 50_000
_PREFIX = "vectors_"
_PROBES = 20
_REFINE = 10


class VectorTable(Table):
    """The vectors of one model, half precision, compared by dot product."""

    def __init__(self, folder: Path, fingerprint: str, dimensions: int) -> None:
        super().__init__(folder, _PREFIX + fingerprint)
        self.fingerprint = fingerprint
        self.dimensions = dimensions

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
            search = table.query().nearest_to(vector.astype(np.float16)).column("vector").distance_type("dot")
            search = search.nprobes(_PROBES).refine_factor(_REFINE).select(["doc", "page", "_distance"])
            condition = selection.sql()
            if condition:
                search = search.where(condition)
            rows = await search.limit(limit).to_arrow()
            similarities = [1.0 - distance for distance in rows["_distance"].to_pylist()]
            return list(zip(page_ids(rows), similarities, strict=True))

        return self.begin(run, [])

    def _index(self, table: Any) -> None:
        from lancedb.index import IvfRq

        if table.count_rows() >= _INDEX_FROM_ROWS and not table.list_indices():
            table.create_index("vector", config=IvfRq(distance_type="dot", num_bits=4))


def vector_tables(folder: Path) -> list[VectorTable]:
    """The vector tables of all models in a folder, for what needs no dimensions."""
    paths = sorted(folder.glob(f"{_PREFIX}*.lance"))
    return [VectorTable(folder, fingerprint_of(path.stem), 0) for path in paths]


def fingerprint_of(table: str) -> str:
    """The fingerprint of the model whose vectors a table of this name holds."""
    return table.removeprefix(_PREFIX)
