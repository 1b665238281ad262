from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from docsearch.learn.queries import LONGEST, page_queries
from docsearch.learn.student import train_student
from docsearch.learn.teacher import FIRST_BATCH, TeacherVectors, forget_all
from docsearch.models.distilled import Student
from docsearch.models.protocols import ModelInput, Vectors
from docsearch.records import DistillStep, StudentFigures

PAGE = """ANNUAL REPORT 2023
Return of confidential documents
The tenant pays a rent of 1,250 euros on the third working day. Late rent is charged with interest!
本协议由甲乙双方于北京签订，有效期为三年
"""
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class CountsLetters:
    """An embedder of texts whose vectors tell how often each letter occurs; counts what it reads."""

    name, fingerprint, dimensions = "letters", "f00d", len(LETTERS)
    modalities, image_pixels = frozenset({"text"}), 0

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed_queries(self, queries: Sequence[ModelInput]) -> Vectors:
        self.asked += [query.text for query in queries]
        counts = np.array([[q.text.lower().count(c) for c in LETTERS] for q in queries], np.float32)
        return np.asarray(counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9))

    def embed_pages(self, pages: Sequence[ModelInput]) -> Vectors:
        return self.embed_queries(pages)


def test_queries_of_a_page_are_of_every_kind_and_say_what_it_says() -> None:
    made = list(page_queries(PAGE, 300, Counter(), random.Random(1)))
    assert made == list(page_queries(PAGE, 300, Counter(), random.Random(1)))
    assert "Return of confidential documents" in made
    assert any(query.endswith("?") for query in made)
    assert any("本协议" in query for query in made)
    assert all(query.strip() and len(query) <= LONGEST for query in made)
    assert len({query.lower() for query in made}) > 50


def test_a_page_without_words_gives_no_query() -> None:
    for text in ("", "\n \n", "12", "...\n!!\n"):
        assert list(page_queries(text, 5, Counter(), random.Random(1))) == []


def test_rare_words_are_asked_for_more_often_than_common_ones() -> None:
    common = Counter({"the": 400, "of": 400, "rent": 400, "glaucoma": 1})
    made = Counter(
        word
        for query in page_queries("the rent of glaucoma the rent", 400, common, random.Random(2))
        for word in query.lower().split()
        if len(query.split()) <= 2
    )
    assert made["glaucoma"] > made["rent"]


def test_what_was_read_is_kept_when_the_work_is_cut_off(tmp_path: Path) -> None:
    texts = [f"query number {number}" for number in range(200)]
    teacher = CountsLetters()
    reading = TeacherVectors(tmp_path, teacher).read(texts, 3600.0)
    for _ in range(2):
        next(reading)
    reading.close()  # type: ignore[attr-defined]
    read = len(teacher.asked)
    assert 0 < read < 200

    again = CountsLetters()
    vectors = TeacherVectors(tmp_path, again)
    assert next(steps := vectors.read(texts, 3600.0)).done == read
    assert [step.total for step in steps]
    assert again.asked == texts[read:]
    expected = again.embed_queries([ModelInput(text) for text in texts])
    np.testing.assert_allclose(vectors.of(texts), expected, atol=1e-3)
    assert {path.stat().st_mode & 0o777 for path in vectors.folder.iterdir()} == {0o600}

    assert not forget_all(tmp_path, "another")
    assert forget_all(tmp_path, "letters")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_read_again(tmp_path: Path) -> None:
    texts = ["a query", "another one"]
    list(TeacherVectors(tmp_path, CountsLetters()).read(texts, 3600.0))
    [file] = (tmp_path / "teacher-f00d").glob("*.npz")
    file.write_bytes(file.read_bytes()[:100])
    teacher = CountsLetters()
    list(TeacherVectors(tmp_path, teacher).read(texts, 3600.0))
    assert teacher.asked == texts


def test_without_time_a_few_are_read(tmp_path: Path) -> None:
    teacher = CountsLetters()
    list(TeacherVectors(tmp_path, teacher).read([str(number) for number in range(1000)], 0.0))
    assert len(teacher.asked) == FIRST_BATCH


def trained(texts: Sequence[str], vectors: Vectors) -> Student:
    made: list[Student] = []

    def training() -> Iterator[DistillStep]:
        made.append((yield from train_student(texts, vectors, [f"page {n % 40}" for n in range(len(texts))])))

    assert [step.what for step in training()]
    return made[0]


def test_a_student_learns_where_the_teacher_puts_queries_it_never_saw() -> None:
    chance = random.Random(3)
    words = (
        "rent tenant glaucoma revenue interest harbour violin compass meadow furnace invoice lease".split()
    )
    texts = [" ".join(chance.sample(words, chance.randint(1, 4))) for _ in range(600)]
    vectors = CountsLetters().embed_queries([ModelInput(text) for text in texts])
    student = trained(texts[:500], vectors[:500])
    given = student.encode(texts[500:])
    assert float((given * vectors[500:]).sum(axis=1).mean()) > 0.95
    np.testing.assert_allclose(np.linalg.norm(given, axis=1), 1, atol=1e-4)
    assert not student.encode(["", "  "]).any()


def figures(teacher: float, student: float, found: float, first: float = 0.5) -> StudentFigures:
    return StudentFigures(200, 100, 0.9, 0.8, first, teacher, student, found, found, 1.0, 0.001)


def test_what_is_kept_is_measured_by_the_right_pages_where_the_teacher_finds_them() -> None:
    assert figures(0.5, 0.45, found=0.6).kept == 0.9
    assert figures(0.02, 0.02, found=0.05, first=0.7).kept == 0.7
