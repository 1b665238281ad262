from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from docsearch.errors import ModelUnavailable
from docsearch.models.load import load_embedder
from docsearch.models.protocols import ModelInput
from docsearch.models.registry import Registry
from docsearch.models.starter.embedder import SHIPPED, StarterEmbedder
from docsearch.models.starter.weights import TOKENIZER_FILE, WEIGHTS_FILE
from docsearch.models.vision import mend_torchvision

TEXTS = (
    "Invoice for office furniture. Total amount due: 1,240.00 including tax.",
    "Patients with diabetes should have their blood sugar measured every day.",
    "The statute forbids discrimination by employers against their employees.",
)


@pytest.fixture(scope="module")
def starter() -> StarterEmbedder:
    return StarterEmbedder()


def drawn(seed: int, size: tuple[int, int] = (320, 448)) -> Image.Image:
    """A page of random paragraphs and one coloured box."""
    random = np.random.default_rng(seed)
    page = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(page)
    for y in range(30, size[1] - 30, 12):
        if random.random() < 0.7:
            pen.rectangle((30, y, 30 + int(random.integers(40, size[0] - 60)), y + 5), fill="black")
    x, y = (int(v) for v in random.integers(40, 200, 2))
    pen.rectangle((x, y, x + 80, y + 60), fill=tuple(int(v) for v in random.integers(0, 255, 3)))
    return page


def test_vectors_are_unit_and_empty_inputs_zero(starter: StarterEmbedder) -> None:
    blank = Image.new("RGB", (50, 70), "white")
    inputs = [
        ModelInput(text=TEXTS[0]),
        ModelInput(image=drawn(1)),
        ModelInput(TEXTS[0], drawn(1)),
        ModelInput("  \n"),
        ModelInput(image=blank),
    ]
    for vectors in (starter.embed_queries(inputs), starter.embed_pages(inputs)):
        assert vectors.shape == (5, starter.dimensions)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 0, 0], abs=1e-5)


def test_no_inputs_give_no_vectors(starter: StarterEmbedder) -> None:
    assert starter.embed_pages([]).shape == (0, starter.dimensions)


@pytest.mark.parametrize("dimensions", [256, 128, 64])
def test_text_finds_its_page(dimensions: int) -> None:
    starter = StarterEmbedder(dimensions=dimensions)
    pages = starter.embed_pages([ModelInput(text) for text in TEXTS])
    queries = ["amount of the invoice", "measuring sugar in the blood", "law on discrimination by employers"]
    scores = starter.embed_queries([ModelInput(q) for q in queries]) @ pages.T
    assert scores.argmax(axis=1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("dimensions", [256, 128])
def test_spoiled_picture_finds_its_page(dimensions: int) -> None:
    starter = StarterEmbedder(dimensions=dimensions)
    pages = starter.embed_pages([ModelInput(image=drawn(seed)) for seed in range(40)])
    spoiled = []
    for seed in range(40):
        file = io.BytesIO()
        drawn(seed).rotate(2, fillcolor="white").crop((10, 10, 310, 440)).save(file, "JPEG", quality=40)
        spoiled.append(ModelInput(image=Image.open(file)))
    found = (starter.embed_queries(spoiled) @ pages.T).argmax(axis=1)
    assert (found == np.arange(40)).mean() >= 0.95


def test_text_and_picture_queries_never_meet(starter: StarterEmbedder) -> None:
    text, image = ModelInput(TEXTS[0]), ModelInput(image=drawn(1))
    assert (starter.embed_queries([text]) @ starter.embed_pages([image]).T).item() == 0
    assert (starter.embed_queries([image]) @ starter.embed_pages([text]).T).item() == 0


def test_a_page_scores_the_same_with_and_without_the_other_side(starter: StarterEmbedder) -> None:
    query = starter.embed_queries([ModelInput("invoice total")])
    pages = starter.embed_pages([ModelInput(TEXTS[0]), ModelInput(TEXTS[0], drawn(1))])
    alone, both = (query @ pages.T)[0]
    assert alone == pytest.approx(both, abs=1e-6)
    assert alone > 0.05


def test_a_name_of_a_picture_file_is_text(starter: StarterEmbedder, tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    drawn(1).save(file)
    as_text = starter.embed_queries([ModelInput(str(file))])
    assert (as_text @ starter.embed_pages([ModelInput(image=drawn(1))]).T).item() == 0


def test_transparent_and_grey_pictures_are_seen_on_white(starter: StarterEmbedder) -> None:
    page = drawn(3).convert("L")
    see_through = Image.new("LA", page.size)
    see_through.paste(Image.merge("LA", (page, page.point(lambda v: 255 - v))))
    opaque = page.convert("RGB")
    vectors = starter.embed_pages([ModelInput(image=i) for i in (page, opaque)])
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-5)
    assert np.linalg.norm(starter.embed_pages([ModelInput(image=see_through)])) == pytest.approx(1, abs=1e-5)


def test_very_long_text_is_cut_not_refused(starter: StarterEmbedder) -> None:
    assert np.isfinite(starter.embed_pages([ModelInput("word " * 200_000)])).all()


def test_fingerprint_follows_weights_and_dimensions(starter: StarterEmbedder, tmp_path: Path) -> None:
    for name in (TOKENIZER_FILE, WEIGHTS_FILE):
        shutil.copy(SHIPPED / name, tmp_path / name)
    copied = StarterEmbedder(tmp_path)
    assert copied.fingerprint == starter.fingerprint
    assert StarterEmbedder(dimensions=64).fingerprint != starter.fingerprint
    with np.load(tmp_path / WEIGHTS_FILE) as arrays:
        changed = dict(arrays)
    changed["mean"] = changed["mean"] + 1
    np.savez(tmp_path / WEIGHTS_FILE, **changed)
    assert StarterEmbedder(tmp_path).fingerprint != starter.fingerprint


def test_damaged_weights_are_model_unavailable(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        StarterEmbedder(tmp_path)
    shutil.copy(SHIPPED / TOKENIZER_FILE, tmp_path / TOKENIZER_FILE)
    (tmp_path / WEIGHTS_FILE).write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(ModelUnavailable):
        StarterEmbedder(tmp_path)


def test_shipped_files_are_small() -> None:
    assert sum((SHIPPED / name).stat().st_size for name in (TOKENIZER_FILE, WEIGHTS_FILE)) <= 12_000_000


def test_loading_by_name_takes_no_torch() -> None:
    code = (
        "import sys; from docsearch.models.load import load_embedder, device_for\n"
        "from docsearch.models.registry import Registry; from docsearch.models.protocols import ModelInput\n"
        "registry = Registry.read(); load_embedder('starter', registry).embed_queries([ModelInput('a')])\n"
        "device_for(registry.row('starter')).describe()\n"
        "heavy = {'torch', 'sentence_transformers', 'transformers', 'huggingface_hub'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_loaded_by_name_with_fewer_dimensions() -> None:
    embedder = load_embedder("starter", Registry.read(), dimensions=128)
    assert embedder.embed_queries([ModelInput("tax")]).shape == (1, 128)


def test_what_is_trained_and_saved_opens_as_a_sentence_transformer_and_without_torch(tmp_path: Path) -> None:
    import torch

    mend_torchvision()
    from sentence_transformers import SentenceTransformer

    from docsearch.models.starter.module import starter_model

    model = starter_model()
    with torch.no_grad():
        model[0].tokens.weight[100:200] *= -1.5
    model.save(str(tmp_path))
    light = StarterEmbedder(tmp_path)
    opened = SentenceTransformer(str(tmp_path), device="cpu", trust_remote_code=True, local_files_only=True)
    inputs = [{"text": TEXTS[0], "image": drawn(2)}, {"text": TEXTS[1]}]
    wanted = light.embed_pages([ModelInput(TEXTS[0], drawn(2)), ModelInput(TEXTS[1])])
    assert opened.encode_document(inputs) == pytest.approx(wanted, abs=1e-5)
    assert light.fingerprint != StarterEmbedder().fingerprint


def test_the_shipped_folder_opens_as_a_sentence_transformer() -> None:
    mend_torchvision()
    from sentence_transformers import SentenceTransformer

    opened = SentenceTransformer(str(SHIPPED), device="cpu", trust_remote_code=True, local_files_only=True)
    wanted = StarterEmbedder().embed_queries([ModelInput(TEXTS[0])])
    assert opened.encode_query([TEXTS[0]]) == pytest.approx(wanted, abs=1e-5)
