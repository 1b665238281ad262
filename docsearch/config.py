"""Folders and settings: one frozen dataclass a feature, read from one TOML file.

Every field is followed by a sentence in the user's words. Knows nothing of what uses them.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, get_type_hints

from docsearch.errors import SettingsError

HOME_VARIABLE = "DOCSEARCH_HOME"


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """[index]: how files are read."""

    workers: int = 0
    """Reader processes; 0 takes one a processor core."""
    passwords: tuple[str, ...] = ()
    """Tried in turn on encrypted files."""
    page_seconds: float = 20.0
    """A page that takes longer is given up."""
    file_seconds: float = 600.0
    """A file that takes longer is given up."""
    memory_mb: int = 2048
    """A file that needs more memory than this is given up."""
    max_file_mb: int = 2048
    """Larger files are not read."""
    max_pages: int = 20_000
    """Files with more pages are not read."""


@dataclass(frozen=True, slots=True)
class OcrSettings:
    """[ocr]: how scans are read."""

    engine: str = "auto"
    """auto, rapidocr, tesseract or off."""
    languages: str = "eng"
    """Languages for Tesseract, joined by '+'."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """[search]: how results are found and ordered."""

    results: int = 10
    """Hits to show."""
    candidates: int = 200
    """Pages taken from each list before they are fused."""
    vectors: float = 0.15
    """What similarity of vectors counts beside words: for each standard deviation above that of unrelated
    pages this share of what all words of the query weigh. 0 leaves vectors to queries by picture. From 0.3
    on, for a strong embedder, they also find pages when no page shares a word with the query."""
    rerank: int = 50
    """Pages at the head of the fused list that the reranker orders; 0 leaves the fused order."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """[models]: which models are used. Names are rows of models.toml."""

    embedder: str = "starter"
    """Finds pages by meaning and by picture; 'off' searches words only."""
    reranker: str = "passages"
    """Orders the head of the list; 'off' leaves the fused order."""
    dimensions: int = 0
    """Cuts vectors to this length (Matryoshka); 0 keeps the model's own."""
    device: str = "auto"
    """auto, cuda, mps, xpu or cpu."""
    idle_minutes: float = 10.0
    """A large model gives its memory back when it was not needed this long."""

    @property
    def heavy(self) -> bool:
        """Whether any of them takes memory worth giving back."""
        return not ({self.embedder} <= {"starter", "off"} and {self.reranker} <= {"passages", "off"})


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """[watch]: how the index is kept current."""

    settle_seconds: float = 1.0
    """A changed file is read when it was left alone for this long."""
    sweep_minutes: float = 60.0
    """All folders are compared with the index this often, for changes that went unnoticed."""
    poll_seconds: float = 60.0
    """Folders on file systems that tell no changes (network drives) are compared this often; large ones
    less often, so that it takes a fiftieth of the time at most."""
    background: bool = True
    """Whether scans are recognised and vectors made while nothing else is to be done, at low priority."""
    battery_percent: int = 50
    """On battery that work waits while less than this is left; 100 keeps it for the mains, 0 never waits."""
    search_pause_seconds: float = 5.0
    """That work pauses for this long after every search on this machine."""
    screen: bool = True
    """Whether the search screen keeps the index current while it is open and nothing else does."""


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """[answers]: how questions are answered."""

    model: str = "off"
    """Writes answers from the pages: a generator of models.toml, or the path of a GGUF file; 'off' quotes
    the best passages."""
    pages: int = 5
    """Pages to answer from."""
    passages: int = 5
    """Passages to quote."""
    context: int = 0
    """How many tokens the model holds, pages and answer together; 0 chooses by the memory that is free."""
    tokens: int = 512
    """Longest answer, in tokens."""
    temperature: float = 0.2
    """0 always takes the likeliest word; higher values vary."""
    threads: int = 0
    """Processor threads for the model; 0 takes one a core."""
    gpu_layers: int = -1
    """Layers of the model to put on the GPU, where llama.cpp was built for one; -1 for all."""
    idle_minutes: float = 5.0
    """The model gives its memory back when it was not asked for this long."""


@dataclass(frozen=True, slots=True)
class LearnSettings:
    """[learn]: how search learns from what you open."""

    log: bool = True
    """Whether searches and what you open are kept, on this machine only; docsearch clicks shows them."""
    memory: bool = True
    """Whether pages you opened stand first when you ask for the same again."""
    automatic: bool = True
    """Whether docsearch learns by itself when enough was opened since it last did."""


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """[view]: how pages are opened."""

    viewer: str = ""
    """The program that opens documents; empty takes the first known one that is installed."""
    theme: str = "auto"
    """Colours of the search screen: auto, dark, light, high-contrast, no-colour, or any theme of Textual."""
    images: str = "auto"
    """How pages are drawn in the terminal: auto, kitty, sixel or blocks."""
    thumbnails: bool = True
    """Whether results have small pictures."""
    history: bool = True
    """Whether past queries are kept, in a file that only you can read."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings."""

    index: IndexSettings = field(default_factory=IndexSettings)
    ocr: OcrSettings = field(default_factory=OcrSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    models: ModelSettings = field(default_factory=ModelSettings)
    answers: AnswerSettings = field(default_factory=AnswerSettings)
    learn: LearnSettings = field(default_factory=LearnSettings)
    view: ViewSettings = field(default_factory=ViewSettings)
    watch: WatchSettings = field(default_factory=WatchSettings)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things live: the index, the settings file, and rendered page images."""

    index: Path
    settings: Path
    cache: Path

    @property
    def learned(self) -> Path:
        """What was learned from the user's clicks, beside the index: it is not made from documents."""
        return self.index.with_name("learned")

    @property
    def distilled(self) -> Path:
        """Small encoders of queries that were distilled from large models, beside the index."""
        return self.index.with_name("distilled")


def folders(home: Path | None = None) -> Folders:
    """The user's folders, or all below `home` (or $DOCSEARCH_HOME) when that is given."""
    chosen = home or (Path(os.environ[HOME_VARIABLE]) if os.environ.get(HOME_VARIABLE) else None)
    if chosen is not None:
        base = typed_path(chosen)
        return Folders(base / "index", base / "settings.toml", base / "cache")
    from platformdirs import PlatformDirs

    dirs = PlatformDirs("docsearch", appauthor=False)
    return Folders(
        dirs.user_data_path / "index", dirs.user_config_path / "settings.toml", dirs.user_cache_path
    )


def typed_path(path: Path) -> Path:
    """The absolute path a person means; ~ is a home folder where there is one of that name."""
    with suppress(RuntimeError):
        path = path.expanduser()
    return path.absolute()


def is_there(path: Path) -> bool:
    """Whether there is anything at a path, which may be one that no disk can hold."""
    with suppress(OSError, ValueError):
        return path.exists()
    return False


def owner_only(path: str, flags: int) -> int:
    """For `open(…, opener=owner_only)`: a file that does not exist is made for its owner alone."""
    return os.open(path, flags, 0o600)


@contextmanager
def whole_file(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write into, for its owner alone, that takes the place of `path` when the block ends.

    Whoever reads finds the old one or the new one, never a part of it; when the block fails the old one
    stays. A durable one is on the disk before it takes that place.
    """
    new = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with open(new, "wb", opener=owner_only) as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        new.replace(path)
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def load_settings(path: Path) -> Settings:
    """Settings from a TOML file; defaults when there is none.

    Raises:
        SettingsError: the file cannot be read, or a section, key or value in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the settings in {path}: {error}") from error
    return parsed_settings(text, path)


def parsed_settings(text: str, path: Path) -> Settings:
    """The settings that a file of this text has; `path` names it in the SettingsError, raised as above."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"cannot read the settings in {path}: {error}") from error
    sections = {f.name: f.default_factory for f in dataclasses.fields(Settings)}
    unknown = sorted(set(raw) - set(sections))
    if unknown:
        raise SettingsError(
            f"{path}: unknown section [{unknown[0]}]", hint=f"sections are {', '.join(sections)}"
        )
    return Settings(**{name: _section(path, name, sections[name], values) for name, values in raw.items()})


def _section(path: Path, name: str, kind: Any, values: Any) -> Any:
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: {name} must be a section, [{name}]")
    types = get_type_hints(kind)
    for key, value in values.items():
        if key not in types:
            raise SettingsError(
                f"{path}: unknown key {key!r} in [{name}]", hint=f"keys are {', '.join(types)}"
            )
        values[key] = _value(f"{path}: [{name}] {key}", types[key], value)
    return kind(**values)


def _value(where: str, kind: Any, value: Any) -> Any:
    if kind == tuple[str, ...] and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind in (str, int, bool) and type(value) is kind:
        return value
    expected = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}.get(
        kind, "a list of texts"
    )
    raise SettingsError(f"{where} must be {expected}, not {value!r}")
