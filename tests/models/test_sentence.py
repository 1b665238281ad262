from __future__ import annotations

import builtins
import importlib.util
import io
import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.models.device import Device, choose_device
from docsearch.models.protocols import ModelInput
from docsearch.models.registry import ModelRow, Registry, Role
from docsearch.models.sentence import CrossEncoderReranker, SentenceTransformersEmbedder
from docsearch.models.versions import weights_digest
from tests.models import tiny

CPU = Device()
NEEDS_TORCHVISION = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None, reason="the processor of Qwen3-VL needs torchvision"
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tiny models that are built once."""
    folder = tmp_path_factory.mktemp("models")
    tiny.tiny_clip(folder / "clip")
    tiny.tiny_bert(folder / "bert")
    tiny.tiny_bert(folder / "reranker", labels=1)
    return folder


def clip_row(models: Path) -> ModelRow:
    return ModelRow(
        "clip",
        Role.EMBEDDER,
        source=str(models / "clip"),
        modalities=("text", "image"),
        dimensions=16,
        matryoshka=(16, 8),
        image_pixels=64,
    )


def bert_row(models: Path) -> ModelRow:
    return ModelRow(
        "bert", Role.EMBEDDER, source=str(models / "bert"), dimensions=16, pooling="mean", max_tokens=32
    )


def reranker_row(models: Path) -> ModelRow:
    return ModelRow("reranker", Role.RERANKER, source=str(models / "reranker"), max_tokens=48)


@pytest.fixture(scope="module")
def clip(models: Path) -> SentenceTransformersEmbedder:
    return SentenceTransformersEmbedder(clip_row(models), CPU)


@pytest.fixture(scope="module")
def reranker(models: Path) -> CrossEncoderReranker:
    return CrossEncoderReranker(reranker_row(models), CPU)


def picture(colour: str = "red") -> Image.Image:
    image = Image.linear_gradient("L").convert("RGB")
    image.paste(colour, (20, 20, 200, 90))
    return image


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every file that is opened and every connection that is tried while the test runs."""
    seen: list[str] = []
    real_open = builtins.open

    def watched(file: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(str(file))
        return real_open(file, *args, **kwargs)

    def refused(self: socket.socket, address: Any) -> None:
        seen.append(f"connect {address}")
        raise OSError("no network in this test")

    monkeypatch.setattr(builtins, "open", watched)
    monkeypatch.setattr(io, "open", watched)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: refused(None, a))  # type: ignore[arg-type]
    return seen


def tempting_texts(folder: Path) -> list[ModelInput]:
    """Queries that a careless reader would open or fetch."""
    file = folder / "scan.png"
    picture().save(file)
    return [
        ModelInput(t) for t in (str(file), "https://example.invalid/page.png", "data:image/png;base64,AAAA")
    ]


def test_a_query_that_names_a_file_or_address_is_only_text(
    clip: SentenceTransformersEmbedder, tmp_path: Path, opened: list[str]
) -> None:
    queries = tempting_texts(tmp_path)
    opened.clear()
    vectors = np.concatenate([clip.embed_queries(queries), clip.embed_pages(queries)])
    assert not [name for name in opened if "scan.png" in name or "connect" in name]
    seen_as_picture = clip.embed_pages([ModelInput(image=picture())])
    assert (vectors @ seen_as_picture.T < 0.999).all()


def test_mixed_batches_keep_their_order_and_length(clip: SentenceTransformersEmbedder) -> None:
    inputs = [
        ModelInput("invoice"),
        ModelInput(image=picture()),
        ModelInput(" "),
        ModelInput("tax report"),
        ModelInput(image=picture("blue")),
    ]
    together = clip.embed_pages(inputs)
    alone = np.concatenate([clip.embed_pages([given]) for given in inputs])
    assert together.dtype == np.float32
    assert together == pytest.approx(alone, abs=1e-5)
    assert np.linalg.norm(together, axis=1) == pytest.approx([1, 1, 0, 1, 1], abs=1e-5)
    assert clip.embed_queries([]).shape == (0, 16)


def test_a_model_without_joint_input_is_shown_the_picture(clip: SentenceTransformersEmbedder) -> None:
    both, image = clip.embed_pages([ModelInput("tax", picture()), ModelInput(image=picture())])
    assert both == pytest.approx(image, abs=1e-6)


def test_a_larger_picture_is_made_smaller_first(clip: SentenceTransformersEmbedder) -> None:
    large = picture().resize((2000, 2000), Image.Resampling.NEAREST)
    small = large.copy()
    small.thumbnail((64, 64), Image.Resampling.LANCZOS)
    vectors = clip.embed_pages([ModelInput(image=large), ModelInput(image=small)])
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-6)
    assert large.size == (2000, 2000)


def test_fewer_dimensions_are_the_first_ones_made_unit(
    models: Path, clip: SentenceTransformersEmbedder
) -> None:
    cut = SentenceTransformersEmbedder(clip_row(models), CPU, 8)
    whole, short = (e.embed_queries([ModelInput("invoice")])[0] for e in (clip, cut))
    assert short == pytest.approx(whole[:8] / np.linalg.norm(whole[:8]), abs=1e-5)
    assert cut.fingerprint != clip.fingerprint


def test_prompts_are_put_before_queries_and_pages(models: Path) -> None:
    row = replace(bert_row(models), query_prompt="invoice ", page_prompt="table ")
    prompted, plain = (SentenceTransformersEmbedder(r, CPU) for r in (row, bert_row(models)))
    total = [ModelInput("total")]
    expected = plain.embed_queries([ModelInput("invoice total"), ModelInput("table total")])
    assert prompted.embed_queries(total)[0] == pytest.approx(expected[0], abs=1e-5)
    assert prompted.embed_pages(total)[0] == pytest.approx(expected[1], abs=1e-5)
    assert prompted.fingerprint != plain.fingerprint


def test_pooling_of_the_row_is_used_for_a_bare_transformer(models: Path) -> None:
    mean, cls = (
        SentenceTransformersEmbedder(replace(bert_row(models), pooling=p), CPU) for p in ("mean", "cls")
    )
    query = [ModelInput("invoice total")]
    assert np.abs(mean.embed_queries(query) - cls.embed_queries(query)).max() > 1e-3
    assert mean.fingerprint != cls.fingerprint


def test_fingerprint_follows_the_weights_not_the_place(models: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(models / "bert", tmp_path / "copied")
    assert weights_digest(copied) == weights_digest(models / "bert")
    weights = copied / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert weights_digest(copied) != weights_digest(models / "bert")


def test_large_weights_are_told_apart_by_some_bytes_of_every_tensor(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    digests = set()
    for changed in range(3):
        tensors = {f"t{i}": np.full((1024, 1024 * 3), float(i == changed), np.float32) for i in range(2)}
        save_file(tensors, tmp_path / "model.safetensors")
        digests.add(weights_digest(tmp_path))
    assert len(digests) == 3


def test_missing_models_say_how_to_get_them(tmp_path: Path, opened: list[str]) -> None:
    row = ModelRow("far", Role.EMBEDDER, source="nobody/no-such-model", dimensions=8)
    with pytest.raises(ModelUnavailable, match="not on this machine") as error:
        SentenceTransformersEmbedder(row, CPU)
    assert "docsearch models pull far" in error.value.hint
    with pytest.raises(ModelUnavailable, match="no folder"):
        SentenceTransformersEmbedder(replace(row, source=str(tmp_path / "gone")), CPU)
    with pytest.raises(ModelUnavailable, match="does not run"):
        SentenceTransformersEmbedder(replace(row, source=str(tmp_path)), CPU)
    assert not [name for name in opened if "connect" in name]


def test_a_row_that_does_not_fit_its_model_is_named(models: Path) -> None:
    with pytest.raises(SettingsError, match="'dimensions' says 99"):
        SentenceTransformersEmbedder(replace(bert_row(models), dimensions=99), CPU)
    with pytest.raises(SettingsError, match="does not take image"):
        SentenceTransformersEmbedder(replace(bert_row(models), modalities=("text", "image")), CPU)


def test_reranker_scores_text_and_gives_unreadable_pages_the_lowest(reranker: CrossEncoderReranker) -> None:
    pages = [ModelInput("the invoice total"), ModelInput("a chart"), ModelInput(image=picture())]
    scores = reranker.score(ModelInput("invoice"), pages)
    assert scores.shape == (3,)
    assert scores.dtype == np.float32
    assert scores[0] != scores[1]
    assert scores[2] == scores[:2].min()
    assert reranker.score(ModelInput("invoice"), []).shape == (0,)
    assert reranker.score(ModelInput(image=picture()), pages).tolist() == [0, 0, 0]


def test_reranker_never_opens_what_a_text_names(
    reranker: CrossEncoderReranker, tmp_path: Path, opened: list[str]
) -> None:
    texts = tempting_texts(tmp_path)
    opened.clear()
    for text in texts:
        assert np.isfinite(reranker.score(text, texts)).all()
    assert not [name for name in opened if "scan.png" in name or "connect" in name]


def test_rows_load_by_name_from_the_users_file(models: Path, tmp_path: Path) -> None:
    from docsearch.models.load import load_embedder, load_reranker

    file = tmp_path / "models.toml"
    file.write_text(
        f'[[model]]\nname = "b"\nrole = "embedder"\nsource = "{models / "bert"}"\ndimensions = 16\n'
        f'pooling = "mean"\n[[model]]\nname = "r"\nrole = "reranker"\nsource = "{models / "reranker"}"\n',
        "utf-8",
    )
    registry = Registry.read(file)
    assert load_embedder("b", registry, "cpu").embed_pages([ModelInput("tax")]).shape == (1, 16)
    assert load_reranker("r", registry, "cpu").name == "r"


def test_devices() -> None:
    assert choose_device("cpu").describe() == "cpu, float32"
    assert choose_device("cpu", "bfloat16").dtype == "bfloat16"
    assert choose_device().name.partition(":")[0] in {"cpu", "cuda", "mps", "xpu"}
    for wrong in ("toaster", "cuda:99", "mps:7"):
        with pytest.raises(ModelUnavailable, match=wrong):
            choose_device(wrong)


@NEEDS_TORCHVISION
def test_qwen3_vl_embeds_text_pictures_and_both(tmp_path: Path, opened: list[str]) -> None:
    folder = tiny.tiny_qwen3_vl(tmp_path / "qwen")
    row = ModelRow(
        "qwen",
        Role.EMBEDDER,
        source=str(folder),
        dimensions=32,
        pooling="lasttoken",
        modalities=("text", "image", "text+image"),
        image_pixels=64,
    )
    qwen = SentenceTransformersEmbedder(row, CPU)
    texts = tempting_texts(tmp_path)
    opened.clear()
    inputs = [*texts, ModelInput(image=picture()), ModelInput("scan", picture())]
    vectors = qwen.embed_pages(inputs)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert not [name for name in opened if "scan.png" in name or "connect" in name]
    gram = vectors @ vectors.T - np.eye(5)
    assert gram.max() < 0.9999


@NEEDS_TORCHVISION
def test_qwen3_vl_reranks_text_pictures_and_both(tmp_path: Path, opened: list[str]) -> None:
    folder = tiny.tiny_qwen3_vl_reranker(tmp_path)
    row = ModelRow(
        "qwen",
        Role.RERANKER,
        source=str(folder),
        modalities=("text", "image", "text+image"),
        image_pixels=64,
    )
    qwen = CrossEncoderReranker(row, CPU)
    texts = tempting_texts(tmp_path)
    opened.clear()
    pages = [*texts, ModelInput(image=picture()), ModelInput("scan", picture())]
    scores = np.stack([qwen.score(query, pages) for query in texts])
    assert np.isfinite(scores).all()
    assert all(len(set(row)) == 5 for row in scores.tolist())
    assert not [name for name in opened if "scan.png" in name or "connect" in name]
