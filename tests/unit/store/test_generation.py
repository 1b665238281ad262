from __future__ import annotations

from pathlib import Path

import pytest

from docsearch.errors import IndexDamaged
from docsearch.store import generation
from docsearch.store.index import Index
from tests.stored import add_document


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An index folder with one document."""
    index = Index(tmp_path / "index")
    add_document(index, Path("/library/old.pdf"), ["walrus"])
    index.close()
    return tmp_path / "index"


def replaced(folder: Path) -> Path:
    """Puts an index with another document in the place of the one there is."""
    place = generation.begin(folder, "test")
    new = Index(place)
    add_document(new, Path("/library/new.pdf"), ["carpenter"])
    add_document(new, Path("/library/newer.pdf"), ["oyster"])
    new.close()
    generation.switch(folder, place)
    return place


def names(index: Index) -> set[str]:
    held = index.files.of_documents(index.documents.live())
    return {file.path.name for files in held.values() for file in files}


def test_one_that_is_open_follows(folder: Path) -> None:
    index = Index(folder)
    assert names(index) == {"old.pdf"}
    assert not index.follow()
    replaced(folder)
    generation.remove(generation.outlived(folder))
    assert not (folder / "catalog.sqlite").exists()

    assert index.follow()
    assert names(index) == {"new.pdf", "newer.pdf"}
    assert index.pages.rows() == 2
    assert not index.follow()
    index.close()


def test_a_question_across_the_change_is_asked_again(folder: Path) -> None:
    index = Index(folder)
    answers: list[set[str]] = []

    def ask() -> set[str]:
        if not answers:
            replaced(folder)
        answers.append(names(index))
        return answers[-1]

    assert index.consistently(ask) == {"new.pdf", "newer.pdf"}
    assert len(answers) == 2
    index.close()


def test_until_the_switch_nothing_changes(folder: Path) -> None:
    place = generation.begin(folder, "a recipe")
    assert generation.current(folder) == folder
    assert generation.begin(folder, "a recipe") == place, "what was begun does not go on"
    other = generation.begin(folder, "another recipe")
    assert generation.unfinished(folder) == [other]
    assert generation.outlived(folder) == []


def test_what_is_outlived_goes_with_the_next_run(folder: Path) -> None:
    first = replaced(folder)
    second = replaced(folder)
    index = Index(folder)
    index.sweep()
    assert not first.exists()
    assert not (folder / "tables").exists()
    assert generation.current(folder) == second
    assert generation.outlived(folder) == []
    index.close()


def test_a_pointer_to_nothing_is_mended(folder: Path) -> None:
    place = replaced(folder)
    (folder / "current.generation").write_text("generation-99")
    with pytest.raises(IndexDamaged, match="names no generation"):
        Index(folder)
    assert generation.mend(folder) == place
    Index(folder).close()
