from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import ingest
from benchmarks.program import ProgramFailed, timed, watched
from tests.benchmarks.measuring import Measure


def test_figures_of_a_small_folder(docs: Path, home: Path, measure: Measure) -> None:
    found = measure(ingest.main, "--docs", docs, "--home", home, "--repeats", "1", "--ocr-pages", "1")
    assert found["pages"] == 4
    assert found["text_pages_per_second"] == pytest.approx(4 / found["text_seconds"])
    bare_seconds = 4 / found["bare_pymupdf_pages_per_second"]
    assert found["bare_ratio"] == pytest.approx(bare_seconds / found["text_seconds"])
    assert (found["recoll_ratio"] is None) == ("recoll_note" in found)
    assert found["ocr_sample_pages"] == 1
    assert found["ocr_seconds_per_page_core"] > 0 < found["ocr_prototype_seconds_per_page_core"]
    assert found["peak_rss_mb"] > 10
    assert found["index_bytes_ratio"] > 0


def test_memory_of_child_processes_counts() -> None:
    eat = "import time; kept = bytearray(80_000_000); time.sleep(0.6)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {eat!r}])"
    assert watched([sys.executable, "-c", parent]).peak_rss_mb > 80


def test_a_program_that_fails_is_no_figure() -> None:
    with pytest.raises(ProgramFailed, match="no such thing"):
        timed([sys.executable, "-c", "raise SystemExit('no such thing')"])
