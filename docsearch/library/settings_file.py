"""The settings as a person sees them: each with what it means, and written back into their file.

The file is edited line by line, so that comments and order in it stay.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docsearch import config
from docsearch.config import Settings, parsed_settings, whole_file
from docsearch.errors import SettingsError, StorageFull

Value = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        section: the section of the file.
        key: the key in it.
        value: what is set, or the default.
        default: what it is when nothing is set.
        meaning: a sentence in the user's words.
    """

    section: str
    key: str
    value: Value
    default: Value
    meaning: str

    @property
    def secret(self) -> bool:
        """Whether its value is not for showing."""
        return self.key == "passwords"


def all_settings(settings: Settings) -> list[Setting]:
    """Every setting, in the order of the sections."""
    meanings = _meanings()
    found = []
    for section in dataclasses.fields(settings):
        values = getattr(settings, section.name)
        defaults = type(values)()
        for field in dataclasses.fields(values):
            meaning = meanings.get((type(values).__name__, field.name), "")
            value, default = getattr(values, field.name), getattr(defaults, field.name)
            found.append(Setting(section.name, field.name, value, default, meaning))
    return found


def _meanings() -> dict[tuple[str, str], str]:
    """The sentence behind each field of the settings classes, read from their source."""
    found: dict[tuple[str, str], str] = {}
    for node in ast.parse(inspect.getsource(config)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for field, text in zip(node.body, node.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                found[node.name, field.target.id] = _sentence(text)
    return found


def _sentence(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return " ".join(str(node.value.value).split())
    return ""


def typed_value(setting: Setting, text: str) -> Value:
    """What a typed text means as a value of this setting.

    Raises:
        SettingsError: it is none.
    """
    text = text.strip()
    try:
        if isinstance(setting.default, bool):
            return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}[
                text.lower()
            ]
        if isinstance(setting.default, int):
            return int(text)
        if isinstance(setting.default, float):
            return float(text)
    except (KeyError, ValueError) as error:
        kind = {bool: "yes or no", int: "a whole number", float: "a number"}[type(setting.default)]
        raise SettingsError(f"{setting.key} must be {kind}") from error
    if isinstance(setting.default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def setting_named(settings: Settings, section: str, key: str) -> Setting:
    """One setting by its name."""
    return next(found for found in all_settings(settings) if (found.section, found.key) == (section, key))


def save_setting(path: Path, setting: Setting, value: Value) -> Settings:
    """Writes a value into the file and returns the settings as they are then.

    Raises:
        SettingsError: the file would no longer be one of settings; it stays as it was.
        StorageFull: the file cannot be written.
    """
    try:
        old = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the settings in {path}: {error}") from error
    text = edited(old, setting.section, setting.key, toml_value(value))
    settings = parsed_settings(text, path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with whole_file(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise StorageFull(f"cannot write {path}: {error.strerror}") from error
    return settings


def edited(text: str, section: str, key: str, value: str) -> str:
    """The text of a settings file with one value set; everything else as it was."""
    lines = text.splitlines()
    start = _section_start(lines, section)
    if start is None:
        blank = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *blank, f"[{section}]", f"{key} = {value}"]) + "\n"
    end = next((n for n in range(start, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
    wanted = re.compile(rf"\s*{re.escape(key)}\s*=")
    for number in range(start, end):
        if wanted.match(lines[number]):
            last = _last_line(lines, number, end)
            return "\n".join([*lines[:number], f"{key} = {value}", *lines[last + 1 :]]) + "\n"
    return "\n".join([*lines[:start], f"{key} = {value}", *lines[start:]]) + "\n"


def _section_start(lines: list[str], section: str) -> int | None:
    heading = re.compile(rf"\s*\[\s*{re.escape(section)}\s*\]")
    return next((number + 1 for number, line in enumerate(lines) if heading.match(line)), None)


def _last_line(lines: list[str], first: int, end: int) -> int:
    """The last line of a value, which may be a list over several lines."""
    opened = 0
    for number in range(first, end):
        opened += lines[number].count("[") - lines[number].count("]")
        if opened <= 0:
            return number
    return end - 1


def toml_value(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(part) for part in value) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'
    return str(value)
