"""Models laid out as NVIDIA's llama-nemotron ones run with their own code, once it is trusted."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from docsearch.errors import ModelUnavailable
from docsearch.models.device import Device
from docsearch.models.protocols import ModelInput
from docsearch.models.registry import ModelRow, Registry, Role
from docsearch.models.sentence import CrossEncoderReranker, SentenceTransformersEmbedder
from tests.models import tiny_nemotron

pytestmark = pytest.mark.skipif(find_spec("torchvision") is None, reason="image processors need torchvision")
WIDE, HIGH = (Image.linear_gradient("L").convert("RGB").resize(size) for size in ((128, 96), (96, 128)))
PAGES = [
    ModelInput("the invoice total"),
    ModelInput("a chart"),
    ModelInput(image=WIDE),
    ModelInput(image=HIGH),
    ModelInput("a chart", HIGH),
]


def row(folder: Path, name: str) -> ModelRow:
    """The shipped row, with a tiny model in the place of the real one, trusted."""
    shipped = Registry.read().row(name)
    return replace(
        shipped,
        source=str(folder),
        revision="",
        dimensions=32 if shipped.role is Role.EMBEDDER else 0,
        image_pixels=128,
        trust_remote_code=True,
    )


@pytest.fixture(scope="module")
def embedding(tmp_path_factory: pytest.TempPathFactory) -> ModelRow:
    folder = tiny_nemotron.embedder(tmp_path_factory.mktemp("nemotron") / "embed")
    return row(folder, "llama-nemotron-embed-vl-1b")


@pytest.fixture(scope="module")
def reranking(tmp_path_factory: pytest.TempPathFactory) -> ModelRow:
    folder = tiny_nemotron.reranker(tmp_path_factory.mktemp("nemotron") / "rerank")
    return row(folder, "llama-nemotron-rerank-vl-1b")


def test_texts_pictures_and_both_have_vectors(embedding: ModelRow) -> None:
    embedder = SentenceTransformersEmbedder(embedding, Device())
    vectors = embedder.embed_pages(PAGES)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert (vectors @ vectors.T - np.eye(5)).max() < 0.9999
    alone = np.concatenate([embedder.embed_pages([page]) for page in PAGES])
    assert vectors == pytest.approx(alone, abs=1e-4)


def test_a_picture_is_as_many_tokens_as_it_may_have_tiles(embedding: ModelRow) -> None:
    embedder = SentenceTransformersEmbedder(embedding, Device())
    assert embedder.visual_tokens(PAGES[2]) == embedder.visual_tokens(PAGES[3]) == 2 * 4


def test_the_words_before_queries_and_pages_are_the_models_own(embedding: ModelRow) -> None:
    own = SentenceTransformersEmbedder(embedding, Device())
    named = replace(embedding, query_prompt="query: ", page_prompt="passage: ")
    told = SentenceTransformersEmbedder(named, Device())
    query, page = own.embed_queries(PAGES[:1])[0], own.embed_pages(PAGES[:1])[0]
    assert np.abs(query - page).max() > 1e-3
    assert query == pytest.approx(told.embed_queries(PAGES[:1])[0], abs=1e-6)
    assert page == pytest.approx(told.embed_pages(PAGES[:1])[0], abs=1e-6)


def test_texts_pictures_and_both_are_reranked(reranking: ModelRow) -> None:
    reranker = CrossEncoderReranker(reranking, Device())
    scores = reranker.score(ModelInput("tax"), PAGES)
    assert len({round(score, 5) for score in scores.tolist()}) == 5
    alone = [reranker.score(ModelInput("tax"), [page])[0] for page in PAGES]
    assert scores == pytest.approx(np.array(alone), abs=1e-4)
    assert np.abs(scores - reranker.score(ModelInput("revenue"), PAGES)).min() > 1e-6


def test_words_that_stand_for_pictures_are_words_in_a_text(embedding: ModelRow, reranking: ModelRow) -> None:
    written = ModelInput("see <IMG_CONTEXT> in <img>", HIGH)
    embedder, reranker = (
        SentenceTransformersEmbedder(embedding, Device()),
        CrossEncoderReranker(reranking, Device()),
    )
    assert embedder.embed_pages([written]).any()
    assert np.isfinite(reranker.score(written, [written, PAGES[3]])).all()


def test_their_code_is_refused_until_it_is_trusted(embedding: ModelRow, reranking: ModelRow) -> None:
    for row, load in ((embedding, SentenceTransformersEmbedder), (reranking, CrossEncoderReranker)):
        for needs in (True, False):
            with pytest.raises(ModelUnavailable, match="code that comes with it"):
                load(replace(row, trust_remote_code=False, needs_remote_code=needs), Device())
