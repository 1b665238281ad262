"""Switching models: the old one serves until the new one's vectors are made, and is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from docsearch.config import IndexSettings, ModelSettings, OcrSettings, Settings, load_settings
from docsearch.errors import ModelUnavailable, UsageError
from docsearch.library import Library
from docsearch.models.starter.embedder import SHIPPED
from docsearch.models.starter.weights import StarterWeights, write_weights
from docsearch.records import ModelState, Progress
from tests import documents

SETTINGS = Settings(
    index=IndexSettings(workers=1, page_seconds=60),
    ocr=OcrSettings(engine="off"),
)


@pytest.fixture(autouse=True)
def no_models_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Three documents indexed with the starter; 'other' is a model of the same make."""
    home, folder = tmp_path / "home", tmp_path / "documents"
    other_weights(tmp_path / "other")
    folder.mkdir()
    home.mkdir()
    (home / "models.toml").write_text(
        f'[[model]]\nname = "other"\nrole = "embedder"\nruntime = "starter"\ndimensions = 256\n'
        f"source = {json.dumps(str(tmp_path / 'other'))}\nmodalities = ['text', 'image', 'text+image']\n"
        '[[model]]\nname = "late"\nrole = "late-interaction"\nsource = "nobody/nothing"\ndimensions = 128\n'
    )
    for name in ("rent", "water", "llamas"):
        documents.text_pdf(folder / f"{name}.pdf", [f"The tenant pays for {name}", f"More about {name}"])
    with Library(home, SETTINGS) as opened:
        list(opened.index([folder]))
        yield opened


def other_weights(folder: Path) -> None:
    """The starter with the picture side turned around."""
    folder.mkdir()
    shipped = StarterWeights.read(SHIPPED)
    write_weights(
        folder, shipped.tokenizer, shipped.tokens, shipped.scales, shipped.mean, -shipped.projection
    )


def serving(library: Library) -> tuple[str, int]:
    """The embedder that searches go by, and its dimensions."""
    assert library.engine.embedder is not None
    embedder = library.engine.embedder()
    return embedder.name, embedder.dimensions


def state(library: Library, name: str) -> ModelState:
    [found] = [state for state in library.models() if state.name == name]
    return found


def fingerprint_of(library: Library, model: str) -> str:
    """The fingerprint of the model's vectors."""
    [found] = [made.fingerprint for made in library.store.vector_models.all() if made.model == model]
    return found


def test_the_model_before_serves_until_the_new_one_has_vectors_for_as_many_pages(library: Library) -> None:
    assert serving(library) == ("starter", 256)
    library.use_model("other")
    assert serving(library) == ("starter", 256)
    list(library.index())
    _, *others = sorted(library.store.documents.live())
    library.store.documents.forget_vectors(fingerprint_of(library, "other"), others)
    assert (state(library, "other").pages_embedded, state(library, "starter").pages_embedded) == (2, 6)
    assert serving(library) == ("starter", 256)
    list(library.index())
    assert serving(library) == ("other", 256)


def test_switching_back_costs_nothing(library: Library) -> None:
    library.use_model("other")
    list(library.index())
    library.use_model("starter")
    assert serving(library) == ("starter", 256)
    assert not [e for e in library.index() if isinstance(e, Progress) and e.tier == "vectors"]


def test_a_switch_is_written_and_a_length_the_model_cannot_have_is_not_kept(library: Library) -> None:
    library.settings = replace(SETTINGS, models=ModelSettings(dimensions=128))
    library.use_model("other")
    kept = load_settings(library.folders.settings)
    assert kept.models == ModelSettings(embedder="other", dimensions=0) == library.settings.models
    assert (state(library, "other").in_use, state(library, "starter").in_use) == (True, False)


def test_a_model_that_went_missing_does_not_stand_in(library: Library, tmp_path: Path) -> None:
    library.use_model("other")
    list(library.index())
    documents.text_pdf(tmp_path / "documents" / "more.pdf", ["Another page about goats"])
    list(library.index())
    library.use_model("starter")
    assert serving(library)[0] == "other"
    (tmp_path / "other" / "weights.npz").unlink()
    library.release_models()
    assert serving(library)[0] == "starter"


def test_what_cannot_be_used_is_refused_and_changes_nothing(library: Library) -> None:
    before = library.settings
    for name, error in (
        ("qwen3-vl-embedding-2b", ModelUnavailable),
        ("no such model", ModelUnavailable),
        ("late", ModelUnavailable),
        ("off", UsageError),
    ):
        with pytest.raises(error):
            library.use_model(name)
    assert library.settings is before
    assert not library.folders.settings.exists()


def test_a_reranker_and_a_generator_are_switched_each_in_its_place(library: Library, tmp_path: Path) -> None:
    library.use_model("passages")
    assert library.settings.models.reranker == "passages"
    file = tmp_path / "small.gguf"
    file.write_bytes(b"GGUF")
    library.use_model(str(file))
    assert load_settings(library.folders.settings).answers.model == str(file)
    assert state(library, str(file)).in_use
    assert replace(library.settings, answers=SETTINGS.answers) == SETTINGS


def test_the_list_says_what_is_here_and_what_fits(library: Library) -> None:
    starter, big = state(library, "starter"), state(library, "qwen3-vl-embedding-2b")
    assert (starter.role, starter.installed, starter.fits, starter.in_use) == ("embedder", True, True, True)
    assert (starter.pages_embedded, starter.pages_total) == (6, 6)
    assert starter.disk_bytes > 1_000_000
    assert (big.installed, big.folder, big.in_use, big.pages_embedded) == (False, None, False, 0)
    assert big.memory_bytes > 2 * big.parameters


def test_the_status_of_an_index_needs_no_model_that_is_slow_to_load(library: Library) -> None:
    models = replace(library.settings.models, embedder="qwen3-vl-embedding-2b", device="cpu")
    library.settings = replace(library.settings, models=models)
    library.release_models()
    assert library.status().pages_waiting_for_vectors == 6
    library.store.vector_models.note("aa", "qwen3-vl-embedding-2b", 2048)
    for document in library.store.documents.live():
        library.store.documents.embedded(document, "aa")
    assert library.status().pages_waiting_for_vectors == 0
