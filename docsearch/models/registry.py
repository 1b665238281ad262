"""The models docsearch knows: rows of models.toml, the user's own rows over the shipped ones.

Reads and checks rows only; whether a model can be loaded on this machine is not known here.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, get_type_hints

from docsearch.errors import ModelUnavailable, SettingsError

MODALITIES = frozenset({"text", "image", "text+image"})
NUMBER_BYTES: Mapping[str, int] = MappingProxyType({"float32": 4, "float16": 2, "bfloat16": 2})
"""Number formats of weights, and how many bytes a number takes."""
FLASH = "flash_attention_2"
PAGE_PIXELS = 1024
"""Longest side of a page picture for rows that do not say."""
ATTENTIONS = ("sdpa", "eager", FLASH)


class Role(StrEnum):
    """What a model is for."""

    EMBEDDER = "embedder"
    RERANKER = "reranker"
    LATE_INTERACTION = "late-interaction"
    GENERATOR = "generator"


class Runtime(StrEnum):
    """What runs a model."""

    STARTER = "starter"
    """Our own code with NumPy: starts in a tenth of a second."""
    SENTENCE_TRANSFORMERS = "sentence-transformers"
    LLAMA_CPP = "llama.cpp"
    """GGUF files, through llama-cpp-python."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model: what it is for, where it lies, how its inputs must look."""

    name: str
    role: Role
    runtime: Runtime = Runtime.SENTENCE_TRANSFORMERS
    source: str = ""
    """A folder, or a Hugging Face name in the local cache. Empty: the weights in the package."""
    file: str = ""
    """The GGUF file in that folder or of that name."""
    mmproj: str = ""
    """The GGUF file beside it that lets the model see pictures; empty for a model of text."""
    memory_mb: int = 0
    """Memory it needs at the default settings: a generator beside its context, another model in half
    precision and with its work. 0 goes by the size of a generator's files or the number of parameters."""
    revision: str = ""
    """Commit, tag or branch of a Hugging Face name; empty for the one in the cache."""
    licence: str = ""
    """As its makers call it, and in brackets what it forbids."""
    modalities: tuple[str, ...] = ("text",)
    parameters: int = 0
    dimensions: int = 0
    """Length of a whole vector; 0 for models without vectors."""
    matryoshka: tuple[int, ...] = ()
    """Lengths to which vectors may be cut."""
    image_pixels: int = 0
    """Longest side, in pixels, at which a page is shown to the model; 0 takes 1,024 where it sees any."""
    min_pixels: int = 0
    """Its image processor enlarges a picture that has fewer pixels in all; 0 leaves what it does."""
    max_pixels: int = 0
    """Its image processor shrinks a picture that has more pixels in all; 0 leaves what it does."""
    max_tokens: int = 0
    """Longest input the model reads; 0 leaves it to the model."""
    query_prompt: str = ""
    """Put before a query; empty for the model's own."""
    page_prompt: str = ""
    """Put before a page; empty for the model's own."""
    token_pooling: int = 1
    """Of a late-interaction model: how many tokens of a page become one; 1 keeps them all."""
    pooling: str = ""
    """How token vectors become one, for a folder that does not say: mean, cls or lasttoken."""
    score_tokens: tuple[str, ...] = ()
    """Of a reranker, for a folder that does not say: what it says of a page that answers, then of another."""
    architecture: str = ""
    """The `model_type` of its config.json, for what is to be known of it before its files are here."""
    dtype: str = ""
    """Number format: float32, float16 or bfloat16; empty for what suits the device."""
    attention: str = ""
    """How attention is computed: sdpa, eager or flash_attention_2 (NVIDIA, needs flash_attn); empty for the
    library's choice."""
    batch_size: int = 64
    """Most inputs in one batch."""
    batch_tokens: int = 0
    """Most tokens in one batch, of text and pictures; 0 for what suits the device and its memory."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Only for models you have read."""
    needs_remote_code: bool = False
    """Whether it does not run without that code."""
    tested: str = ""
    """What was tried with it, and with which versions."""
    note: str = ""
    """A sentence for the person who chooses."""


@dataclass(frozen=True, slots=True)
class Registry:
    """All rows, shipped and the user's."""

    rows: tuple[ModelRow, ...]

    @classmethod
    def read(cls, user_file: Path | None = None) -> Self:
        """The shipped rows, changed and extended by `user_file` where it exists.

        Raises SettingsError naming the row and the key that cannot be used.
        """
        tables = _tables(_shipped_file())
        if user_file is not None and user_file.is_file():
            for name, table in _tables(user_file).items():
                tables[name] = {**tables.get(name, {}), **table}
        return cls(tuple(_row(name, table) for name, table in tables.items()))

    def row(self, name: str) -> ModelRow:
        """The row of that name; raises ModelUnavailable naming those there are."""
        for row in self.rows:
            if row.name == name:
                return row
        known = ", ".join(row.name for row in self.rows)
        raise ModelUnavailable(f"there is no model called '{name}'", hint=f"known models: {known}")

    def generator(self, name: str) -> ModelRow:
        """The generator of that name, or one for a GGUF file that is named by its path.

        Raises ModelUnavailable when it is no generator or there is no such file.
        """
        if name.lower().endswith(".gguf") and name not in {row.name for row in self.rows}:
            return _row_of_file(Path(name))
        known = {row.name: row for row in self.of(Role.GENERATOR)}
        if name not in known:
            raise ModelUnavailable(
                f"there is no generator called '{name}'",
                hint=f"name the path of a GGUF file, or one of {', '.join(known)}",
            )
        return known[name]

    def of(self, role: Role) -> tuple[ModelRow, ...]:
        """The rows with that role."""
        return tuple(row for row in self.rows if row.role is role)


def _row_of_file(path: Path) -> ModelRow:
    file = path.expanduser().absolute()
    if not file.is_file():
        raise ModelUnavailable(
            f"there is no model file {file}", hint="name a GGUF file or a row of models.toml"
        )
    return ModelRow(
        file.stem, Role.GENERATOR, runtime=Runtime.LLAMA_CPP, source=str(file.parent), file=file.name
    )


def _shipped_file() -> Path:
    """Beside this module where the package is installed, at the top of the tree in a checkout."""
    beside = Path(__file__).with_name("models.toml")
    return beside if beside.is_file() else Path(__file__).parents[2] / "models.toml"


def _tables(file: Path) -> dict[str, dict[str, Any]]:
    """The tables of a file by name, folders in `source` made absolute from where the file lies."""
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    if set(content) - {"model"} or not isinstance(content.get("model", []), list):
        raise SettingsError(f"{file}: only [[model]] tables belong here")
    tables: dict[str, dict[str, Any]] = {}
    for number, table in enumerate(content.get("model", []), start=1):
        name = _name(table, f"{file}: model {number}")
        if name in tables:
            raise SettingsError(f"{file}: model '{name}' stands there twice")
        tables[name] = _with_folder(table, file.parent)
    return tables


def _name(table: Any, where: str) -> str:
    name = table.get("name") if isinstance(table, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise SettingsError(f"{where}: key 'name' is missing or is no text")
    return name


def _with_folder(table: dict[str, Any], parent: Path) -> dict[str, Any]:
    source = table.get("source")
    if not isinstance(source, str) or not _is_folder_name(source):
        return table
    folder = (parent / Path(source).expanduser()).resolve()
    if not folder.is_dir():
        raise SettingsError(f"model '{table['name']}': key 'source': there is no folder {folder}")
    return {**table, "source": str(folder)}


def _is_folder_name(source: str) -> bool:
    return source.startswith(("/", "./", "../", "~", ".\\", "..\\")) or Path(source).is_absolute()


def _row(name: str, table: Mapping[str, Any]) -> ModelRow:
    kinds = get_type_hints(ModelRow)
    for key in table:
        if key not in kinds:
            raise SettingsError(f"model '{name}': there is no key '{key}'", hint=f"keys: {', '.join(kinds)}")
    if "role" not in table:
        raise SettingsError(f"model '{name}': key 'role' is missing")
    row = ModelRow(**{key: _value(name, key, value, kinds[key]) for key, value in table.items()})
    return _checked(row)


def _value(name: str, key: str, value: Any, kind: Any) -> Any:
    """The value as the row wants it; raises SettingsError when it is of another type."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _choice(name, key, value, tuple(kind), kind)
    if kind in (tuple[str, ...], tuple[int, ...]):
        element = str if kind == tuple[str, ...] else int
        if isinstance(value, list) and all(type(v) is element for v in value):
            return tuple(value)
        raise SettingsError(f"model '{name}': key '{key}' must be a list of {_WORDS[element]}s")
    if type(value) is not kind:
        raise SettingsError(f"model '{name}': key '{key}' must be {_ARTICLES[kind]}")
    if kind is int and value < 0:
        raise SettingsError(f"model '{name}': key '{key}' must not be negative")
    return value


_WORDS = {str: "text", int: "whole number"}
_ARTICLES = {str: "text", int: "a whole number", bool: "true or false"}


def _choice(name: str, key: str, value: Any, allowed: tuple[str, ...], kind: Any) -> Any:
    if value not in allowed:
        raise SettingsError(f"model '{name}': key '{key}' must be one of {', '.join(allowed)}")
    return kind(value)


_EMBEDDERS = (Role.EMBEDDER, Role.LATE_INTERACTION)
_ROLES: Mapping[str, tuple[Role, ...]] = MappingProxyType(
    {
        "file": (Role.GENERATOR,),
        "mmproj": (Role.GENERATOR,),
        "dimensions": _EMBEDDERS,
        "matryoshka": (Role.EMBEDDER,),
        "pooling": (Role.EMBEDDER,),
        "token_pooling": (Role.LATE_INTERACTION,),
        "page_prompt": _EMBEDDERS,
        "query_prompt": (*_EMBEDDERS, Role.RERANKER),
        "score_tokens": (Role.RERANKER,),
    }
)
"""Keys that only models of some roles have."""
_TORCH = frozenset(
    {
        "architecture",
        "attention",
        "batch_size",
        "batch_tokens",
        "dtype",
        "max_pixels",
        "min_pixels",
        "needs_remote_code",
        "trust_remote_code",
    }
)
"""Keys that only models have which Sentence Transformers runs."""
_PICTURES = ("image_pixels", "min_pixels", "max_pixels")
"""Keys that only models have which see pictures."""
_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "pooling": ("", "mean", "cls", "lasttoken"),
        "dtype": ("", *NUMBER_BYTES),
        "attention": ("", *ATTENTIONS),
    }
)


def _checked(row: ModelRow) -> ModelRow:
    """The row when its values fit each other; raises SettingsError otherwise."""
    for modality in row.modalities:
        _choice(row.name, "modalities", modality, tuple(sorted(MODALITIES)), str)
    for key, allowed in _CHOICES.items():
        _choice(row.name, key, getattr(row, key), allowed, str)
    for wrong in (_wrong_source(row), _foreign_key(row), _wrong_values(row)):
        if wrong:
            raise SettingsError(f"model '{row.name}': {wrong}")
    pixels = row.image_pixels or (PAGE_PIXELS if {"image", "text+image"} & set(row.modalities) else 0)
    steps = tuple(sorted(row.matryoshka, reverse=True))
    return dataclasses.replace(row, matryoshka=steps, image_pixels=pixels)


def _wrong_source(row: ModelRow) -> str:
    """What is wrong with where the model lies and what runs it; empty when nothing is."""
    if not row.source and row.runtime is not Runtime.STARTER:
        return "key 'source' is missing"
    if (row.runtime is Runtime.LLAMA_CPP) is not bool(row.file):
        return f"key 'file' belongs to the runtime {Runtime.LLAMA_CPP}, always"
    if (row.role is Role.GENERATOR) is not (row.runtime is Runtime.LLAMA_CPP):
        return f"generators run with {Runtime.LLAMA_CPP}, and nothing else does"
    if row.runtime is Runtime.STARTER and row.role is not Role.EMBEDDER:
        return f"key 'runtime': {Runtime.STARTER} runs embedders only"
    if row.revision and Path(row.source).is_absolute():
        return "key 'revision': a folder has none"
    return ""


def _foreign_key(row: ModelRow) -> str:
    """A key that models of this kind do not have; empty when there is none."""
    defaults = {field.name: field.default for field in dataclasses.fields(row)}
    given = [key for key, default in defaults.items() if getattr(row, key) != default]
    for key in given:
        if key in _ROLES and row.role not in _ROLES[key]:
            return f"key '{key}' does not belong to a model of the role {row.role}"
        if key in _TORCH and row.runtime is not Runtime.SENTENCE_TRANSFORMERS:
            return f"key '{key}' does not belong to the runtime {row.runtime}"
        if key in _PICTURES and not {"image", "text+image"} & set(row.modalities):
            return f"key '{key}' does not belong to a model that sees no pictures"
    return ""


def _wrong_values(row: ModelRow) -> str:
    """Values that are missing, out of range, or do not fit each other; empty when there are none."""
    if not row.modalities:
        return "key 'modalities' must name one at least"
    if row.role in _EMBEDDERS and not row.dimensions:
        return "key 'dimensions' is missing"
    if any(not 0 < step <= row.dimensions for step in row.matryoshka):
        return f"key 'matryoshka' must lie between 1 and {row.dimensions}"
    if row.max_pixels and row.min_pixels > row.max_pixels:
        return f"key 'min_pixels' must not be larger than 'max_pixels', {row.max_pixels}"
    if len(row.score_tokens) > 2:
        return "key 'score_tokens' must name one token or two"
    for key in ("batch_size", "token_pooling"):
        if getattr(row, key) < 1:
            return f"key '{key}' must be at least 1"
    return ""
