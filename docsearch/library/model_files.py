"""Fetches and removes the files of models, and pins in the user's models.toml what was fetched."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from docsearch.config import Folders, Settings, whole_file
from docsearch.errors import ModelUnavailable, SettingsError, StorageFull, UsageError
from docsearch.library.model_list import in_use, model_row, registry_of, user_rows
from docsearch.library.settings_file import toml_value
from docsearch.models.hub import RemoteModel, Told, look_up, pull
from docsearch.models.local import local_files, remove_files
from docsearch.models.registry import ModelRow, Registry, Runtime

_HEADING = re.compile(r"^[ \t]*\[\[[ \t]*model[ \t]*\]\][^\n]*\n", re.MULTILINE)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Offer:
    """A model as the hub has it, ready to be fetched."""

    row: ModelRow
    remote: RemoteModel
    revision: str
    trust: bool


def find_model(
    settings: Settings, folders: Folders, name: str, *, revision: str = "", trust: bool = False
) -> Offer:
    """Asks the hub for a model of models.toml, in the row's revision or another one.

    `trust` lets code that comes with it be fetched, and be run when the model is loaded.

    Raises ModelUnavailable and UsageError as `look_up` does.
    """
    row = model_row(settings, registry_of(folders), name)
    if row.runtime is Runtime.STARTER and not row.source:
        raise UsageError(f"'{name}' came with docsearch; there is nothing to fetch")
    trust = trust or row.trust_remote_code
    return Offer(row, look_up(row, revision, with_code=trust), revision, trust)


def fetch_model(folders: Folders, offer: Offer, tell: Told) -> Path:
    """Fetches what is not here, checks all of it, and pins the revision; returns the folder.

    Raises ModelUnavailable and StorageFull as `pull` does; what was fetched is gone on with next time.
    """
    folder = pull(offer.row, offer.remote, tell, offer.revision)
    pinned: dict[str, str | bool] = {}
    if offer.row.revision != offer.remote.commit:
        pinned["revision"] = offer.remote.commit
    if offer.trust and not offer.row.trust_remote_code:
        pinned["trust_remote_code"] = True
    if pinned:
        change_row(user_rows(folders), offer.row.name, pinned)
    return folder


def remove_model(settings: Settings, folders: Folders, name: str) -> int:
    """Removes a model's files from the hub's cache; returns the bytes that gave back.

    Raises:
        UsageError: it is in use, or its files are not the cache's.
        ModelUnavailable: there is no such model, or it is not here.
    """
    row = removable_row(settings, registry_of(folders), name)
    return remove_files(row)


def removable_row(settings: Settings, registry: Registry, name: str) -> ModelRow:
    """The row of a model whose files may be removed; raises as `remove_model` does."""
    row = model_row(settings, registry, name)
    files = local_files(row)
    if row.runtime is Runtime.STARTER and not row.source:
        raise UsageError(f"'{name}' came with docsearch and stays")
    if files.own:
        raise UsageError(f"model '{name}' lies in a folder of yours, {row.source}", hint="remove it yourself")
    if in_use(settings, row.role) == name:
        raise UsageError(f"model '{name}' is in use", hint="docsearch models use another one first")
    if not files.size:
        raise ModelUnavailable(f"model '{name}' is not on this machine")
    return row


def change_row(file: Path, name: str, values: Mapping[str, str | bool]) -> None:
    """Sets keys of a row in the user's models.toml; all else in the file stays as it was.

    Raises:
        SettingsError: the file cannot be read, or the row cannot be changed without harm.
        StorageFull: it cannot be written.
    """
    try:
        old = file.read_text("utf-8") if file.exists() else ""
        new = _changed(old, name, values)
        if tomllib.loads(new) != _expected(tomllib.loads(old), name, values):
            raise SettingsError(f"{file}: the row of '{name}' cannot be changed; write {dict(values)} there")
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with whole_file(file) as target:
            target.write(new.encode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    except OSError as error:
        raise StorageFull(f"cannot write {file}: {error.strerror}") from error


def _expected(content: dict[str, object], name: str, values: Mapping[str, str | bool]) -> dict[str, object]:
    """What the file should say then."""
    rows = content.get("model", [])
    assert isinstance(rows, list)
    changed = [{**row, **values} if row.get("name") == name else row for row in rows]
    if changed == rows and not any(row.get("name") == name for row in rows):
        changed.append({"name": name, **values})
    return {**content, "model": changed}


def _changed(text: str, name: str, values: Mapping[str, str | bool]) -> str:
    """The text with the keys set in the row's table, or in one more at the end."""
    lines = "".join(f"{key} = {toml_value(value)}\n" for key, value in values.items())
    place = _row_place(text, name)
    if place is None:
        before = f"{text.rstrip()}\n\n" if text.strip() else ""
        return f"{before}[[model]]\nname = {toml_value(name)}\n{lines}"
    start, end = place
    own = text[start:end].splitlines(keepends=True)
    kept = "".join(line for line in own if line.partition("=")[0].strip() not in values)
    return text[:start] + lines + kept + text[end:]


def _row_place(text: str, name: str) -> tuple[int, int] | None:
    """Where the table of a row begins, after its heading, and ends."""
    headings = list(_HEADING.finditer(text))
    rows = tomllib.loads(text).get("model", [])
    if len(headings) != len(rows):
        return None
    ends = [*(heading.start() for heading in headings), len(text)][1:]
    for heading, end, row in zip(headings, ends, rows, strict=True):
        if row.get("name") == name:
            return heading.end(), end
    return None
