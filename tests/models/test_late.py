"""Tiny models of the architectures of late interaction, through the code that loads the real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.models.device import Device
from docsearch.models.late import LateInteractionEncoder, fingerprint
from docsearch.models.protocols import ModelInput
from docsearch.models.registry import ModelRow, Role
from docsearch.search.late import maxsim
from tests.models import tiny, tiny_late

pytestmark = pytest.mark.skipif(find_spec("torchvision") is None, reason="image processors need torchvision")
QUERY = ModelInput("total amount of the invoice")


def page(text: str, size: tuple[int, int] = (96, 128)) -> ModelInput:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((4, 4), text, "black")
    return ModelInput(image=image)


PAGES = (page("invoice"), page("tax report"), page("table", (128, 96)))


def row(folder: Path, **values: object) -> ModelRow:
    given = {"modalities": ("image",), "dimensions": 16, "image_pixels": 128, **values}
    return ModelRow("late", Role.LATE_INTERACTION, source=str(folder), **given)  # type: ignore[arg-type]


def encoder(folder: Path, **values: object) -> LateInteractionEncoder:
    return LateInteractionEncoder(row(folder, **values), Device())


@pytest.fixture(scope="module")
def colqwen2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_late.tiny_colqwen2(tmp_path_factory.mktemp("colqwen2"))


@pytest.mark.parametrize("made", [tiny_late.tiny_colqwen2, tiny_late.tiny_colmodernvbert])
def test_a_model_of_transformers_has_unit_vectors_for_every_token(
    made: Callable[[Path], Path], tmp_path: Path
) -> None:
    model = encoder(made(tmp_path))
    pages, [query] = model.encode_pages(PAGES), model.encode_queries([QUERY])
    assert len({len(tokens) for tokens in pages}) < len(PAGES)
    for tokens in (*pages, query):
        assert tokens.shape[1] == 16
        assert np.linalg.norm(tokens, axis=1) == pytest.approx(1, abs=1e-4)
    assert min(map(len, pages)) > 10
    alone = model.encode_pages(PAGES[2:])[0]
    assert alone == pytest.approx(pages[2], abs=1e-4)


def test_colpali_makes_as_many_tokens_of_every_page(tmp_path: Path) -> None:
    model = encoder(tiny_late.tiny_colpali(tmp_path))
    pages, [query] = model.encode_pages(PAGES), model.encode_queries([QUERY])
    assert len({len(tokens) for tokens in pages}) == 1
    assert len(pages[0]) > 16
    for tokens in (*pages, query):
        assert np.linalg.norm(tokens, axis=1) == pytest.approx(1, abs=1e-4)
    assert len(set(maxsim(query, pages).tolist())) == len(PAGES)
    assert model.encode_pages(PAGES[2:])[0] == pytest.approx(pages[2], abs=1e-4)


def test_a_query_of_colmodernvbert_has_the_tokens_that_its_makers_add(tmp_path: Path) -> None:
    model = encoder(tiny_late.tiny_colmodernvbert(tmp_path))
    [short, longer] = model.encode_queries([ModelInput("a"), ModelInput("a b")])
    assert 11 <= len(short) < len(longer)


def test_pooling_keeps_a_share_of_the_tokens_of_pages_and_all_of_queries(colqwen2: Path) -> None:
    whole, pooled = encoder(colqwen2), encoder(colqwen2, token_pooling=3)
    [all_tokens], [some] = (model.encode_pages(PAGES[:1]) for model in (whole, pooled))
    assert len(some) == pytest.approx(len(all_tokens) / 3, abs=2)
    assert np.linalg.norm(some, axis=1) == pytest.approx(1, abs=1e-4)
    assert len(whole.encode_queries([QUERY])[0]) == len(pooled.encode_queries([QUERY])[0])


def test_pooled_pages_score_nearly_as_whole_ones(colqwen2: Path) -> None:
    [query] = encoder(colqwen2).encode_queries([QUERY])
    [whole], [pooled] = (encoder(colqwen2, token_pooling=n).encode_pages(PAGES[:1]) for n in (1, 2))
    first, second = maxsim(query, [whole, pooled])
    assert second == pytest.approx(first, rel=0.1)


def test_scores_are_those_of_the_library(colqwen2: Path) -> None:
    model = encoder(colqwen2)
    [query], pages = model.encode_queries([QUERY]), model.encode_pages(PAGES)
    expected = model._model.similarity([query], pages)[0].numpy()
    assert maxsim(query, pages) == pytest.approx(expected, rel=1e-4)


def test_what_cannot_be_shown_has_no_tokens(colqwen2: Path) -> None:
    model = encoder(colqwen2)
    [text, picture] = model.encode_pages([ModelInput("only text"), PAGES[0]])
    assert text.shape == (0, 16)
    assert len(picture)
    assert model.encode_queries([ModelInput(" ")])[0].shape == (0, 16)


def test_a_model_for_text_reads_text(tmp_path: Path) -> None:
    model = encoder(tiny_late.tiny_colbert(tmp_path), modalities=("text",), dimensions=128)
    [short, longer] = model.encode_pages([ModelInput("tax"), ModelInput("the report of the year")])
    assert 0 < len(short) < len(longer)
    [query] = model.encode_queries([ModelInput("tax")])
    assert maxsim(query, [short])[0] > 0


def test_a_name_of_a_file_is_text(tmp_path: Path) -> None:
    model = encoder(
        tiny_late.tiny_late_qwen3_vl(tmp_path), modalities=("text", "image", "text+image"), dimensions=128
    )
    PAGES[0].image.save(tmp_path / "a.png")  # type: ignore[union-attr]
    named, [text, picture, both] = (
        str(tmp_path / "a.png"),
        model.encode_pages([ModelInput("tax"), PAGES[0], ModelInput("tax", PAGES[0].image)]),
    )
    assert len(both) > len(picture) > len(text) > 0
    assert len(model.encode_queries([ModelInput(named)])[0]) > 20  # a token a letter or so


def test_the_fingerprint_needs_no_device_and_tells_what_shapes_a_page(colqwen2: Path) -> None:
    plain = fingerprint(row(colqwen2))
    assert plain == fingerprint(row(colqwen2, query_prompt="find: ", dtype="bfloat16"))
    others = (
        {"token_pooling": 2},
        {"image_pixels": 96},
        {"page_prompt": "page: "},
        {"modalities": ("text", "image")},
    )
    assert len({plain, *(fingerprint(row(colqwen2, **values)) for values in others)}) == 5


def test_a_bare_transformer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no late-interaction model: BertModel"):
        encoder(tiny.tiny_bert(tmp_path), modalities=("text",), dimensions=128)


def test_a_row_that_is_wrong_is_told(colqwen2: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="key 'dimensions' says 128, its tokens have 16"):
        encoder(colqwen2, dimensions=128)
    with pytest.raises(SettingsError, match="'modalities'"):
        encoder(colqwen2, modalities=("text+image",))
    with pytest.raises(ModelUnavailable, match="no folder"):
        fingerprint(row(tmp_path / "gone"))


def test_a_broken_model_is_told(colqwen2: Path, tmp_path: Path) -> None:
    for name in ("config.json", "processor_config.json"):
        (tmp_path / name).write_bytes((colqwen2 / name).read_bytes())
    assert json.loads((tmp_path / "config.json").read_bytes())["architectures"] == ["ColQwen2ForRetrieval"]
    with pytest.raises(ModelUnavailable, match="does not run"):
        encoder(tmp_path)
