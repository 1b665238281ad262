"""The models there are: what each is, whether it is here and fits, and which are in use; and the switch.

Looks at files and memory only: no model is loaded, torch is not imported, nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from docsearch.config import Folders, Settings
from docsearch.errors import ModelUnavailable, SettingsError, UsageError
from docsearch.library.models import BUILT_IN_RERANKER, OFF
from docsearch.library.settings_file import save_setting, setting_named
from docsearch.models.device import runs_in_half
from docsearch.models.gguf import read_head
from docsearch.models.local import LocalFiles, local_files
from docsearch.models.memory import (
    available_bytes,
    gigabytes,
    gpu_bytes,
    needed_bytes,
    torch_bytes,
    total_bytes,
)
from docsearch.models.pretrained import check_trust, warnings
from docsearch.models.registry import NUMBER_BYTES, ModelRow, Registry, Role, Runtime
from docsearch.records import ModelState
from docsearch.store.vector_models import VectorModel

SETTINGS: Mapping[Role, tuple[str, str]] = MappingProxyType(
    {
        Role.EMBEDDER: ("models", "embedder"),
        Role.RERANKER: ("models", "reranker"),
        Role.LATE_INTERACTION: ("models", "reranker"),
        Role.GENERATOR: ("answers", "model"),
    }
)
"""The section and key that name the model in use, for each role that there is a setting for."""
_BUILT_IN = ModelRow(
    BUILT_IN_RERANKER,
    Role.RERANKER,
    runtime=Runtime.STARTER,
    modalities=("text",),
    note="Ships with docsearch: words that stand close together. Takes milliseconds.",
)
_WORKING = 300_000_000
_CONTEXT = 4096
"""Tokens that the memory of a generator is told for."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What models run on.

    Attributes:
        total: bytes of main memory; None where that is not known.
        free: bytes of it that programs can still get.
        gpu: bytes of the largest NVIDIA GPU's memory; None where there is none to use.
        half: whether torch models run in half precision here, as they do on every GPU.
    """

    total: int | None
    free: int | None
    gpu: int | None
    half: bool = False

    @classmethod
    def look(cls, device: str) -> Machine:
        """This machine, where models run on `device` (a value of [models] device)."""
        kind = device.partition(":")[0]
        gpu = gpu_bytes() if kind in ("auto", "cuda") else None
        return cls(total_bytes(), available_bytes(), gpu, gpu is not None or runs_in_half(kind))


def registry_of(folders: Folders) -> Registry:
    """The rows of models.toml: the shipped ones, changed and extended by the user's."""
    return Registry.read(user_rows(folders))


def user_rows(folders: Folders) -> Path:
    """The user's own models.toml, which may not be there."""
    return folders.settings.with_name("models.toml")


def rows_of(settings: Settings, registry: Registry) -> list[ModelRow]:
    """All models: the rows of models.toml, what is built in, and a generator named by its file."""
    rows = [*registry.rows, _BUILT_IN]
    named = settings.answers.model
    if named != OFF and named not in {row.name for row in rows} and named.lower().endswith(".gguf"):
        file = Path(named).expanduser().absolute()
        rows.append(
            ModelRow(
                named, Role.GENERATOR, runtime=Runtime.LLAMA_CPP, source=str(file.parent), file=file.name
            )
        )
    return rows


def model_states(
    settings: Settings, registry: Registry, vectors: Sequence[VectorModel], pages: int, machine: Machine
) -> tuple[ModelState, ...]:
    """A value for each model, in the order of models.toml.

    Args:
        settings: say which are in use.
        registry: the rows.
        vectors: what the index keeps of each embedder.
        pages: how many pages the index has.
        machine: what they must fit.
    """
    return tuple(_state(row, settings, vectors, pages, machine) for row in rows_of(settings, registry))


def _state(
    row: ModelRow, settings: Settings, vectors: Sequence[VectorModel], pages: int, machine: Machine
) -> ModelState:
    files = LocalFiles(None, True, 0) if row is _BUILT_IN else local_files(row)
    memory = _memory(row, files, machine)
    fits, reason = _verdict(row, memory, machine)
    return ModelState(
        name=row.name,
        role=row.role.value,
        source=row.source,
        licence=row.licence,
        modalities=row.modalities,
        parameters=row.parameters,
        dimensions=row.dimensions,
        note=row.note,
        memory_bytes=memory,
        fits=fits,
        reason=reason,
        installed=files.whole,
        folder=files.folder if files.whole else None,
        disk_bytes=files.size,
        in_use=row.name == in_use(settings, row.role),
        pages_embedded=max((made.pages for made in vectors if made.model == row.name), default=0),
        pages_total=pages,
        matryoshka=row.matryoshka,
        warnings=warnings(row, files.folder if files.whole else None, gpu=machine.gpu is not None),
        tested=row.tested,
    )


def in_use(settings: Settings, role: Role) -> str:
    """The model that the settings name for a role; empty when there is no such setting."""
    if role not in SETTINGS:
        return ""
    section, key = SETTINGS[role]
    return str(getattr(getattr(settings, section), key))


def _memory(row: ModelRow, files: LocalFiles, machine: Machine) -> int:
    if row.role is Role.GENERATOR:
        return _memory_of_generator(row, files)
    if row.runtime is Runtime.STARTER:
        return row.parameters * NUMBER_BYTES["float32"]
    return torch_bytes(row, half=machine.half)


def _memory_of_generator(row: ModelRow, files: LocalFiles) -> int:
    """With a context of 4096 tokens, as far as its file is here to say what that takes."""
    try:
        if files.whole and files.folder is not None:
            head = read_head(files.folder / row.file)
            return needed_bytes(row, head, files.size - head.size, min(_CONTEXT, row.max_tokens or _CONTEXT))
    except (OSError, ValueError):
        return 0
    weights = row.memory_mb * 1_000_000
    return weights + min(_WORKING, weights)


def _verdict(row: ModelRow, needed: int, machine: Machine) -> tuple[bool, str]:
    """Whether a model fits, and what stands against it."""
    gpu = machine.gpu if row.runtime is Runtime.SENTENCE_TRANSFORMERS else None
    if gpu is not None:
        fits = needed <= gpu
        return fits, "" if fits else f"needs {gigabytes(needed)}; the GPU has {gigabytes(gpu)}"
    if machine.total is not None and needed > machine.total:
        return False, f"needs {gigabytes(needed)}; this machine has {gigabytes(machine.total)}"
    if machine.free is not None and needed > machine.free:
        return True, f"needs {gigabytes(needed)}; {gigabytes(machine.free)} are free now"
    return True, ""


# -- the switch ------------------------------------------------------------------------------------


def switched(settings: Settings, folders: Folders, registry: Registry, name: str) -> Settings:
    """The settings with a model in use for its role; they are written into their file too.

    A length of vectors that the model cannot be cut to is set back to its own.

    Raises:
        ModelUnavailable: there is no such model, or it is not whole on this machine.
        UsageError: nothing in docsearch uses models of that role.
        SettingsError, StorageFull: the settings cannot be read or written.
    """
    row = usable_row(settings, registry, name)
    section, key = SETTINGS[row.role]
    named = name if row.name == name else str(Path(row.source) / row.file)
    settings = _set(settings, folders, section, key, named)
    lengths = row.matryoshka or (row.dimensions,)
    if row.role is Role.EMBEDDER and settings.models.dimensions not in (0, *lengths):
        settings = _set(settings, folders, "models", "dimensions", 0)
    return settings


def usable_row(settings: Settings, registry: Registry, name: str) -> ModelRow:
    """The row of a model that can be taken into use; raises as `switched` does."""
    row = model_row(settings, registry, name)
    if row.role not in SETTINGS:
        raise UsageError(f"'{name}' is a {row.role} model, and docsearch does not use these yet")
    if row is not _BUILT_IN and not local_files(row).whole:
        raise ModelUnavailable(
            f"model '{name}' is not on this machine", hint=f"fetch it with: docsearch models pull {name}"
        )
    check_trust(row)
    return row


def model_row(settings: Settings, registry: Registry, name: str) -> ModelRow:
    """The row of that name, or one for a GGUF file; raises ModelUnavailable when there is none."""
    if name == OFF:
        raise UsageError(
            "'off' is not the name of a model",
            hint='set embedder, reranker or (in [answers]) model to "off" in the settings',
        )
    for row in rows_of(settings, registry):
        if row.name == name:
            return row
    return registry.generator(name) if name.lower().endswith(".gguf") else registry.row(name)


def _set(settings: Settings, folders: Folders, section: str, key: str, value: str | int) -> Settings:
    """Writes one setting; the others stay what this program was started with."""
    setting = setting_named(settings, section, key)
    try:
        save_setting(folders.settings, setting, value)
    except SettingsError as error:
        error.hint = error.hint or "mend the settings file first"
        raise
    return replace(settings, **{section: replace(getattr(settings, section), **{key: value})})
