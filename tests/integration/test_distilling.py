"""Distilling a model of real architecture on an index: who reads queries then, and the way back."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from docsearch.config import IndexSettings, ModelSettings, OcrSettings, Settings
from docsearch.errors import ModelUnavailable, UsageError
from docsearch.learn.distill import FEWEST, Distilling
from docsearch.library import Library
from docsearch.library.distilling import distil, distilled_models, remove_distilled, teacher_row
from docsearch.models.device import gpu_is_here
from docsearch.models.distilled import DistilledQueries, student_file
from docsearch.models.registry import Registry
from docsearch.models.sentence import SentenceTransformersEmbedder
from docsearch.records import DistilledModel, DistillStep, ModelState
from tests.models.tiny import tiny_bert

WORDS = (
    "harbour orchard violin glacier lantern compass meadow furnace bridge saddle pepper marble anchor "
    "thunder velvet copper willow canyon beacon riddle falcon cellar basket garden mirror"
).split()
SETTINGS = Settings(
    index=IndexSettings(workers=1),
    ocr=OcrSettings(engine="off"),
    models=ModelSettings(embedder="tiny", device="cpu"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DistilledModel]:
    """A home with thirty texts that a tiny BERT embedded and was distilled on."""
    folder = tmp_path_factory.mktemp("distilling")
    home, texts = folder / "home", folder / "texts"
    tiny_bert(folder / "bert")
    home.mkdir()
    texts.mkdir()
    row = {"name": "tiny", "role": "embedder", "source": str(folder / "bert"), "pooling": "mean"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in {**row, "dimensions": 16}.items()]
    (home / "models.toml").write_text("\n".join(["[[model]]", *lines]), "utf-8")
    chance = random.Random(1)
    for number in range(30):
        said = [" ".join(chance.choices(WORDS, k=9)) + "." for _ in range(12)]
        (texts / f"{number}.txt").write_text("\n".join(said), "utf-8")
    with Library(home, SETTINGS) as library:
        list(library.index([texts]))
        *steps, outcome = distil(library, "tiny", queries=1500, seconds=600.0, anyway=True)
    assert isinstance(outcome, DistilledModel)
    assert {step.what for step in steps if isinstance(step, DistillStep)} >= {"the model reads queries"}
    return home, outcome


def opened(home: Path, embedder: str = "tiny") -> Library:
    return Library(home, replace(SETTINGS, models=replace(SETTINGS.models, embedder=embedder)))


def reading(library: Library) -> DistilledModel | None:
    return library.chosen_models.reads_queries(library.store)


def state(library: Library, name: str) -> ModelState:
    [found] = [state for state in library.models() if state.name == name]
    return found


def test_the_figures_are_of_queries_it_did_not_learn_from(made: tuple[Path, DistilledModel]) -> None:
    _, outcome = made
    assert outcome.learned_from >= FEWEST
    assert outcome.figures.queries > 50
    assert outcome.figures.with_page == outcome.figures.queries
    assert outcome.figures.cosine > 0.5
    assert 0 <= outcome.figures.overlap10 <= outcome.figures.first10 <= 1


def test_queries_are_read_without_the_large_model_and_without_torch(
    made: tuple[Path, DistilledModel],
) -> None:
    home, outcome = made
    with opened(home) as library:
        assert reading(library) == outcome
        assert library.status().distilled == "tiny"
        assert "reads queries" in state(library, "tiny").queries
        assert library.engine.embedder is not None
        embedder = library.engine.embedder()
        assert isinstance(embedder, DistilledQueries)
        assert embedder is library.engine.embedder()
    code = (
        "import sys; from pathlib import Path; from docsearch.library import Library\n"
        "from docsearch.config import ModelSettings, Settings\n"
        "settings = Settings(models=ModelSettings(embedder='tiny', device='cpu'))\n"
        f"with Library(Path({str(home)!r}), settings) as library:\n"
        "    hits = library.search(library.parse('harbour violin')).hits\n"
        "    assert hits and any('meaning' in hit.scores for hit in hits), hits\n"
        "assert not {'torch', 'sentence_transformers'} & set(sys.modules), 'torch was loaded'\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_another_models_vectors_are_never_searched_with_it(made: tuple[Path, DistilledModel]) -> None:
    home, _ = made
    with opened(home, embedder="starter") as library:
        list(library.index())
        assert reading(library) is None
        assert "no GPU" in state(library, "tiny").queries
    with opened(home, embedder="off") as library:
        assert reading(library) is None


def test_page_vectors_are_still_the_large_models(made: tuple[Path, DistilledModel]) -> None:
    home, outcome = made
    with opened(home) as library:
        assert library.embedder is not None
        embedder = library.embedder()
        assert isinstance(embedder, SentenceTransformersEmbedder)
        assert embedder.fingerprint == outcome.fingerprint
        assert embedder is library.embedder(), "it is loaded once"
        library.release_models()
        assert embedder is library.embedder(), "one in use is neither given back nor loaded twice"


def test_one_that_is_not_good_enough_is_not_used(
    made: tuple[Path, DistilledModel],
) -> None:
    home, before = made
    with opened(home) as library:
        teacher = library.chosen_models.named("tiny")
        strict = Distilling(library.clicks, teacher, library.folders.distilled, keep=2.0)
        *_, outcome = strict.run(queries=1000)
        assert isinstance(outcome, DistilledModel)
        assert not outcome.in_use
        assert reading(library) == before, "the one before is still there"
        assert len(list(library.folders.distilled.glob("teacher-*"))) == 1, "to be gone on with"


def test_without_vectors_or_with_too_little_to_read_it_says_so(
    made: tuple[Path, DistilledModel], tmp_path: Path
) -> None:
    home, _ = made
    (tmp_path / "models.toml").write_bytes((home / "models.toml").read_bytes())
    (tmp_path / "few.txt").write_text("The tenant pays the rent.", "utf-8")
    with opened(tmp_path) as library:
        with pytest.raises(UsageError, match="no page has a vector"):
            list(distil(library, "tiny", queries=1000, seconds=600.0))
        list(library.index([tmp_path / "few.txt"]))
        with pytest.raises(UsageError, match="too few queries"):
            list(distil(library, "tiny", queries=1000, seconds=600.0))
        with pytest.raises(ModelUnavailable, match="was not distilled"):
            remove_distilled(library, "starter")


def test_only_large_embedders_are_distilled() -> None:
    registry = Registry.read()
    for name, reason in (("starter", "milliseconds"), ("qwen3-4b", "generator")):
        with pytest.raises(UsageError, match=reason):
            teacher_row(registry, name)
    with pytest.raises(ModelUnavailable):
        teacher_row(registry, "nobody")


def test_held_out_queries_are_the_same_in_every_run(made: tuple[Path, DistilledModel]) -> None:
    home, _ = made
    with opened(home) as library:
        assert library.embedder is not None
        work = Distilling(library.clicks, library.embedder(), library.folders.distilled)
        first, more = work.split(1000), work.split(1000)
        assert first == more
        held_out = {query.content for query in first.held_out}
        assert held_out
        assert held_out.isdisjoint(query.content for query in first.learned)


def test_the_way_back(made: tuple[Path, DistilledModel]) -> None:
    home, outcome = made
    with opened(home) as library:
        assert remove_distilled(library, "tiny") == 1
        assert distilled_models(library) == []
        assert not student_file(library.folders.distilled, outcome.fingerprint).exists()
        assert reading(library) is None
        assert library.engine.embedder is not None
        assert isinstance(library.engine.embedder(), SentenceTransformersEmbedder)


def test_a_large_model_that_is_given_back_is_gone_and_is_loaded_again(
    made: tuple[Path, DistilledModel],
) -> None:
    home, _ = made
    with opened(home) as library:
        query = library.parse("harbour violin")
        first = library.search(query).hits
        assert library.engine.embedder is not None
        held = weakref.ref(library.engine.embedder())
        assert library.loaded.give_back()
        assert held() is None, "something else still holds it"
        assert library.search(query).hits == first


def test_a_processor_is_no_gpu() -> None:
    assert not gpu_is_here("cpu")


def test_a_reranker_is_only_loaded_when_it_has_something_to_order(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    row = '[[model]]\nname = "broken"\nrole = "reranker"\nsource = "./empty"\n'
    (tmp_path / "models.toml").write_text(row, "utf-8")
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text(f"The tenant pays the rent of number {name}.", "utf-8")
    models = ModelSettings(reranker="broken", device="cpu")
    with Library(tmp_path, replace(SETTINGS, models=models)) as library:
        list(library.index([tmp_path / "one.txt", tmp_path / "two.txt"]))
        assert library.status().reranker == "broken"
        assert library.search(library.parse("one")).hits
        with pytest.raises(ModelUnavailable, match="broken"):
            library.search(library.parse("rent"))
