"""Opens a model by its name in the registry. The starter opens without torch, all others need it."""

from __future__ import annotations

from pathlib import Path

from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.models.device import AUTO, Device, choose_device
from docsearch.models.protocols import Embedder, Reranker
from docsearch.models.registry import ModelRow, Registry, Role, Runtime


def load_embedder(name: str, registry: Registry, device: str = AUTO, dimensions: int = 0) -> Embedder:
    """The embedder of that name, its vectors cut to `dimensions` (0: whole).

    Raises ModelUnavailable when it is unknown, no embedder, or not on this machine, and
    SettingsError when its vectors cannot be cut to that length.
    """
    row = _row(name, registry, Role.EMBEDDER)
    _check_dimensions(row, dimensions)
    if row.runtime is Runtime.STARTER:
        from docsearch.models.starter.embedder import SHIPPED, StarterEmbedder

        folder = Path(row.source) if row.source else SHIPPED
        return StarterEmbedder(folder, name=row.name, dimensions=dimensions)
    from docsearch.models.sentence import SentenceTransformersEmbedder

    return SentenceTransformersEmbedder(row, choose_device(device, row.dtype), dimensions)


def load_reranker(name: str, registry: Registry, device: str = AUTO) -> Reranker:
    """The reranker of that name; raises ModelUnavailable when it is unknown or not on this machine."""
    row = _row(name, registry, Role.RERANKER)
    from docsearch.models.sentence import CrossEncoderReranker

    return CrossEncoderReranker(row, choose_device(device, row.dtype))


def device_for(row: ModelRow, device: str = AUTO) -> Device:
    """Where the model would run. Looks for torch's devices only when the model needs torch."""
    return Device() if row.runtime is Runtime.STARTER else choose_device(device, row.dtype)


def _row(name: str, registry: Registry, role: Role) -> ModelRow:
    row = registry.row(name)
    if row.role is not role:
        known = ", ".join(r.name for r in registry.of(role))
        raise ModelUnavailable(f"model '{name}' is no {role}", hint=f"{role} models: {known}")
    return row


def _check_dimensions(row: ModelRow, dimensions: int) -> None:
    steps = row.matryoshka or (row.dimensions,)
    if dimensions and dimensions not in steps:
        listed = ", ".join(map(str, steps))
        raise SettingsError(f"model '{row.name}': vectors can have {listed} dimensions, not {dimensions}")
