"""Opens a model by its name in the registry. The starter opens without torch, all others need it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.models.device import AUTO, Device, GeneratorOptions, choose_device, free_bytes
from docsearch.models.gguf import GgufHead, read_head
from docsearch.models.memory import available_bytes
from docsearch.models.protocols import Embedder, Generator, LateInteraction, Reranker, Stop
from docsearch.models.registry import ModelRow, Registry, Role, Runtime
from docsearch.models.versions import model_folder


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


def load_late(name: str, registry: Registry, device: str = AUTO) -> LateInteraction:
    """The late-interaction model of that name.

    Raises ModelUnavailable when it is unknown, no such model, or not on this machine.
    """
    row = _row(name, registry, Role.LATE_INTERACTION)
    from docsearch.models.late import LateInteractionEncoder

    return LateInteractionEncoder(row, choose_device(device, row.dtype))


def free_for_models(device: str = AUTO) -> int | None:
    """Memory that is free where models run that need torch; None where that is not known. Imports torch."""
    try:
        chosen = choose_device(device)
    except ModelUnavailable:
        return None
    return available_bytes() if chosen.name == "cpu" else free_bytes(chosen)


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


def load_generator(
    row: ModelRow,
    options: GeneratorOptions,
    *,
    stop: Stop | None = None,
) -> Generator:
    """A generator from its GGUF file, with as much context as memory allows.

    Raises:
        MissingExtra: llama-cpp-python is not installed.
        ModelUnavailable: its files are not here or broken, it does not fit into memory, or it does not run.
    """
    from docsearch.models.generator import LlamaCppGenerator, has_gpu, require_llama_cpp
    from docsearch.models.memory import fitting_context

    file, mmproj = _gguf_files(row)
    head = _head(row, file)
    require_llama_cpp()
    size = mmproj.stat().st_size if mmproj else 0
    elsewhere = options.gpu_layers != 0 and has_gpu() and sys.platform != "darwin"
    free = None if elsewhere else available_bytes()  # a GPU's own memory is llama.cpp's to know
    context = fitting_context(row, head, size, options.context, free)
    fitting = replace(options, context=context)
    return LlamaCppGenerator(row, file, fitting, mmproj=mmproj, stop=stop)


def _gguf_files(row: ModelRow) -> tuple[Path, Path | None]:
    names = [name for name in (row.file, row.mmproj) if name]
    fetch = f"fetch it once with: docsearch models pull {row.name}"
    if Path(row.source).is_absolute():
        fetch = "give the path of a file that is there"
    try:
        folder = model_folder(row)
    except ModelUnavailable as error:
        error.hint = fetch
        raise
    for name in names:
        if not (folder / name).is_file():
            raise ModelUnavailable(f"model '{row.name}': there is no file {folder / name}", hint=fetch)
    return folder / row.file, folder / row.mmproj if row.mmproj else None


def _head(row: ModelRow, file: Path) -> GgufHead:
    try:
        return read_head(file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ModelUnavailable(
            f"model '{row.name}' cannot be read from {file}: {reason}", hint="fetch the file again"
        ) from error
