from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from docsearch.config import HOME_VARIABLE, Settings, folders, is_there, load_settings, typed_path
from docsearch.errors import SettingsError

EVERYTHING = """
[index]
workers = 3
passwords = ["one", "zwei"]
page_seconds = 5
memory_mb = 512
[ocr]
engine = "tesseract"
languages = "eng+deu"
[search]
results = 20
rerank = 0
[models]
embedder = "off"
device = "cpu"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_everything_is_as_it_comes(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "settings.toml") == Settings()
    assert load_settings(written(tmp_path, "")) == Settings()


def test_what_is_set_counts_and_the_rest_stays(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, EVERYTHING))
    assert (settings.index.workers, settings.index.passwords) == (3, ("one", "zwei"))
    assert settings.index.page_seconds == 5.0
    assert isinstance(settings.index.page_seconds, float)
    assert settings.index.max_pages == Settings().index.max_pages
    assert (settings.ocr.engine, settings.ocr.languages) == ("tesseract", "eng+deu")
    assert (settings.search.results, settings.search.rerank) == (20, 0)
    assert (settings.models.embedder, settings.models.reranker) == ("off", Settings().models.reranker)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[indexx]\n", r"unknown section \[indexx\]"),
        ("[index]\nworker = 2\n", r"unknown key 'worker' in \[index\]"),
        ("index = 3\n", "must be a section"),
        ('[index]\nworkers = "two"\n', r"workers must be a whole number, not 'two'"),
        ("[index]\nworkers = true\n", "must be a whole number"),
        ("[index]\nworkers = 1.5\n", "must be a whole number"),
        ("[index]\npage_seconds = true\n", "must be a number"),
        ('[index]\npasswords = "one"\n', "must be a list of texts"),
        ("[index]\npasswords = [1]\n", "must be a list of texts"),
        ("[ocr]\nengine = 1\n", "must be a text"),
        ("[index\n", "cannot read the settings"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError, match=said) as caught:
        load_settings(path)
    assert str(path) in caught.value.message
    assert caught.value.exit_code == 2


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot read"):
        load_settings(path)
    with pytest.raises(SettingsError, match="cannot read"):
        load_settings(tmp_path)


def test_everything_lives_below_a_chosen_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    chosen = folders(tmp_path)
    assert (chosen.index, chosen.settings) == (tmp_path / "index", tmp_path / "settings.toml")
    assert chosen.cache.parent == tmp_path
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    assert folders() == chosen
    assert folders(tmp_path / "other") != chosen
    monkeypatch.chdir(tmp_path.parent)
    assert folders(Path(tmp_path.name)) == chosen


def test_the_users_own_folders_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    own = folders()
    assert len({own.index, own.settings, own.cache}) == 3
    for path in (own.index, own.settings, own.cache):
        assert path.is_relative_to(tmp_path)
        assert "docsearch" in path.parts
    assert list(tmp_path.iterdir()) == [], "asking where things live made folders"


def test_paths_as_they_are_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert typed_path(Path("~/a")) == typed_path(Path("a")) == tmp_path / "a"
    assert typed_path(Path("~nobody-of-that-name")) == tmp_path / "~nobody-of-that-name"
    assert is_there(tmp_path)
    for name in ("absent", "x" * 300, "nul\0"):
        assert not is_there(tmp_path / name)


def test_settings_cannot_be_changed_by_accident() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().index = Settings().index  # type: ignore[misc]
