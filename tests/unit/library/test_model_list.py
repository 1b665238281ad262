"""What the list of models says of memory and of what is in use."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import docsearch
from docsearch.config import AnswerSettings, ModelSettings, Settings
from docsearch.errors import ModelUnavailable
from docsearch.library.model_list import Machine, model_states, usable_row
from docsearch.models.registry import ModelRow, Registry, Role, Runtime
from docsearch.records import ModelState
from docsearch.store.vector_models import VectorModel

GB = 1_000_000_000
BIG = ModelRow("big", Role.EMBEDDER, source="nobody/big", parameters=2 * GB, dimensions=2048)
WRITER = ModelRow(
    "writer", Role.GENERATOR, Runtime.LLAMA_CPP, source="nobody/writer", file="a.gguf", memory_mb=5000
)
LAPTOP = Machine(total=16 * GB, free=8 * GB, gpu=None)


@pytest.fixture(autouse=True)
def no_models_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def state(row: ModelRow, machine: Machine, settings: Settings | None = None) -> ModelState:
    made = [VectorModel("aa", "big", 2048, 70), VectorModel("bb", "big", 512, 30)]
    return model_states(settings or Settings(), Registry((row,)), made, 100, machine)[0]


@pytest.mark.parametrize(
    ("machine", "fits", "reason"),
    [
        (Machine(8 * GB, 8 * GB, None), False, "needs 10.1 GB; this machine has 8.0 GB"),
        (LAPTOP, True, "needs 10.1 GB; 8.0 GB are free now"),
        (Machine(32 * GB, 20 * GB, None), True, ""),
        (Machine(None, None, None), True, ""),
        (Machine(4 * GB, 2 * GB, 6 * GB, half=True), True, ""),
        (Machine(64 * GB, 60 * GB, 4 * GB, half=True), False, "needs 5.3 GB; the GPU has 4.0 GB"),
    ],
)
def test_a_model_is_held_against_the_memory_it_would_run_in(
    machine: Machine, fits: bool, reason: str
) -> None:
    found = state(BIG, machine)
    assert (found.fits, found.reason) == (fits, reason)


def test_memory_of_a_row_is_for_half_precision() -> None:
    told = replace(BIG, memory_mb=8000)
    assert state(told, Machine(32 * GB, 30 * GB, None, half=True)).memory_bytes == 8 * GB
    assert state(told, LAPTOP).memory_bytes == 12 * GB
    assert state(replace(told, dtype="bfloat16"), LAPTOP).memory_bytes == 8 * GB
    assert state(replace(BIG, parameters=0), LAPTOP).memory_bytes == 0


def test_code_that_a_model_needs_is_minded_until_it_is_trusted() -> None:
    needs = replace(BIG, needs_remote_code=True, tested="on a Tuesday")
    assert state(needs, LAPTOP).warnings == ("runs only with code of its own",)
    assert state(replace(needs, trust_remote_code=True), LAPTOP).warnings == ()
    assert state(needs, LAPTOP).tested == "on a Tuesday"


def test_a_model_whose_code_is_not_trusted_is_not_taken_into_use(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    row = replace(BIG, source=str(tmp_path), needs_remote_code=True)
    with pytest.raises(ModelUnavailable, match="code that comes with it"):
        usable_row(Settings(), Registry((row,)), "big")
    trusted = replace(row, trust_remote_code=True)
    assert usable_row(Settings(), Registry((trusted,)), "big") == trusted


def test_a_generator_is_held_against_main_memory(tmp_path: Path) -> None:
    assert state(WRITER, Machine(4 * GB, 3 * GB, 80 * GB, half=True)).fits is False
    assert state(WRITER, LAPTOP).memory_bytes == 5_300_000_000


def test_pages_are_those_of_the_best_covered_length_of_vectors() -> None:
    found = state(BIG, LAPTOP)
    assert (found.pages_embedded, found.pages_total) == (70, 100)


def test_what_the_settings_name_is_in_use_a_file_by_its_path_too(tmp_path: Path) -> None:
    file = str(tmp_path / "gone.gguf")
    settings = Settings(models=ModelSettings(embedder="big"), answers=AnswerSettings(model=file))
    found = {s.name: s for s in model_states(settings, Registry((BIG, WRITER)), (), 0, LAPTOP)}
    assert {name for name, s in found.items() if s.in_use} == {"big", "passages", file}
    assert (found[file].installed, found[file].role) == (False, "generator")


def test_weights_are_whole_when_every_part_that_their_index_names_is_there(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
    )
    (tmp_path / "model-1.safetensors").write_bytes(b"weights")
    row = ModelRow("own", Role.EMBEDDER, source=str(tmp_path), dimensions=8)
    assert state(row, LAPTOP).installed is False
    (tmp_path / "model-2.safetensors").write_bytes(b"weights")
    found = state(row, LAPTOP)
    assert (found.installed, found.folder) == (True, tmp_path)


def test_a_program_that_looked_at_models_does_not_reach_out_when_it_loads_one(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from docsearch.library import Library; "
        "states = Library(Path('home')).models(); "
        "from huggingface_hub import constants; import sys; "
        "print(len(states) > 5, constants.HF_HUB_OFFLINE, 'torch' in sys.modules)"
    )
    given = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS"))
    }
    given["PYTHONPATH"] = str(Path(docsearch.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=given, capture_output=True, text=True
    )
    assert done.stdout.split() == ["True", "True", "False"], done.stderr
