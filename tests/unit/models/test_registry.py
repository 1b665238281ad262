from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import docsearch
from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.models.load import device_for, load_embedder, load_reranker
from docsearch.models.registry import Registry, Role, Runtime


def write(folder: Path, text: str) -> Path:
    file = folder / "models.toml"
    file.write_text(text, "utf-8")
    return file


def row(**values: str) -> str:
    return "[[model]]\n" + "\n".join(f"{key} = {value}" for key, value in values.items()) + "\n"


LIGHT = {"name": '"m"', "role": '"reranker"', "source": '"a/b"'}


def test_shipped_rows_hold_a_starter_and_rerankers() -> None:
    registry = Registry.read()
    starter = registry.row("starter")
    assert (starter.role, starter.runtime, starter.dimensions) == (Role.EMBEDDER, Runtime.STARTER, 256)
    assert {r.role for r in registry.of(Role.RERANKER)} == {Role.RERANKER}
    assert all(r.licence and r.note and r.tested and not r.trust_remote_code for r in registry.rows)


SOURCES = {
    Role.EMBEDDER: """
        Qwen/Qwen3-VL-Embedding-2B Qwen/Qwen3-VL-Embedding-8B tomaarsen/Qwen3-VL-Embedding-2B-vdr
        nvidia/llama-nemotron-embed-vl-1b-v2 nvidia/omni-embed-nemotron-3b sentence-transformers/clip-ViT-L-14
        BAAI/BGE-VL-base BAAI/BGE-VL-large BAAI/BGE-VL-MLLM-S1 BAAI/BGE-VL-MLLM-S2
        sentence-transformers/all-MiniLM-L6-v2 intfloat/multilingual-e5-small
    """,
    Role.LATE_INTERACTION: "vidore/colqwen2-v1.0-hf ModernVBERT/colmodernvbert-merged",
    Role.RERANKER: """
        Qwen/Qwen3-VL-Reranker-2B Qwen/Qwen3-VL-Reranker-8B nvidia/llama-nemotron-rerank-vl-1b-v2
        jinaai/jina-reranker-m0 mixedbread-ai/mxbai-rerank-base-v2
    """,
}


@pytest.mark.parametrize("role", list(SOURCES))
def test_open_models_of_every_role_have_a_row(role: Role) -> None:
    found = {row.source: row for row in Registry.read().of(role)}
    assert set(SOURCES[role].split()) <= set(found)
    assert all(row.parameters for row in found.values() if row.source)


def test_licences_that_forbid_something_say_so() -> None:
    licences = {row.source.partition("/")[0]: row.licence for row in Registry.read().rows}
    assert "research only" in Registry.read().row("omni-embed-nemotron-3b").licence
    assert "no commercial use" in licences["jinaai"]
    assert "Gemma" in Registry.read().row("colpali").licence


def test_a_page_is_shown_at_a_size_that_can_be_read_where_the_row_does_not_say(tmp_path: Path) -> None:
    seeing = row(**LIGHT, modalities='["text", "image"]')
    assert Registry.read(write(tmp_path, seeing)).row("m").image_pixels == 1024
    assert Registry.read(write(tmp_path, row(**LIGHT))).row("m").image_pixels == 0


def test_missing_user_file_leaves_the_shipped_rows(tmp_path: Path) -> None:
    assert Registry.read(tmp_path / "models.toml") == Registry.read()


def test_user_row_adds_a_model_with_a_folder_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    file = write(tmp_path, row(name='"mine"', role='"embedder"', source='"./mine"', dimensions="8"))
    mine = Registry.read(file).row("mine")
    assert mine.source == str((tmp_path / "mine").resolve())
    assert len(Registry.read(file).rows) == len(Registry.read().rows) + 1


def test_user_row_changes_only_its_keys(tmp_path: Path) -> None:
    file = write(tmp_path, row(name='"qwen3-vl-embedding-2b"', image_pixels="640"))
    changed = Registry.read(file).row("qwen3-vl-embedding-2b")
    assert (changed.image_pixels, changed.dimensions) == (640, 2048)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (row(name='"m"', role='"embedder"', source='"a/b"', dimensions="8", colour="1"), ("'m'", "'colour'")),
        (row(name='"m"', role='"embedder"', source='"a/b"', dimensions='"8"'), ("'m'", "'dimensions'")),
        (row(name='"m"', role='"embedder"', source='"a/b"', dimensions="true"), ("'m'", "'dimensions'")),
        (row(name='"m"', role='"embedder"', source='"a/b"', dimensions="-1"), ("'m'", "'dimensions'")),
        (row(name='"m"', role='"embedder"', source='"a/b"'), ("'m'", "'dimensions'")),
        (row(name='"m"', role='"embedder"', dimensions="8"), ("'m'", "'source'")),
        (row(name='"m"', role='"wizard"', source='"a/b"'), ("'m'", "'role'", "reranker")),
        (row(name='"m"', source='"a/b"'), ("'m'", "'role'")),
        (row(name='"m"', role='"reranker"', source="7"), ("'m'", "'source'")),
        (row(name='"m"', role='"reranker"', source='"./gone"'), ("'m'", "'source'", "gone")),
        (row(name='"m"', role='"reranker"', source='"a/b"', modalities='["smell"]'), ("'m'", "'modalities'")),
        (row(name='"m"', role='"reranker"', source='"a/b"', modalities='"text"'), ("'m'", "'modalities'")),
        (row(name='"m"', role='"reranker"', source='"a/b"', dtype='"int3"'), ("'m'", "'dtype'")),
        (row(name='"m"', role='"reranker"', source='"a/b"', batch_size="0"), ("'m'", "'batch_size'")),
        (row(name='"starter"', matryoshka="[500]"), ("'starter'", "'matryoshka'")),
        (row(name='"starter"', trust_remote_code="true"), ("'starter'", "'trust_remote_code'")),
        (row(name='"starter"', attention='"sdpa"'), ("'starter'", "'attention'")),
        (row(**LIGHT, attention='"fast"'), ("'m'", "'attention'", "flash_attention_2")),
        (row(**LIGHT, modalities="[]"), ("'m'", "'modalities'")),
        (row(**LIGHT, image_pixels="64"), ("'m'", "'image_pixels'", "no pictures")),
        (row(**LIGHT, max_pixels="64"), ("'m'", "'max_pixels'", "no pictures")),
        (row(**LIGHT, matryoshka="[8]"), ("'m'", "'matryoshka'", "reranker")),
        (row(**LIGHT, dimensions="8"), ("'m'", "'dimensions'", "reranker")),
        (row(**LIGHT, page_prompt='"page: "'), ("'m'", "'page_prompt'", "reranker")),
        (row(**LIGHT, pooling='"mean"'), ("'m'", "'pooling'", "reranker")),
        (row(**LIGHT, score_tokens='["a", "b", "c"]'), ("'m'", "'score_tokens'")),
        (row(**LIGHT, runtime='"starter"'), ("'m'", "'runtime'")),
        (
            row(name='"clip-vit-l-14"', score_tokens='["yes"]'),
            ("'clip-vit-l-14'", "'score_tokens'", "embedder"),
        ),
        (row(name='"clip-vit-l-14"', token_pooling="2"), ("'clip-vit-l-14'", "'token_pooling'", "embedder")),
        (
            row(name='"qwen3-vl-embedding-2b"', max_pixels="99"),
            ("qwen3-vl-embedding-2b", "'min_pixels'", "99"),
        ),
        (row(name='"qwen3-4b"', query_prompt='"q"'), ("'qwen3-4b'", "'query_prompt'", "generator")),
        (row(name='"qwen3-4b"', dtype='"float16"'), ("'qwen3-4b'", "'dtype'", "llama.cpp")),
        (
            row(name='"m"', role='"reranker"', source='"./."', revision='"main"'),
            ("'m'", "'revision'", "folder"),
        ),
        (row(name='"m"', role='"late-interaction"', source='"a/b"'), ("'m'", "'dimensions'")),
        (row(role='"reranker"'), ("model 1", "'name'")),
        (row(name='"m"', role='"reranker"', source='"a/b"') * 2, ("'m'", "twice")),
        ("model = 3", ("[[model]]",)),
        ("[embedder]\nname = 3", ("[[model]]",)),
        ("not toml at all", ("cannot be read",)),
    ],
)
def test_wrong_file_is_named_with_row_and_key(tmp_path: Path, text: str, named: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError) as error:
        Registry.read(write(tmp_path, text))
    assert all(part in error.value.message for part in named)


def test_unknown_model_names_the_known_ones() -> None:
    with pytest.raises(ModelUnavailable, match="bogus") as error:
        Registry.read().row("bogus")
    assert "starter" in error.value.hint


def test_a_model_of_another_role_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match="no reranker"):
        load_reranker("starter", Registry.read())
    with pytest.raises(ModelUnavailable, match="no embedder"):
        load_embedder("mxbai-rerank-base-v2", Registry.read())


def test_dimensions_must_be_a_matryoshka_step() -> None:
    with pytest.raises(SettingsError, match="256, 128, 64"):
        load_embedder("starter", Registry.read(), dimensions=100)


def test_starter_always_runs_on_the_cpu() -> None:
    assert device_for(Registry.read().row("starter"), "cuda").describe() == "cpu, float32"


def test_installed_package_reads_the_rows_beside_its_modules(tmp_path: Path) -> None:
    tree = Path(docsearch.__file__).parent
    installed = tmp_path / "docsearch"
    (installed / "models").mkdir(parents=True)
    shutil.copytree(tree / "records", installed / "records")
    for name in ("__init__.py", "errors.py", "models/__init__.py", "models/registry.py"):
        shutil.copy(tree / name, installed / name)
    shutil.copy(tree.parent / "models.toml", installed / "models" / "models.toml")
    code = "from docsearch.models.registry import Registry; print(len(Registry.read().rows))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={}, capture_output=True, text=True)
    assert done.stdout.strip() == str(len(Registry.read().rows)), done.stderr


def test_a_generator_is_a_row_or_a_file(tmp_path: Path) -> None:
    registry = Registry.read()
    assert {row.name for row in registry.of(Role.GENERATOR)} > {"qwen3-4b", "qwen3-vl-4b", "smollm2-360m"}
    assert registry.generator("qwen3-vl-4b").mmproj
    (tmp_path / "My.GGUF").write_bytes(b"")
    row = registry.generator(str(tmp_path / "My.GGUF"))
    assert (row.name, row.source, row.file) == ("My", str(tmp_path), "My.GGUF")
    for name in ("starter", "nonsense", str(tmp_path / "none.gguf")):
        with pytest.raises(ModelUnavailable):
            registry.generator(name)


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ('role = "generator"\nsource = "a/b"', "generators"),
        ('role = "generator"\nsource = "a/b"\nruntime = "llama.cpp"', "'file'"),
        ('role = "reranker"\nsource = "a/b"\nfile = "x.gguf"', "'file'"),
        ('role = "reranker"\nsource = "a/b"\nruntime = "llama.cpp"\nfile = "x.gguf"', "generators"),
    ],
)
def test_generators_are_files_for_llama_cpp(tmp_path: Path, keys: str, wrong: str) -> None:
    file = tmp_path / "models.toml"
    file.write_text(f'[[model]]\nname = "mine"\n{keys}\n')
    with pytest.raises(SettingsError, match=wrong):
        Registry.read(file)
