"""Tiny Qwen3-VL, CLIP and ColQwen2 models take every way a real one takes: index, search, rerank, switch, cut
vectors short, open again, check. Their rows stand in the user's models.toml and point at folders.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from docsearch.config import IndexSettings, ModelSettings, OcrSettings, Settings
from docsearch.errors import ModelUnavailable, UsageError
from docsearch.library import Library
from docsearch.library.model_check import check_model
from docsearch.library.model_list import registry_of
from docsearch.records import Failure, Hit, ModelState, PageId, Progress
from tests import documents
from tests.models import tiny, tiny_late, tiny_native, tiny_nemotron

pytestmark = pytest.mark.skipif(find_spec("torchvision") is None, reason="image processors need torchvision")

SETTINGS = Settings(
    index=IndexSettings(workers=1, page_seconds=60),
    ocr=OcrSettings(engine="off"),
    models=ModelSettings(device="cpu"),
)
ROWS = """
[[model]]
name = "qwen"
role = "embedder"
source = "./qwen"
pooling = "lasttoken"
modalities = ["text", "image", "text+image"]
dimensions = 32
matryoshka = [32, 16]
image_pixels = 96

[[model]]
name = "clip"
role = "embedder"
source = "./clip"
modalities = ["text", "image"]
dimensions = 16
image_pixels = 64

[[model]]
name = "qwen-reranker"
role = "reranker"
source = "./qwen-reranker/saved"
modalities = ["text", "image", "text+image"]
image_pixels = 96

[[model]]
name = "bert-reranker"
role = "reranker"
source = "./bert-reranker"
max_tokens = 48

[[model]]
name = "colqwen"
role = "late-interaction"
source = "./colqwen"
modalities = ["image"]
dimensions = 16
token_pooling = 2
image_pixels = 128
"""
OTHER_ROWS = """
[[model]]
name = "{name}"
source = "./{name}"
revision = ""
image_pixels = 96
{more}
"""
OTHERS = {
    "llama-nemotron-embed-vl-1b": (tiny_nemotron.embedder, "dimensions = 32\ntrust_remote_code = true"),
    "omni-embed-nemotron-3b": (tiny_native.omni, "dimensions = 32\nmax_tokens = 0"),
    "llama-nemotron-rerank-vl-1b": (tiny_nemotron.reranker, "trust_remote_code = true"),
    "jina-reranker-m0": (tiny_native.jina, "max_tokens = 2048\nmin_pixels = 0\nmax_pixels = 0"),
}
"""Shipped rows, whose models are replaced by tiny ones of the same layout."""
WORDS = ("rent", "water", "llamas")
SCAN = "scan.pdf"
QUERY = "the tenant pays"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with tiny models, and an index by the starter: three documents of three pages, and a scan."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    home.mkdir()
    (home / "models.toml").write_text(ROWS)
    tiny.tiny_qwen3_vl(home / "qwen")
    tiny.tiny_clip(home / "clip")
    tiny.tiny_qwen3_vl_reranker(home / "qwen-reranker")
    tiny.tiny_bert(home / "bert-reranker", labels=1)
    tiny_late.tiny_colqwen2(home / "colqwen")
    folder = home / "documents"
    folder.mkdir()
    for name in WORDS:
        pages = [f"The tenant pays for {name}", f"A page about {name}", f"What {name} cost, the tenant says"]
        documents.text_pdf(folder / f"{name}.pdf", pages)
    documents.scan_pdf(folder / SCAN, ["the tenant pays"])
    with Library(home, SETTINGS) as library:
        run(library, [folder])
    return home


@pytest.fixture
def home(prepared: Path, tmp_path: Path) -> Path:
    """A copy of it. Documents stay where they are."""
    shutil.copytree(prepared, tmp_path / "home", ignore=shutil.ignore_patterns("documents"))
    return tmp_path / "home"


@pytest.fixture
def library(home: Path) -> Iterable[Library]:
    with Library(home, SETTINGS) as opened:
        yield opened


def run(library: Library, folders: Iterable[Path] = ()) -> list[str]:
    """Indexes; returns the tiers there was work in."""
    events = list(library.index(folders))
    assert [event for event in events if isinstance(event, Failure)] == []
    return [e.tier for e in events if isinstance(e, Progress) and e.tier != "scan"]


def found(library: Library, query: str = QUERY) -> list[Hit]:
    return list(library.search(library.parse(query)).hits)


def pages(hits: Iterable[Hit]) -> list[PageId]:
    return [hit.page for hit in hits]


def state(library: Library, name: str) -> ModelState:
    [model] = [state for state in library.models() if state.name == name]
    return model


def serving(library: Library) -> tuple[str, int]:
    assert library.engine.embedder is not None
    embedder = library.engine.embedder()
    return embedder.name, embedder.dimensions


def in_another_process(home: Path, query: str = QUERY) -> list[tuple[str, int]]:
    """What the command line finds: file and page."""
    command = [sys.executable, "-m", "docsearch", "--home", str(home), "search", "--json", query]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr
    return [(Path(hit["path"]).name, hit["page"]) for hit in json.loads(done.stdout)["hits"]]


def test_models_of_two_makes_are_switched_cut_short_and_opened_again(library: Library, home: Path) -> None:
    library.use_model("qwen")
    assert "vectors" in run(library)
    assert serving(library) == ("qwen", 32)
    whole = found(library)
    assert any("meaning" in hit.scores for hit in whole)
    library.use_model("clip")
    assert "vectors" in run(library)
    assert serving(library) == ("clip", 16)
    assert found(library)
    library.use_model("qwen")
    assert run(library) == []
    assert pages(found(library)) == pages(whole)
    with Library(home, SETTINGS) as again:
        again.settings = replace(SETTINGS, models=library.settings.models)
        anew = found(again)
    assert pages(anew) == pages(whole)
    assert [hit.score for hit in anew] == pytest.approx([hit.score for hit in whole], rel=1e-3)
    library.settings = replace(SETTINGS, models=replace(library.settings.models, dimensions=16))
    library.release_models()
    assert "vectors" in run(library)
    assert serving(library) == ("qwen", 16)
    assert found(library)
    assert state(library, "qwen").pages_embedded == state(library, "clip").pages_embedded == 10
    tables = {table.fingerprint for table in library.store.vector_tables()}
    assert len(tables) == 4  # starter, clip, and qwen at both lengths


@pytest.mark.parametrize("name", ["qwen-reranker", "bert-reranker"])
def test_a_reranker_orders_the_head_and_reads_scans_where_it_can(library: Library, name: str) -> None:
    library.use_model(name)
    hits = found(library)
    assert [hit.scores[name] for hit in hits] == sorted((h.scores[name] for h in hits), reverse=True)
    assert len({round(hit.score, 5) for hit in hits}) > 2
    everything = library.engine.rank(library.parse("scan tenant")).candidates
    [scan] = [c for c in everything if c.page.doc == library.store.files.document_of(path_of(library, SCAN))]
    others = [c.scores[name] for c in everything if c is not scan]
    assert (scan.scores[name] not in others) == (name == "qwen-reranker")


def path_of(library: Library, name: str) -> Path:
    [(_, root, _)] = library.store.files.roots()
    return root / name


def with_shipped_row(home: Path, name: str) -> Library:
    """The library of a home where a shipped row has a tiny model of its layout."""
    build, more = OTHERS[name]
    build(home / name)
    (home / "models.toml").write_text(ROWS + OTHER_ROWS.format(name=name, more=more))
    return Library(home, SETTINGS)


@pytest.mark.parametrize("name", [name for name in OTHERS if "embed" in name])
def test_shipped_rows_of_foreign_layout_index_and_search(home: Path, name: str) -> None:
    with with_shipped_row(home, name) as library:
        library.use_model(name)
        assert "vectors" in run(library)
        assert serving(library) == (name, 32)
        assert any("meaning" in hit.scores for hit in found(library))
        assert state(library, name).pages_embedded == 10
        assert run(library) == []


@pytest.mark.parametrize("name", [name for name in OTHERS if "rerank" in name])
def test_shipped_rows_of_foreign_layout_rerank_text_and_scans(home: Path, name: str) -> None:
    with with_shipped_row(home, name) as library:
        library.use_model(name)
        hits = found(library)
        assert [hit.scores[name] for hit in hits] == sorted((h.scores[name] for h in hits), reverse=True)
        everything = library.engine.rank(library.parse("scan tenant")).candidates
        assert len({round(c.scores[name], 4) for c in everything}) > 2
        scan = library.store.files.document_of(path_of(library, SCAN))
        assert [c.scores[name] for c in everything if c.page.doc == scan]


def test_a_page_whose_file_is_gone_is_reranked_by_its_text(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    gone = documents.text_pdf(folder / "gone.pdf", ["The tenant pays for the goats"])
    run(library, [folder])
    library.use_model("qwen-reranker")
    gone.unlink()
    assert "goats" in " ".join(hit.snippet.text for hit in found(library))


def test_late_interaction_orders_pages_once_their_token_vectors_are_there(
    library: Library, home: Path, tmp_path: Path
) -> None:
    built_in = pages(found(library))
    library.use_model("colqwen")
    assert pages(found(library)) == built_in
    assert "tokens" in run(library)
    assert run(library) == []
    late = found(library)
    scores = [hit.scores["colqwen"] for hit in late]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)
    assert pages(late) != built_in
    assert (state(library, "colqwen").pages_embedded, state(library, "colqwen").in_use) == (10, True)
    (home / "settings.toml").write_text(SETTINGS_FILE)
    assert in_another_process(home) == [(hit.path.name, hit.page.page) for hit in late]
    library.use_model("passages")
    assert pages(found(library)) == built_in
    library.use_model("colqwen")
    assert run(library) == []


SETTINGS_FILE = """
[ocr]
engine = "off"
[models]
device = "cpu"
reranker = "colqwen"
"""


def test_token_vectors_follow_the_documents_and_the_row(library: Library, home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    goats = documents.text_pdf(folder / "goats.pdf", [f"Goat {n}" for n in range(6)])
    library.use_model("colqwen")
    run(library, [folder])
    files = set((home / "index" / "token-vectors").glob("*/*/*"))
    goats.rename(folder / "moved.pdf")
    assert "tokens" not in run(library)
    (folder / "moved.pdf").unlink()
    run(library)
    left = set((home / "index" / "token-vectors").glob("*/*/*"))
    assert left < files
    assert len(files - left) == 2
    (home / "models.toml").write_text(ROWS.replace("token_pooling = 2", "token_pooling = 4"))
    library.release_models()
    assert "tokens" in run(library)
    smaller = set((home / "index" / "token-vectors").glob("*/*/*"))
    assert not smaller & left
    assert sum(f.stat().st_size for f in smaller) < 10 * 1500


def test_stopping_keeps_what_is_made_and_the_rest_waits(library: Library) -> None:
    library.use_model("colqwen")
    events = library.index()
    for event in events:
        if isinstance(event, Progress) and event.tier == "tokens" and event.pages_done:
            break
    events.close()  # type: ignore[attr-defined]
    made = state(library, "colqwen").pages_embedded
    assert 0 < made < 10
    first = found(library)
    assert {hit.page for hit in first} == set(pages(found(library)))
    tiers = [e for e in library.index() if isinstance(e, Progress) and e.tier == "tokens"]
    assert tiers[0].pages_total == 10 - made
    assert state(library, "colqwen").pages_embedded == 10


def test_a_rebuild_keeps_token_vectors(library: Library) -> None:
    from docsearch.ingest.rebuild import rebuild

    library.use_model("colqwen")
    run(library)
    before = pages(found(library))
    list(rebuild(library.store, library.settings, library.embedder))
    assert run(library) == []
    assert [page.page for page in pages(found(library))] == [page.page for page in before]


def test_every_model_is_tried_out(home: Path) -> None:
    registry = registry_of(Library(home, SETTINGS).folders)
    for name, kinds in (
        ("qwen", {"text", "image", "text+image"}),
        ("clip", {"text", "image"}),
        ("qwen-reranker", {"text", "image", "text+image"}),
        ("colqwen", {"image"}),
    ):
        told = check_model(registry.row(name), registry, SETTINGS)
        assert set(told.page_seconds) == kinds
        assert told.right is not None
    assert (told.dimensions, told.page_tokens > 10) == (16, True)


def test_a_model_that_went_away_says_how_to_go_on(library: Library, home: Path) -> None:
    library.use_model("colqwen")
    run(library)
    (home / "colqwen" / "model.safetensors").unlink()
    library.release_models()
    with pytest.raises(ModelUnavailable, match="files are missing"):
        found(library)
    (home / "models.toml").write_text(ROWS.replace('source = "./colqwen"', 'source = "nobody/colqwen"'))
    library.release_models()
    with pytest.raises(ModelUnavailable, match="not on this machine"):
        found(library)


def test_late_interaction_is_no_reranker_to_train(library: Library) -> None:
    library.use_model("colqwen")
    with pytest.raises(UsageError, match="does not train"):
        library.learning._finetuning("reranker")


def test_vectors_are_unit_and_of_the_length_that_was_asked_for(library: Library) -> None:
    library.settings = replace(SETTINGS, models=ModelSettings(embedder="qwen", dimensions=16, device="cpu"))
    run(library)
    embedder = library.base_embedder()
    table = library.store.vectors(embedder.fingerprint, embedder.dimensions)
    vectors = table.begin_sample().result()
    assert vectors.shape == (10, 16)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-2)
