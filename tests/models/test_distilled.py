"""Distilled encoders on disk, and in the place of a large model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from docsearch.errors import ModelUnavailable
from docsearch.models.distilled import (
    WORDS,
    DistilledQueries,
    Student,
    Table,
    notes,
    read_note,
    read_student,
    student_file,
    write_student,
)
from docsearch.models.protocols import Embedder, ModelInput
from docsearch.models.registry import ModelRow, Role, Runtime
from docsearch.models.starter.embedder import SHIPPED, StarterEmbedder
from docsearch.models.starter.weights import StarterWeights
from docsearch.records import DistilledModel, StudentFigures

DIMENSIONS = 64
ROW = ModelRow(
    "large", Role.EMBEDDER, Runtime.STARTER, modalities=("text", "image"), dimensions=256, image_pixels=99
)
FIGURES = StudentFigures(200, 150, 0.9, 0.8, 0.95, 0.5, 0.47, 0.6, 0.55, 2.0, 0.001)


@pytest.fixture(scope="module")
def student() -> Student:
    """One with weights drawn at random."""
    chance = np.random.default_rng(1)
    weights = StarterWeights.read(SHIPPED)

    def drawn(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return chance.standard_normal(shape).astype(np.float32)

    return Student(
        weights.tokenizer.to_str().encode(),
        Table(weights.tokens, weights.scales),
        Table.of(drawn(len(weights.tokens), 8)),
        Table.of(drawn(WORDS, 8)),
        drawn(weights.tokens.shape[1], DIMENSIONS),
        drawn(DIMENSIONS),
        drawn(8, DIMENSIONS),
    )


@pytest.fixture(scope="module")
def large() -> Embedder:
    return StarterEmbedder(dimensions=DIMENSIONS)


def note_for(embedder: Embedder) -> DistilledModel:
    return DistilledModel("large", embedder.fingerprint, DIMENSIONS, 5000, 1.0, FIGURES, True)


def test_a_student_is_the_same_after_writing_and_for_its_owner_alone(
    student: Student, large: Embedder, tmp_path: Path
) -> None:
    note, folder = note_for(large), tmp_path / "distilled"
    file = write_student(folder, student, note)
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert notes(folder) == [note]
    texts = ["return of documents", "Übergrößenträger 本协议", ""]
    np.testing.assert_allclose(read_student(file).encode(texts), student.encode(texts), atol=1e-2)
    assert [path.name for path in folder.iterdir()] == [file.name]


def test_a_damaged_or_foreign_file_is_not_a_student(
    student: Student, large: Embedder, tmp_path: Path
) -> None:
    note = note_for(large)
    file = write_student(tmp_path, student, note)
    whole = file.read_bytes()
    other = student_file(tmp_path, "0123456789abcdef")
    other.write_bytes(whole)
    assert read_note(other) is None, "a note says which vectors it is for"
    for content in (b"", b"nothing", whole[: len(whole) // 2], whole.replace(b"\x93NUMPY", b"\x93numpy")):
        file.write_bytes(content)
        with pytest.raises(ModelUnavailable, match="cannot be read"):
            read_student(file)
    assert notes(tmp_path / "nowhere") == []


def test_parts_that_do_not_fit_each_other_are_refused(
    student: Student, large: Embedder, tmp_path: Path
) -> None:
    for wrong in (
        replace(student, bias=student.bias[1:]),
        replace(student, outer=student.outer[1:]),
        replace(student, words=Table(student.words.values[1:], student.words.scales[1:])),
        replace(student, tokenizer=b"{}"),
    ):
        file = write_student(tmp_path, wrong, note_for(large))
        with pytest.raises(ModelUnavailable):
            read_student(file)


def test_words_are_the_students_and_pictures_the_large_models(student: Student, large: Embedder) -> None:
    loaded: list[Embedder] = []

    def load() -> Embedder:
        loaded.append(large)
        return large

    queries = DistilledQueries(student, note_for(large), ROW, load)
    assert (queries.name, queries.fingerprint) == ("large", large.fingerprint)
    assert (queries.dimensions, queries.image_pixels) == (DIMENSIONS, 99)
    assert queries.modalities == {"text", "image"}
    words, picture = ModelInput("rent"), ModelInput("rent", Image.new("RGB", (40, 40), "red"))
    np.testing.assert_array_equal(queries.embed_queries([words]), student.encode(["rent"]))
    assert not loaded, "words need no large model"
    both = queries.embed_queries([words, picture])
    np.testing.assert_allclose(both[0], student.encode(["rent"])[0], atol=1e-6)
    np.testing.assert_array_equal(both[1], large.embed_queries([picture])[0])
    np.testing.assert_array_equal(queries.embed_pages([words]), large.embed_pages([words]))


def test_pictures_are_refused_when_the_large_model_is_another_one_now(
    student: Student, large: Embedder
) -> None:
    note = replace(note_for(large), fingerprint="another")
    queries = DistilledQueries(student, note, ROW, lambda: large)
    with pytest.raises(ModelUnavailable, match="not the model any more"):
        queries.embed_queries([ModelInput(image=Image.new("RGB", (40, 40)))])
    assert queries.embed_queries([ModelInput("rent")]).any()
