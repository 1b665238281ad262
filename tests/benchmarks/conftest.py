"""A folder as the benchmarks take it: a few documents and judged queries over them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.measuring import Measure
from tests.documents import image_of_text, text_pdf


@pytest.fixture(scope="session")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """docs/ with two text documents and a scan, and a judged query for each."""
    folder = tmp_path_factory.mktemp("judged")
    for name in ("reports", "scans"):
        (folder / "docs" / name).mkdir(parents=True)
    pages = ["Annual report\nLetter to shareholders", "Revenue grew by nine percent\nto 81 million euros"]
    text_pdf(folder / "docs/reports/zephyr 2021.pdf", pages)
    text_pdf(folder / "docs/reports/b.pdf", ["Lease agreement\nThe tenant pays the rent monthly"])
    image_of_text(folder / "docs/scans/c.png", "Invoice 4711\nCoffee beans")
    rows = [
        _judged("1", "how much did revenue grow", "reports/zephyr 2021.pdf", 2, "filings", "text"),
        _judged("2", "who pays the rent", "reports/b.pdf", 1, "contracts", "text"),
        _judged("3", "invoice for coffee beans", "scans/c.png", 1, "receipts", "image"),
    ]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


@pytest.fixture(scope="session")
def home(docs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete index of the documents."""
    from benchmarks.program import complete_index

    folder = tmp_path_factory.mktemp("home")
    complete_index(folder, docs / "docs")
    return folder


@pytest.fixture
def measure(capsys: pytest.CaptureFixture[str]) -> Measure:
    """Runs a benchmark with --json and returns the one object it prints."""

    def run(main: Callable[[list[str]], None], *arguments: str | Path) -> dict[str, Any]:
        capsys.readouterr()
        main(["--json", *map(str, arguments)])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return run


def _judged(number: str, query: str, doc: str, page: int, source: str, modality: str) -> dict[str, Any]:
    relevant = [{"doc": doc, "page": page}]
    return {"id": number, "query": query, "relevant": relevant, "source": source, "modality": modality}
