"""An indexing process may be killed at any moment: the next run ends where a clean one would have."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from docsearch.library import Library
from docsearch.records import PageId
from tests import documents
from tests.integration.conftest import OpenLibrary

PAGES = 1010
"""Two such documents are more than the text tier keeps before it writes."""

INDEX = """
import sys
from pathlib import Path
from docsearch.config import IndexSettings, ModelSettings, OcrSettings, Settings
from docsearch.library import Library

settings = Settings(
    index=IndexSettings(workers=1), ocr=OcrSettings(engine="off"), models=ModelSettings(embedder="off")
)
with Library(Path(sys.argv[1]), settings) as library:
    for event in library.index([Path(sys.argv[2])]):
        print(event, flush=True)
"""


@pytest.fixture
def library_folder(folder: Path) -> Path:
    """Three long documents, a copy of one, and two short ones."""
    data = documents.many_pages_pdf(folder / "0.pdf", PAGES).read_bytes()
    for number in (1, 2):
        (folder / f"{number}.pdf").write_bytes(data + b"\\n%% another" * number)
    (folder / "copy.pdf").write_bytes(data)
    documents.corrupt_pdf(folder / "corrupt.pdf")
    documents.text_pdf(folder / "short.pdf", ["The walrus", "and the carpenter"])
    return folder


def index_until(home: Path, folder: Path, events: int) -> int:
    """Indexes in a process of its own and kills it after so many events; returns how many there were."""
    command = [sys.executable, "-c", INDEX, str(home), str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        seen = 0
        while seen < events and process.stdout.readline():
            seen += 1
        process.kill()
    return seen


def contents(library: Library) -> set[tuple[str, int, str]]:
    """(file, page, text) of all that is searchable."""
    store = library.store
    held = store.files.of_documents(store.documents.live())
    numbers = {document: stored.pages for document, stored in store.documents.get(held).items()}
    pages = [PageId(document, page) for document in held for page in range(1, numbers[document] + 1)]
    texts = store.pages.texts(pages)
    return {(file.path.name, page.page, texts[page][0]) for page in pages for file in held[page.doc]}


def test_killed_runs_lose_and_double_nothing(
    library_folder: Path, tmp_path: Path, open_library: OpenLibrary
) -> None:
    clean = open_library(home=tmp_path / "clean")
    total = len(list(clean.index([library_folder])))
    expected = contents(clean)
    assert len(expected) == 4 * PAGES + 2

    home, chance = tmp_path / "killed", random.Random(11)
    for kill_after in [*chance.sample(range(1, total), 2), total - 1]:
        index_until(home, library_folder, kill_after)
        survivor = open_library(home=home)
        assert contents(survivor) <= expected
        assert {hit.path.name for hit in survivor.search(survivor.parse("page number")).hits} <= {
            name for name, *_ in expected
        }
        survivor.close()

    library = open_library(home=home)
    list(library.index())
    assert contents(library) == expected
    assert library.store.pages.rows() == clean.store.pages.rows() == library.status().pages
    assert library.store.pages.documents() == library.store.documents.live()
    assert library.status().failures == clean.status().failures


def test_a_killed_process_leaves_the_lock_free(folder: Path, tmp_path: Path) -> None:
    documents.text_pdf(folder / "short.pdf", ["The walrus"])
    home = tmp_path / "home"
    assert index_until(home, folder, 1) == 1
    assert index_until(home, folder, 10_000) > 1
