"""A whole round that trains the shipped embedder: from the click log through the gate and back."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("accelerate", reason="needs pip install docsearch[train]")
pytest.importorskip("datasets", reason="needs pip install docsearch[train]")
pytest.importorskip("peft", reason="needs pip install docsearch[train]")

from docsearch.config import IndexSettings, OcrSettings, Settings
from docsearch.errors import UsageError
from docsearch.learn.state import QUERY_MODEL
from docsearch.library import Library
from docsearch.models.protocols import ModelInput
from docsearch.records import TrainingStatus

SUBJECTS = (
    "harbour orchard violin glacier lantern compass meadow furnace bridge saddle pepper marble anchor "
    "thunder velvet copper willow canyon beacon riddle falcon cellar basket garden mirror"
).split()
PLACES = "Oslo Lisbon Dublin Madrid Vienna Prague Athens Berlin Turin Gdansk Bergen Porto".split()
PATIENCE_SECONDS = 300


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Three hundred texts, and forty searches with what was opened in them."""
    tmp_path = tmp_path_factory.mktemp("round")
    folder = tmp_path / "documents"
    folder.mkdir()
    for subject in SUBJECTS:
        for place in PLACES:
            text = f"The {subject} of {place}\nEverything about a {subject} found near {place} in spring.\n"
            (folder / f"{subject}-{place}.txt").write_text(text)
    settings = Settings(index=IndexSettings(workers=1), ocr=OcrSettings(engine="off"))
    with Library(tmp_path / "home", settings) as library:
        list(library.index([folder]))
        for number in range(40):
            query = f"{SUBJECTS[number % len(SUBJECTS)]} {PLACES[number % len(PLACES)]}"
            search = library.clicks.begin(library.search(library.parse(query)), "cli")
            assert search is not None
            first, *others = search.impressions
            opened = (replace(first, opened=1, seen=True), *others)
            library.clicks.put(replace(search, at=1000.0 + number, impressions=opened))
        yield library


def test_a_round_trains_judges_and_leaves_nothing_but_the_model_behind(
    library: Library, tmp_path: Path
) -> None:
    pairs = library.learning.start_finetuning()
    assert pairs >= 200
    assert library.learning.start_finetuning() == 0, "it runs already"
    trained = _wait(library)
    assert trained.losses
    assert trained.ndcg10
    result = shutil.copytree(library.folders.learned / "training-embedder" / "result", tmp_path / "result")

    outcome = library.learning.finish_finetuning(promote=False)
    assert outcome.queries == 40
    assert outcome.verdict is not None
    assert outcome.verdict.figures.queries >= 10
    assert library.learning.training().state == ""
    assert not list(library.folders.learned.glob("training-*")), "texts of pages stay"
    assert library.learning.status().live == 0

    base = library.base_embedder()
    asked, page = [ModelInput("harbour Oslo")], [ModelInput("The harbour of Oslo")]
    state = library.learning.states.add({}, 40, None, {}, {QUERY_MODEL: result})
    library.learning.states.promote(state.number)
    tuned = library.learning.embedder_in_use(base)
    assert tuned.fingerprint == base.fingerprint
    assert np.array_equal(tuned.embed_pages(page), base.embed_pages(page))
    assert not np.allclose(tuned.embed_queries(asked), base.embed_queries(asked))
    assert library.search(library.parse("harbour Oslo")).hits[0].path.name == "harbour-Oslo.txt"
    assert "a finetuned query model" in library.learning.status().live_parts

    copy = library.learning.export_model(tmp_path / "copy")
    assert (copy / "README.md").is_file()
    assert "harbour" not in (copy / "README.md").read_text(), "words of a document"
    with pytest.raises(UsageError, match="already"):
        library.learning.export_model(copy)

    assert library.learning.go_back() == 0
    assert library.learning.embedder_in_use(base) is base
    with pytest.raises(UsageError, match="no finetuned model"):
        library.learning.export_model(tmp_path / "other")


def test_the_built_in_reranker_is_not_trained(library: Library) -> None:
    with pytest.raises(UsageError, match="no reranker to train"):
        library.learning.start_finetuning("reranker")


def test_too_little_to_train_on_is_said(library: Library) -> None:
    library.clicks.index.clicks.forget_before(1035.0)
    with pytest.raises(UsageError, match="5 queries with a chosen page"):
        library.learning.start_finetuning()


def _wait(library: Library) -> TrainingStatus:
    """The training when it is done."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        training = library.learning.training()
        assert training.state in ("waiting", "running", "done"), training.reason
        if training.state == "done":
            return training
        time.sleep(0.1)
    raise AssertionError("training takes too long")
