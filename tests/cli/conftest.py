"""Runs the command line in this process, against a home folder of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from docsearch.cli.main import main
from tests import documents

SETTINGS = """
[index]
workers = 1
page_seconds = 60
[ocr]
engine = "off"
[models]
embedder = "off"
"""


@dataclass(frozen=True)
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        [line] = self.out.splitlines()
        return json.loads(line)


Run = Callable[..., Outcome]


@pytest.fixture
def run(home: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `docsearch` with these arguments; words only, no OCR, one reader process."""
    home.mkdir()
    (home / "settings.toml").write_text(SETTINGS)

    def run_it(*arguments: str | Path) -> Outcome:
        capfd.readouterr()
        with pytest.raises(SystemExit) as finished:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return Outcome(finished.value.code if isinstance(finished.value.code, int) else 1, out, err)

    return run_it


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A lease of two pages and a file that is no PDF."""
    made = tmp_path / "documents"
    made.mkdir()
    documents.text_pdf(
        made / "lease.pdf", ["The tenant pays rent", "Pets are llamas only"], title="House lease"
    )
    documents.corrupt_pdf(made / "corrupt.pdf")
    return made
