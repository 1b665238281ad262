from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from docsearch.models.protocols import ModelInput
from docsearch.models.starter.embedder import StarterEmbedder
from docsearch.models.starter.module import starter_model

GRADIENT = Image.linear_gradient("L").convert("RGB")
INPUTS = (
    ModelInput("Total amount due: 1,240.00 including tax, tax and tax"),
    ModelInput(image=GRADIENT),
    ModelInput("A page with both", GRADIENT),
    ModelInput("日本語 のテキスト €"),
    ModelInput(image=Image.new("RGB", (40, 60), "white")),
)


def as_library_input(given: ModelInput) -> dict[str, object]:
    parts = {"text": given.text or None, "image": given.image}
    return {key: value for key, value in parts.items() if value is not None}


@pytest.mark.parametrize("dimensions", [256, 64])
def test_torch_module_and_light_path_give_the_same_vectors(dimensions: int) -> None:
    light, model = StarterEmbedder(dimensions=dimensions), starter_model(dimensions=dimensions)
    given = [as_library_input(i) for i in INPUTS]
    assert model.encode_query(given) == pytest.approx(light.embed_queries(INPUTS), abs=1e-4)
    assert model.encode_document(given) == pytest.approx(light.embed_pages(INPUTS), abs=1e-4)


def test_plain_strings_are_text() -> None:
    vectors = starter_model().encode_query(["report.png", "https://example.invalid/a.png"])
    light = StarterEmbedder().embed_queries(
        [ModelInput("report.png"), ModelInput("https://example.invalid/a.png")]
    )
    assert np.asarray(vectors) == pytest.approx(light, abs=1e-4)


def test_all_weights_can_be_trained() -> None:
    model = starter_model()
    features = model.preprocess([{"text": "tax", "image": GRADIENT}])
    model(features)["sentence_embedding"][0, :9].sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
