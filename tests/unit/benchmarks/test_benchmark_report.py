from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.report import Figure, common_parser, emit, parse_args

FIGURES: dict[str, Figure] = {"pages_per_second": 1234.56, "ndcg": 0.34221, "pages": 3, "device": "cpu"}
ROWS = [("stage", "seconds"), ("read", 1.5)]


def test_json_is_one_object_with_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    emit(FIGURES, ROWS, as_json=True)
    assert json.loads(capsys.readouterr().out) == FIGURES


def test_people_get_the_table_and_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    emit(FIGURES, ROWS)
    table, figures = capsys.readouterr().out.rstrip().split("\n\n")
    assert table.splitlines()[-1].split() == ["read", "1.5"]
    assert [line.split()[1] for line in figures.splitlines()[2:]] == ["1,234.6", "0.3422", "3", "cpu"]


def test_missing_documents_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_args(common_parser("test"), ["--docs", str(tmp_path)])
    assert caught.value.code == 2
    assert f"{tmp_path} has no folder docs/" in capsys.readouterr().err


def test_documents_that_are_not_needed_may_be_missing(tmp_path: Path) -> None:
    options = parse_args(common_parser("test"), ["--json", "--docs", str(tmp_path)], needs_docs=False)
    assert (options.json, options.docs) == (True, tmp_path)
