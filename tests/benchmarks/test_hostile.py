from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import hostile
from docsearch.library import Library
from tests.benchmarks.measuring import Measure
from tests.documents import corrupt_pdf, encrypted_pdf, text_pdf


@pytest.fixture
def odd_files(tmp_path: Path) -> Path:
    folder = tmp_path / "odd"
    folder.mkdir()
    text_pdf(folder / "good.pdf", ["one", "two"])
    encrypted_pdf(folder / "locked.pdf")
    corrupt_pdf(folder / "noise.pdf")
    text_pdf(folder / "x.pdf").rename(folder / os.fsdecode(b"n\xe4me.pdf"))
    return folder


def test_every_file_is_accounted_for(odd_files: Path, measure: Measure) -> None:
    found = measure(hostile.main, "--docs", odd_files)
    assert {
        key: found[key] for key in ("files", "pages_ok", "failures_recorded", "crashes", "hangs", "lost")
    } == {
        "files": 4,
        "pages_ok": 3,
        "failures_recorded": 2,
        "crashes": 0,
        "hangs": 0,
        "lost": 0,
    }


def test_a_run_over_the_limit_is_a_hang_and_its_files_are_lost(odd_files: Path, measure: Measure) -> None:
    found = measure(hostile.main, "--docs", odd_files, "--limit", "0.01")
    assert (found["hangs"], found["crashes"], found["lost"]) == (1, 0, 4)
    assert r"'n\udce4me.pdf'" in found["lost_files"]


def test_a_failing_program_is_a_crash(odd_files: Path, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[nonsense]\n")
    run = hostile.index_within(60, tmp_path, odd_files)
    assert run.crashed


def test_what_the_index_does_not_know_is_lost(odd_files: Path, tmp_path: Path) -> None:
    with Library(tmp_path):
        outcome = hostile.outcome_of(tmp_path, odd_files)
    assert len(outcome.lost) == len(outcome.files) == 4
