"""Models that docsearch builds from classes of transformers give what their makers' code is known to give.

That code lies in their folders, and ends the process when it runs.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from docsearch.errors import ModelUnavailable
from docsearch.models.device import Device
from docsearch.models.pretrained import runs_natively
from docsearch.models.protocols import ModelInput
from docsearch.models.registry import ModelRow, Role
from docsearch.models.sentence import CrossEncoderReranker, SentenceTransformersEmbedder
from tests.models import tiny_native

pytestmark = pytest.mark.skipif(find_spec("torchvision") is None, reason="image processors need torchvision")
QUERY = ModelInput("tax")
PICTURE = Image.linear_gradient("L").convert("RGB").resize((96, 128))
PAGES = [ModelInput("the invoice total"), ModelInput("a chart"), ModelInput(image=PICTURE)]


def jina_row(folder: Path, **keys: Any) -> ModelRow:
    row = ModelRow("jina", Role.RERANKER, source=str(folder), modalities=("text", "image"), image_pixels=128)
    return replace(row, **keys)


def omni_row(folder: Path, **keys: Any) -> ModelRow:
    row = ModelRow(
        "omni",
        Role.EMBEDDER,
        source=str(folder),
        modalities=("text", "image", "text+image"),
        dimensions=32,
        image_pixels=128,
        query_prompt="query: ",
        page_prompt="passage: ",
    )
    return replace(row, **keys)


@pytest.fixture(scope="module")
def jina(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_native.jina(tmp_path_factory.mktemp("jina") / "m0")


@pytest.fixture(scope="module")
def omni(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_native.omni(tmp_path_factory.mktemp("omni") / "3b")


def told_score(folder: Path, said: str, image: Image.Image | None) -> float:
    """The head over the state of the token 100, which follows what is said; no code of docsearch's."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoProcessor, Qwen2VLConfig, Qwen2VLModel

    weights = load_file(folder / "model.safetensors")
    reads = Qwen2VLModel(Qwen2VLConfig.from_pretrained(folder)).eval()
    reads.load_state_dict({k[6:]: v for k, v in weights.items() if k.startswith("model.")})
    given = AutoProcessor.from_pretrained(folder)(text=[said], images=image and [image], return_tensors="pt")
    end = {"input_ids": 100, "attention_mask": 1, "mm_token_type_ids": 0}
    inputs = {
        name: torch.cat([rows, torch.tensor([[end[name]]])], 1) if name in end else rows
        for name, rows in given.items()
    }
    with torch.no_grad():
        state = reads(**inputs).last_hidden_state[0, -1]
        inner = torch.relu(weights["score.0.weight"] @ state + weights["score.0.bias"])
        return float(weights["score.2.weight"] @ inner + weights["score.2.bias"])


def test_a_page_then_the_query_then_a_token_that_is_scored(tmp_path: Path) -> None:
    folder = tiny_native.jina(tmp_path / "m0", old_names=False)
    eye = "<|vision_start|><|image_pad|><|vision_end|>"
    expected = [
        told_score(folder, f"**Document**:\n{page.text or eye}\n**Query**:\ntax", page.image)
        for page in PAGES
    ]
    found = CrossEncoderReranker(jina_row(folder), Device()).score(QUERY, PAGES)
    assert found == pytest.approx(expected, abs=1e-4)
    assert len(set(found.tolist())) == 3


def test_names_of_weights_old_and_new(jina: Path, omni: Path, tmp_path: Path) -> None:
    new = (
        tiny_native.jina(tmp_path / "jina", old_names=False),
        tiny_native.omni(tmp_path / "omni", old_names=False),
    )
    scores = [CrossEncoderReranker(jina_row(f), Device()).score(QUERY, PAGES) for f in (jina, new[0])]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    vectors = [SentenceTransformersEmbedder(omni_row(f), Device()).embed_pages(PAGES) for f in (omni, new[1])]
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-5)


def test_of_a_page_that_is_too_long_the_query_is_still_read(jina: Path) -> None:
    reranker = CrossEncoderReranker(jina_row(jina, max_tokens=640), Device())
    pages = [ModelInput("chart " * times) for times in (10, 400, 500)]
    short, long, longer = reranker.score(QUERY, pages)
    assert long == pytest.approx(longer, abs=1e-5)
    assert abs(short - long) > 1e-3
    assert reranker.score(ModelInput("invoice"), pages)[1] != pytest.approx(long, abs=1e-3)


def test_every_token_sees_those_after_it(omni: Path) -> None:
    reader = SentenceTransformersEmbedder(omni_row(omni), Device()).model[0]
    first = [
        reader.forward(reader.preprocess([text]))["token_embeddings"][0, 0].detach().numpy()
        for text in ("tax report", "tax chart!")
    ]
    assert np.abs(first[0] - first[1]).max() > 1e-3


def test_vectors_are_means_and_what_stands_beside_in_a_batch_does_not_count(omni: Path) -> None:
    embedder = SentenceTransformersEmbedder(omni_row(omni), Device())
    pages = [*PAGES, ModelInput("tax", PICTURE), ModelInput("tax " * 30, PICTURE)]
    together = embedder.embed_pages(pages)
    assert together == pytest.approx(np.concatenate([embedder.embed_pages([p]) for p in pages]), abs=1e-5)
    assert (together @ together.T - np.eye(5)).max() < 0.9999
    reader = embedder.model[0]
    states = reader.forward(reader.preprocess(["the invoice total"], "passage: "))["token_embeddings"][0]
    mean = states.detach().numpy().mean(0)
    assert together[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    assert embedder.embed_queries(PAGES[:1])[0] != pytest.approx(together[0], abs=1e-3)
    plain = SentenceTransformersEmbedder(omni_row(omni, page_prompt=""), Device())
    said = plain.embed_pages([ModelInput("passage: the invoice total"), ModelInput("passage: ", PICTURE)])
    assert said[0] == pytest.approx(together[0], abs=1e-5)


def test_whose_code_is_trusted_runs_with_it(jina: Path, omni: Path) -> None:
    for row, folder in ((jina_row(jina), jina), (omni_row(omni), omni)):
        assert runs_natively(row, folder)
        assert not runs_natively(replace(row, trust_remote_code=True), folder)
    assert not runs_natively(jina_row(omni), omni)


def test_saved_and_opened_again_it_is_the_same(jina: Path, omni: Path, tmp_path: Path) -> None:
    reranker = CrossEncoderReranker(jina_row(jina), Device())
    reranker.model.save_pretrained(str(tmp_path / "jina"))
    again = CrossEncoderReranker(jina_row(tmp_path / "jina"), Device())
    assert again.score(QUERY, PAGES) == pytest.approx(reranker.score(QUERY, PAGES), abs=1e-5)
    embedder = SentenceTransformersEmbedder(omni_row(omni), Device())
    embedder.model.save_pretrained(str(tmp_path / "omni"))
    opened = SentenceTransformersEmbedder(omni_row(tmp_path / "omni"), Device())
    assert opened.embed_pages(PAGES) == pytest.approx(embedder.embed_pages(PAGES), abs=1e-5)


def test_they_take_no_adapters(jina: Path, omni: Path) -> None:
    for model in (
        CrossEncoderReranker(jina_row(jina), Device()).model,
        SentenceTransformersEmbedder(omni_row(omni), Device()).model,
    ):
        with pytest.raises(ModelUnavailable, match="LoRA"):
            model.transformers_model.add_adapter(None)


def test_words_that_stand_for_pictures_are_words_in_a_text(jina: Path, omni: Path) -> None:
    written = ModelInput("see <|image_pad|> after <|vision_start|>", PICTURE)
    reranker = CrossEncoderReranker(jina_row(jina), Device())
    assert len(set(reranker.score(written, [written, *PAGES]).tolist())) == 4
    embedder = SentenceTransformersEmbedder(omni_row(omni), Device())
    vectors = embedder.embed_pages([written, replace(written, image=None), ModelInput(image=PICTURE)])
    assert (vectors @ vectors.T - np.eye(3)).max() < 0.9999


def test_weights_that_are_missing_are_told(jina: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = jina.with_name("without-head")
    folder.mkdir()
    for file in jina.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = {k: v for k, v in load_file(jina / "model.safetensors").items() if not k.startswith("score")}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelUnavailable, match=r"no weights for score\.0\.bias"):
        CrossEncoderReranker(jina_row(folder), Device())


def test_limits_on_pixels_and_on_tokens_reach_them(jina: Path) -> None:
    row = jina_row(jina, min_pixels=1024, max_pixels=4096, max_tokens=1024)
    limited, free = (CrossEncoderReranker(r, Device()) for r in (row, jina_row(jina)))
    page = ModelInput(image=PICTURE)
    assert (limited.visual_tokens(page), free.visual_tokens(page)) == (16, 48)
    assert limited.model.max_seq_length == 1024
