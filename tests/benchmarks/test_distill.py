from __future__ import annotations

import random

import numpy as np

from benchmarks.distill import LatentSemantics
from docsearch.models.protocols import ModelInput

THEMES = ("rent tenant lease deposit landlord", "glacier ice snow summit valley", "violin bow string concert")


def passages() -> list[str]:
    chance = random.Random(1)
    return [" ".join(chance.choices(theme.split(), k=12)) for theme in THEMES for _ in range(30)]


def test_latent_semantics_finds_what_is_said_in_other_words() -> None:
    texts = passages()
    teacher = LatentSemantics(texts, dimensions=3)
    pages = teacher.embed_pages([ModelInput(text=text) for text in texts])
    asked = teacher.embed_queries([ModelInput(text="landlord"), ModelInput(text="nothing known")])
    assert np.argsort(-(pages @ asked[0]))[:10].max() < 30
    assert not asked[1].any()
    np.testing.assert_allclose(np.linalg.norm(pages, axis=1), 1, atol=1e-5)
