"""Settings as they are shown and written back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.config import Settings
from docsearch.errors import SettingsError
from docsearch.library.settings_file import all_settings, edited, save_setting, toml_value, typed_value

BY_NAME = {(found.section, found.key): found for found in all_settings(Settings())}


def test_every_setting_says_what_it_means() -> None:
    count = sum(len(dataclasses.fields(getattr(Settings(), f.name))) for f in dataclasses.fields(Settings))
    assert len(BY_NAME) == count
    assert [found.key for found in BY_NAME.values() if not found.meaning] == []


def test_a_value_is_written_and_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "home" / "settings.toml"
    path.parent.mkdir()
    path.write_text('# mine\n[index]\npasswords = [\n  "a", # first\n  "b",\n]\nworkers = 2 # two\n[view]\n')
    save_setting(path, BY_NAME["index", "workers"], 4)
    save_setting(path, BY_NAME["view", "theme"], "light")
    settings = save_setting(path, BY_NAME["ocr", "languages"], "eng+rus")
    text = path.read_text()
    assert text.startswith('# mine\n[index]\npasswords = [\n  "a", # first\n')
    assert (settings.index.workers, settings.view.theme, settings.ocr.languages) == (4, "light", "eng+rus")
    assert settings.index.passwords == ("a", "b")
    assert save_setting(path, BY_NAME["index", "passwords"], ("c",)).index.passwords == ("c",)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [left.name for left in path.parent.iterdir()] == ["settings.toml"]


def test_a_file_that_is_wrong_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("[nonsense]\n")
    with pytest.raises(SettingsError):
        save_setting(path, BY_NAME["view", "theme"], "light")
    assert path.read_text() == "[nonsense]\n"
    assert [left.name for left in tmp_path.iterdir()] == ["settings.toml"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        (("index", "workers"), " 3 ", 3),
        (("search", "vectors"), "0.5", 0.5),
        (("watch", "screen"), "no", False),
        (("index", "passwords"), "a, b,", ("a", "b")),
        (("view", "viewer"), "mupdf", "mupdf"),
    ],
)
def test_what_is_typed_becomes_a_value_of_the_right_kind(
    name: tuple[str, str], text: str, value: object
) -> None:
    assert typed_value(BY_NAME[name], text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [(("index", "workers"), "x"), (("watch", "screen"), "perhaps"), (("search", "vectors"), "")],
)
def test_what_is_no_value_is_refused(name: tuple[str, str], text: str) -> None:
    with pytest.raises(SettingsError):
        typed_value(BY_NAME[name], text)


@given(st.text(), st.sampled_from(["", "[view]\n", '[view]\nviewer = "x"\n', "[ocr]\n"]))
def test_any_text_survives_the_file(text: str, before: str) -> None:
    import tomllib

    usable = text.encode("utf-8", "replace").decode()
    assert tomllib.loads(edited(before, "view", "viewer", toml_value(usable)))["view"]["viewer"] == usable
