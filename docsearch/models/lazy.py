"""A reranker that is loaded when it has something to score."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from docsearch.models.protocols import ModelInput, Reranker
from docsearch.models.registry import ModelRow


class LazyReranker:
    """Satisfies `models.protocols.Reranker` with what its row says, and scores with the model itself."""

    def __init__(self, row: ModelRow, load: Callable[[], Reranker]) -> None:
        """`load` gives the model of the row, loaded now or before."""
        self._row = row
        self._load = load

    @property
    def name(self) -> str:
        """The row of models.toml this model comes from."""
        return self._row.name

    @property
    def modalities(self) -> frozenset[str]:
        """What a page may be given as."""
        return frozenset(self._row.modalities)

    def score(self, query: ModelInput, pages: Sequence[ModelInput]) -> NDArray[np.float32]:
        """See `Reranker`; raises ModelUnavailable when it cannot be loaded."""
        return self._load().score(query, pages)
