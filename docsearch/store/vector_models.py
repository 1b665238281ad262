"""Which models the vectors in an index are of, and how many pages each covers. Knows no model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from docsearch.store.catalog import Catalog
from docsearch.store.documents import Documents

_FACT = "vectors of "


@dataclass(frozen=True, slots=True)
class VectorModel:
    """A model whose vectors are kept.

    Attributes:
        fingerprint: of its vectors.
        model: the row of models.toml it is from.
        dimensions: length of its vectors.
        pages: searchable pages that have one.
        unreadable: pages that the last run to its end could not show it: offline or broken files.
    """

    fingerprint: str
    model: str
    dimensions: int
    pages: int = 0
    unreadable: int = 0


class VectorModels:
    """The models whose vectors an index keeps."""

    def __init__(self, catalog: Catalog, documents: Documents) -> None:
        self.catalog = catalog
        self.documents = documents

    def note(self, fingerprint: str, model: str, dimensions: int, unreadable: int | None = None) -> None:
        """Keeps whose vectors these are; `unreadable` is None while a run has not come to its end."""
        known = self._known().get(fingerprint, ("", 0, 0))
        noted = (model, dimensions, known[2] if unreadable is None else unreadable)
        if noted != known:
            self.catalog.set_fact(_FACT + fingerprint, json.dumps(noted))

    def all(self) -> tuple[VectorModel, ...]:
        """Those that cover the most pages first."""
        made = self.catalog.remember("vector models", self._all)
        return tuple(sorted(made, key=lambda model: (-model.pages, model.fingerprint)))

    def _all(self) -> list[VectorModel]:
        pages = self.documents.pages_with_vectors()
        return [
            VectorModel(fingerprint, model, dimensions, pages.get(fingerprint, 0), unreadable)
            for fingerprint, (model, dimensions, unreadable) in self._known().items()
        ]

    def _known(self) -> dict[str, tuple[str, int, int]]:
        """Name, dimensions and unreadable pages by fingerprint."""
        rows = self.catalog.connection.execute(
            "SELECT name, value FROM facts WHERE name LIKE ? || '%'", (_FACT,)
        ).fetchall()
        return {name.removeprefix(_FACT): _values(value) for name, value in rows}


def _values(value: str) -> tuple[str, int, int]:
    try:
        model, dimensions, unreadable = json.loads(value)
        return str(model), int(dimensions), int(unreadable)
    except (ValueError, TypeError):
        return "", 0, 0


def stand_in(models: Sequence[VectorModel], wanted: str, dimensions: int) -> VectorModel | None:
    """The model that serves searches while vectors of the wanted one are still being made.

    It is the one that covers most pages, as long as those are more than the wanted one covers or cannot
    be shown; None when the wanted one serves.
    """
    ours = [m.pages + m.unreadable for m in models if (m.model, m.dimensions) == (wanted, dimensions)]
    others = [m for m in models if (m.model, m.dimensions) != (wanted, dimensions)]
    best = max(others, key=lambda model: model.pages, default=None)
    return best if best is not None and best.pages > max(ours, default=0) else None
