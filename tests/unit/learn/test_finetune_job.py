from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from docsearch.errors import SettingsError, UsageError
from docsearch.learn import process
from docsearch.learn.job import (
    HeldOutQuery,
    Job,
    JudgedPage,
    Method,
    TrainingExample,
    TrainingPage,
    read_examples,
    read_held_out,
    read_job,
    suited_job,
    write_job,
)
from docsearch.learn.process import State, Step, progress, running, say, training
from docsearch.models.registry import ModelRow, Registry, Role

STARTER = Registry.read().row("starter")
ODD = Path(os.fsdecode(b"/a\xff\n\"b'.pdf"))
EXAMPLES = (
    TrainingExample('wörds "quoted"\n\0 ☃', TrainingPage(ODD, 3, "page\ttext"), (), 0.5),
    TrainingExample("b", TrainingPage(Path("/c"), 1, ""), (TrainingPage(Path("/d"), 2, "x"),)),
)
HELD_OUT = (HeldOutQuery("q", (JudgedPage(ODD, 1, "t", 2.0), JudgedPage(Path("/e"), 9, ""))),)


def write(folder: Path, job: Job | None = None) -> Path:
    write_job(folder, job or suited_job(STARTER, 300), EXAMPLES, HELD_OUT)
    return folder


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    row = ModelRow("m", Role.RERANKER, source="a/b", modalities=("text", "image"), matryoshka=())
    job = Job(Role.RERANKER, row, Method.LORA, epochs=7, max_seconds=1.5, device="cuda:1", clicks=3)
    write(tmp_path / "job", job)
    assert read_job(tmp_path / "job") == job
    assert read_examples(tmp_path / "job") == EXAMPLES
    assert read_held_out(tmp_path / "job") == HELD_OUT
    assert (tmp_path / "job").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "job").iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("epochs", "3", "epochs"),
        ("epochs", True, "epochs"),
        ("epochs", 0, "epochs"),
        ("method", "magic", "method"),
        ("method", "lora", "method"),
        ("learning_rate", float("nan"), "learning_rate"),
        ("learning_rate", -1, "learning_rate"),
        ("dimensions", [9999], "dimensions"),
        ("dimensions", 5, "dimensions"),
        ("role", "reranker", "role"),
        ("role", "generator", "role"),
        ("base", {"name": "x"}, "not complete"),
        ("base", [], "ModelRow"),
        ("command", "rm", "Job"),
        ("keep", 1, "keep"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(key: str, value: Any, complaint: str, tmp_path: Path) -> None:
    write(tmp_path)
    values = json.loads((tmp_path / "job.json").read_text())
    (tmp_path / "job.json").write_text(json.dumps({**values, key: value}))
    with pytest.raises(SettingsError, match=complaint):
        read_job(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "\x80", "7\n", "[" * 99999, '{"role": "embedder"}'])
def test_a_file_that_is_no_job_is_told(content: str, tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(content, "latin-1")
    with pytest.raises(SettingsError, match=r"job\.json"):
        read_job(tmp_path)


def test_a_line_that_is_no_example_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    with (tmp_path / "pairs.jsonl").open("a") as file:
        file.write('{"query": "a", "positive": {"path": "/a", "page": 1.5, "text": ""}}\n')
    with pytest.raises(SettingsError, match="line 3: positive: page"):
        read_examples(tmp_path)
    (tmp_path / "pairs.jsonl").write_text("")
    with pytest.raises(SettingsError, match="holds no examples"):
        read_examples(tmp_path)


def test_text_that_no_tokenizer_reads_is_made_readable(tmp_path: Path) -> None:
    write(tmp_path)
    line = json.loads((tmp_path / "pairs.jsonl").read_text().splitlines()[1])
    (tmp_path / "pairs.jsonl").write_text(json.dumps({**line, "query": "a\udcffb"}))
    assert read_examples(tmp_path)[0].query == "a?b"


def test_what_suits_a_model() -> None:
    large = dataclasses.replace(STARTER, runtime=ModelRow("a", Role.EMBEDDER).runtime, parameters=10**9)
    assert suited_job(large, 300).method is Method.LORA
    assert suited_job(STARTER, 300).method is Method.FULL
    assert suited_job(STARTER, 50).epochs > suited_job(STARTER, 5000).epochs > 0


def test_how_a_training_stands(tmp_path: Path) -> None:
    folder = write(tmp_path / "job")
    assert training(folder) == process.Training(State.WAITING)
    process.pause(folder)
    assert training(folder).state is State.PAUSED
    with running(folder) as ours:
        assert ours
        say(folder, State.RUNNING)
        seen = training(folder)
        assert (seen.state, seen.process, seen.starts) == (State.RUNNING, os.getpid(), 1)
    (folder / process.PAUSE).unlink()
    assert (training(folder).state, training(folder).reason) == (State.WAITING, "was cut off")
    say(folder, State.PAUSED)
    assert training(folder).state is State.PAUSED
    say(folder, State.FAILED, "no memory")
    assert (training(folder).state, training(folder).reason) == (State.FAILED, "no memory")
    (folder / process.RESULT).mkdir()
    assert training(folder).state is State.DONE


def test_word_of_a_process_that_makes_no_sense_is_none(tmp_path: Path) -> None:
    folder = write(tmp_path / "job")
    for content in ("", "[1]", '{"starts": "x", "process": [], "state": 4}', "[" * 99999):
        (folder / process.STATE).write_text(content)
        assert training(folder).state is State.WAITING
        assert training(folder).starts == 0


def test_steps_done_again_count_once_and_half_lines_not_at_all(tmp_path: Path) -> None:
    lines = [
        '{"step": 0, "of": 9, "seconds": 0, "loss": null, "ndcg10": 0.5}',
        '{"step": 1, "of": 9, "seconds": 1.5, "loss": 4.0, "ndcg10": null}',
        '{"step": 2, "of": 9, "seconds": 2.0, "loss": NaN, "ndcg10": null}',
        '{"step": 2, "of": 9, "sec',
        '{"step": 1, "of": 9, "seconds": 3.0, "loss": 3.0, "ndcg10": null}',
        "7",
    ]
    (tmp_path / "progress.jsonl").write_text("\n".join(lines))
    assert progress(tmp_path) == (Step(0, 9, 0.0, None, 0.5), Step(1, 9, 3.0, 3.0))
    assert progress(tmp_path / "nowhere") == ()


def test_there_is_nothing_to_start_in_an_empty_folder(tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="needs pip install docsearch[train]")
    with pytest.raises(UsageError, match="no training job"):
        process.start(tmp_path)
