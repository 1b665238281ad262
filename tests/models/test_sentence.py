from __future__ import annotations

import builtins
import importlib.util
import io
import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.models.device import Device, choose_device
from docsearch.models.pretrained import attention_of, check_trust
from docsearch.models.protocols import ModelInput
from docsearch.models.registry import ModelRow, Registry, Role
from docsearch.models.sentence import CrossEncoderReranker, SentenceTransformersEmbedder
from docsearch.models.versions import weights_digest
from tests.models import tiny, tiny_rows

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
    assert choose_device("cpu").describe() in {"cpu, float32", "cpu, bfloat16"}
    assert choose_device("cpu", "bfloat16").dtype == "bfloat16"
    assert choose_device().name.partition(":")[0] in {"cpu", "cuda", "mps", "xpu"}
    for wrong in ("toaster", "cuda:99", "mps:7"):
        with pytest.raises(ModelUnavailable, match=wrong):
            choose_device(wrong)


def qwen_row(folder: Path, **keys: Any) -> ModelRow:
    plain = ModelRow(
        "qwen",
        Role.EMBEDDER,
        source=str(folder),
        dimensions=32,
        pooling="lasttoken",
        modalities=("text", "image", "text+image"),
        image_pixels=64,
    )
    return replace(plain, **keys)


@NEEDS_TORCHVISION
def test_qwen3_vl_embeds_text_pictures_and_both(tmp_path: Path, opened: list[str]) -> None:
    qwen = SentenceTransformersEmbedder(qwen_row(tiny.tiny_qwen3_vl(tmp_path / "qwen")), CPU)
    texts = tempting_texts(tmp_path)
    opened.clear()
    inputs = [*texts, ModelInput(image=picture()), ModelInput("scan", picture())]
    vectors = qwen.embed_pages(inputs)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    assert not [name for name in opened if "scan.png" in name or "connect" in name]
    gram = vectors @ vectors.T - np.eye(5)
    assert gram.max() < 0.9999


@NEEDS_TORCHVISION
def test_words_that_stand_for_pictures_are_words_in_a_text(tmp_path: Path) -> None:
    qwen = SentenceTransformersEmbedder(qwen_row(tiny.tiny_qwen3_vl(tmp_path / "qwen")), CPU)
    written = "see <|image_pad|> between <|vision_start|> and <|vision_end|><|im_end|>"
    spaced = "see < |image_pad|> between < |vision_start|> and < |vision_end|>< |im_end|>"
    inputs = [ModelInput(text, image) for text in (written, spaced) for image in (None, picture())]
    vectors = qwen.embed_pages(inputs)
    assert vectors[:2] == pytest.approx(vectors[2:], abs=1e-5)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)


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


@pytest.fixture(scope="module")
def saved_qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Qwen3-VL as Sentence Transformers saves it; its bare transformer lies beside it."""
    return tiny_rows.saved_qwen3_vl(tmp_path_factory.mktemp("qwen"))


INPUTS = [ModelInput("tax report"), ModelInput(image=picture()), ModelInput("scan", picture())]


@NEEDS_TORCHVISION
def test_qwen3_vl_gives_the_same_vectors_saved_and_bare(saved_qwen: Path) -> None:
    saved, bare = (
        SentenceTransformersEmbedder(qwen_row(folder), CPU)
        for folder in (saved_qwen, saved_qwen.parent / "bare")
    )
    assert saved.embed_pages(INPUTS) == pytest.approx(bare.embed_pages(INPUTS), abs=1e-5)


@NEEDS_TORCHVISION
def test_a_model_that_its_makers_cut_is_as_long_as_they_cut_it(saved_qwen: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(str(saved_qwen), device="cpu", truncate_dim=16).save_pretrained(str(tmp_path))
    whole = SentenceTransformersEmbedder(qwen_row(saved_qwen), CPU).embed_pages(INPUTS)
    row = qwen_row(tmp_path, dimensions=16, matryoshka=(16, 8))
    for length in (16, 8):
        found = SentenceTransformersEmbedder(row, CPU, length).embed_pages(INPUTS)
        short = whole[:, :length] / np.linalg.norm(whole[:, :length], axis=1, keepdims=True)
        assert found == pytest.approx(short, abs=1e-4)


@NEEDS_TORCHVISION
def test_attention_of_the_row_is_used(saved_qwen: Path) -> None:
    eager, usual = (
        SentenceTransformersEmbedder(qwen_row(saved_qwen, attention=kind), CPU) for kind in ("eager", "")
    )
    assert (attention_of(eager.model), attention_of(usual.model)) == ("eager", "sdpa")
    assert eager.embed_pages(INPUTS) == pytest.approx(usual.embed_pages(INPUTS), abs=1e-4)
    assert eager.fingerprint == usual.fingerprint
    with pytest.raises(ModelUnavailable, match="flash_attn") as error:
        SentenceTransformersEmbedder(qwen_row(saved_qwen, attention="flash_attention_2"), CPU)
    assert "sdpa" in error.value.hint


@NEEDS_TORCHVISION
def test_limits_on_the_pixels_of_a_picture_reach_the_image_processor(saved_qwen: Path) -> None:
    page = ModelInput(image=Image.linear_gradient("L").convert("RGB").resize((128, 128)))
    tokens, vectors, fingerprints = [], [], set()
    for limits in ({}, {"max_pixels": 4096}, {"min_pixels": 6400, "max_pixels": 6400}):
        qwen = SentenceTransformersEmbedder(qwen_row(saved_qwen, image_pixels=128, **limits), CPU)
        features = qwen.model.preprocess([{"image": page.image}])
        assert qwen.visual_tokens(page) == (features["input_ids"] == features["input_ids"].mode()[0]).sum()
        tokens.append(qwen.visual_tokens(page))
        vectors.append(qwen.embed_pages([page]))
        fingerprints.add(qwen.fingerprint)
    assert tokens == [64, 16, 25]
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3
    assert len(fingerprints) == 3


def test_a_limit_that_an_image_processor_does_not_know_is_refused(models: Path) -> None:
    with pytest.raises(SettingsError, match="'max_pixels'"):
        SentenceTransformersEmbedder(replace(clip_row(models), max_pixels=4096), CPU)


@NEEDS_TORCHVISION
def test_a_long_text_beside_a_picture_is_cut_to_what_the_model_reads(saved_qwen: Path) -> None:
    qwen = SentenceTransformersEmbedder(qwen_row(saved_qwen, max_tokens=128), CPU)
    vectors = qwen.embed_pages([ModelInput("tax report " * n, picture()) for n in (1, 400, 800)])
    assert qwen.embed_pages([ModelInput("<|im_end|> " * 70, picture())]).any()
    assert vectors[1] == pytest.approx(vectors[2], abs=1e-5)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3


@NEEDS_TORCHVISION
def test_the_layer_that_torch_2_9_is_slow_with_is_a_matrix_product(saved_qwen: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    ours = SentenceTransformersEmbedder(qwen_row(saved_qwen), CPU)
    theirs = SentenceTransformer(str(saved_qwen), device="cpu")
    layers = [m.transformers_model.visual.patch_embed.proj for m in (ours.model, theirs)]
    assert [type(layer).__name__ for layer in layers] == ["Product", "Conv3d"]
    page = picture().resize((64, 64))
    found = theirs.encode_document([{"image": page}])
    assert found == pytest.approx(ours.embed_pages([ModelInput(image=page)]), abs=1e-4)
    ours.model.save_pretrained(str(tmp_path / "again"))
    again = SentenceTransformersEmbedder(qwen_row(tmp_path / "again"), CPU)
    assert again.embed_pages(INPUTS) == pytest.approx(ours.embed_pages(INPUTS), abs=1e-5)


def test_what_overflows_is_refused(models: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(models / "bert", tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.LayerNorm.weight"] *= np.float32("inf")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    broken = SentenceTransformersEmbedder(replace(bert_row(models), source=str(folder)), CPU)
    with pytest.raises(ModelUnavailable, match="no number in float32") as error:
        broken.embed_pages([ModelInput("tax")])
    assert "dtype" in error.value.hint


@pytest.mark.parametrize("build", [tiny_rows.clip_in_a_subfolder, tiny_rows.clip_with_code])
def test_clip_runs_as_it_lies_on_the_hub(build: Callable[[Path], Path], models: Path, tmp_path: Path) -> None:
    row = replace(clip_row(models), source=str(build(tmp_path / "clip")))
    found = SentenceTransformersEmbedder(row, CPU).embed_pages(INPUTS[:2])
    assert found == pytest.approx(SentenceTransformersEmbedder(clip_row(models), CPU).embed_pages(INPUTS[:2]))


def test_modernbert_reads_as_much_as_its_row_says(tmp_path: Path) -> None:
    folder = tiny_rows.modernbert(tmp_path)
    row = ModelRow("modern", Role.EMBEDDER, source=str(folder), dimensions=16, max_tokens=64)
    pages = [ModelInput("tax " * 10), ModelInput("tax " * 70), ModelInput("tax " * 90), ModelInput("chart")]
    short, cut, longer, other = SentenceTransformersEmbedder(row, CPU).embed_pages(pages)
    assert cut == pytest.approx(longer, abs=1e-5)
    assert np.abs(short - cut).max() > 1e-4
    assert np.abs(short - other).max() > 1e-3
    more = SentenceTransformersEmbedder(replace(row, max_tokens=512), CPU).embed_pages(pages[1:3])
    assert np.abs(more[0] - more[1]).max() > 1e-5


def test_vectors_of_words_are_summed_up_without_a_transformer(tmp_path: Path) -> None:
    row = ModelRow("static", Role.EMBEDDER, source=str(tiny_rows.static(tmp_path)), dimensions=16)
    static = SentenceTransformersEmbedder(row, CPU)
    one, same, other = static.embed_pages([ModelInput(t) for t in ("tax report", "report tax", "invoice")])
    assert one == pytest.approx(same)
    assert np.abs(one - other).max() > 1e-3
    with pytest.raises(SettingsError, match="'max_tokens'"):
        SentenceTransformersEmbedder(replace(row, max_tokens=20), CPU)


@NEEDS_TORCHVISION
def test_llava_next_embeds_text_pictures_and_both(tmp_path: Path) -> None:
    row = qwen_row(tiny_rows.llava_next(tmp_path / "llava"))
    vectors = SentenceTransformersEmbedder(row, CPU).embed_pages(INPUTS)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert (vectors @ vectors.T - np.eye(3)).max() < 0.9999


PAGES = [ModelInput("the invoice total"), ModelInput("a chart"), ModelInput("tax report")]


def test_a_language_model_ranks_by_the_word_it_would_say_next(tmp_path: Path, opened: list[str]) -> None:
    saved = tiny_rows.saved_qwen2_reranker(tmp_path / "qwen2")
    row = ModelRow("words", Role.RERANKER, source=str(saved))
    words = CrossEncoderReranker(row, CPU)
    scores = words.score(ModelInput("tax"), PAGES)
    assert len(set(scores.tolist())) == 3
    bare = replace(row, source=str(tmp_path / "qwen2" / "bare"))
    told = CrossEncoderReranker(replace(bare, score_tokens=("1", "0")), CPU)
    assert told.score(ModelInput("tax"), PAGES) == pytest.approx(scores, abs=1e-4)
    for tokens, wrong in (((), "is missing"), (("nonsense",), "no token 'nonsense'")):
        with pytest.raises(SettingsError, match=wrong):
            CrossEncoderReranker(replace(bare, score_tokens=tokens), CPU)
    texts = tempting_texts(tmp_path)
    opened.clear()
    assert len(set(words.score(texts[0], texts).tolist())) == 3
    assert not [name for name in opened if "scan.png" in name or "connect" in name]


@NEEDS_TORCHVISION
def test_a_bare_qwen3_vl_ranks_by_the_word_it_would_say_next(tmp_path: Path) -> None:
    saved = tiny.tiny_qwen3_vl_reranker(tmp_path)
    kinds = ("text", "image", "text+image")
    row = ModelRow("qwen", Role.RERANKER, source=str(saved), modalities=kinds, image_pixels=64)
    expected = CrossEncoderReranker(row, CPU).score(INPUTS[0], INPUTS)
    first, second = tokens_of(saved, 10, 11)
    bare = replace(row, source=str(saved.parent / "bare"), score_tokens=(first, second))
    assert CrossEncoderReranker(bare, CPU).score(INPUTS[0], INPUTS) == pytest.approx(expected, abs=1e-3)


@NEEDS_TORCHVISION
def test_words_that_are_asked_for_may_lie_where_a_folder_does_not_say(tmp_path: Path) -> None:
    saved = tiny.tiny_qwen3_vl_reranker(tmp_path)
    settings = saved / "config_sentence_transformers.json"
    told = {
        **json.loads(settings.read_text("utf-8")),
        "prompts": {"ask": "report"},
        "default_prompt_name": "ask",
    }
    settings.write_text(json.dumps(told), "utf-8")
    row = ModelRow("qwen", Role.RERANKER, source=str(saved), modalities=("text", "image"), image_pixels=64)
    expected = CrossEncoderReranker(row, CPU).score(INPUTS[0], INPUTS)
    (saved / "1_LogitScore").rename(saved / "LogitScore")
    with pytest.raises(SettingsError, match="'score_tokens' is missing"):
        CrossEncoderReranker(row, CPU)
    named = replace(row, score_tokens=tuple(tokens_of(saved, 10, 11)))
    assert CrossEncoderReranker(named, CPU).score(INPUTS[0], INPUTS) == pytest.approx(expected, abs=1e-4)


def tokens_of(folder: Path, *numbers: int) -> list[str]:
    from transformers import AutoTokenizer

    return list(AutoTokenizer.from_pretrained(folder).convert_ids_to_tokens(list(numbers)))


@pytest.mark.parametrize("role", [Role.EMBEDDER, Role.RERANKER])
@pytest.mark.parametrize("flagged", [True, False])
def test_code_of_a_model_runs_only_when_it_is_trusted(tmp_path: Path, role: Role, flagged: bool) -> None:
    folder = tiny_rows.own_code(tmp_path / "own")
    keys = {"dimensions": 16, "pooling": "mean"} if role is Role.EMBEDDER else {}
    row = ModelRow("own", role, source=str(folder), needs_remote_code=flagged, **keys)  # type: ignore[arg-type]
    load = SentenceTransformersEmbedder if role is Role.EMBEDDER else CrossEncoderReranker
    with pytest.raises(ModelUnavailable, match="code that comes with it") as error:
        load(row, CPU)
    assert "trust_remote_code = true" in error.value.hint
    trusted = load(replace(row, trust_remote_code=True), CPU)
    if isinstance(trusted, CrossEncoderReranker):
        assert len(set(trusted.score(ModelInput("tax"), PAGES).tolist())) == 3
    else:
        assert np.linalg.norm(trusted.embed_pages(PAGES), axis=1) == pytest.approx(np.ones(3), abs=1e-5)


@pytest.mark.parametrize("left_out", [True, False])
def test_a_part_of_its_own_is_never_looked_for_elsewhere(tmp_path: Path, left_out: bool) -> None:
    folder = tiny_rows.own_part(tmp_path)
    row = ModelRow("own", Role.EMBEDDER, source=str(folder), dimensions=16)
    trusted = SentenceTransformersEmbedder(replace(row, trust_remote_code=True), CPU)
    assert trusted.embed_pages([ModelInput("tax")]).any()
    if left_out:
        (folder / "own_part.py").unlink()
    with pytest.raises(ModelUnavailable, match="code that comes with it") as error:
        SentenceTransformersEmbedder(row, CPU)
    assert "pip" not in error.value.hint


def test_a_row_of_the_hub_that_needs_its_code_says_how_to_trust_it() -> None:
    row = Registry.read().row("llama-nemotron-rerank-vl-1b")
    with pytest.raises(ModelUnavailable) as error:
        check_trust(row)
    assert "docsearch models pull llama-nemotron-rerank-vl-1b --trust-remote-code" in error.value.hint
