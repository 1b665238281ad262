from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from docsearch.learn.finetune.card import model_card
from docsearch.learn.finetune.data import Material, material, ndcg, planned_batches, rows
from docsearch.learn.finetune.pages import ShownPages
from docsearch.learn.job import (
    HeldOutQuery,
    Job,
    JudgedPage,
    Method,
    Sides,
    TrainingExample,
    TrainingPage,
    suited_job,
)
from docsearch.learn.process import Step
from docsearch.models.registry import ModelRow, Registry, Role

STARTER = Registry.read().row("starter")
JOB = dataclasses.replace(suited_job(STARTER, 100), batch_size=4, negatives=2, epochs=2)
HEAVY = ("torch", "sentence_transformers", "transformers", "datasets")


def page(number: int) -> TrainingPage:
    return TrainingPage(Path(f"/{number}"), 1, f"text {number}")


def example(query: str, right: int, *wrong: int, weight: float = 1.0) -> TrainingExample:
    return TrainingExample(query, page(right), tuple(map(page, wrong)), weight)


EXAMPLES = st.lists(
    st.builds(
        lambda query, right, wrong, weight: example(query, right, *wrong, weight=weight),
        st.sampled_from(["a", "b", "c", "D", "d"]),
        st.integers(0, 6),
        st.lists(st.integers(0, 6), max_size=3),
        st.floats(0.1, 5),
    ),
    min_size=1,
    max_size=12,
)


def made_of(examples: list[TrainingExample]) -> Material:
    return material(examples, ())


@given(EXAMPLES)
def test_no_page_is_right_and_wrong_in_one_batch(examples: list[TrainingExample]) -> None:
    given_ = made_of(examples)
    made = rows(given_, JOB)
    assert len({len(row.negatives) for row in made}) == 1
    for number, row in enumerate(made):
        assert not given_.right[number] & set(row.negatives)
        assert len(set(row.negatives)) == len(row.negatives)
    for batch in planned_batches(given_, made, JOB):
        assert 0 < len(batch) <= JOB.batch_size
        for one in batch:
            others = [made[other] for other in batch if other != one]
            shown = {number for row in others for number in (row.positive, *row.negatives)}
            assert not given_.right[one] & shown


@given(EXAMPLES)
def test_examples_are_drawn_by_their_weight(examples: list[TrainingExample]) -> None:
    given_ = made_of(examples)
    assume(rows(given_, JOB)[0].negatives)
    batches = planned_batches(given_, rows(given_, JOB), JOB)
    drawn = Counter(number for batch in batches for number in batch)
    expected = given_.weights / given_.weights.mean() * JOB.epochs
    assert sum(drawn.values()) == len(examples) * JOB.epochs
    for number, often in enumerate(expected):
        assert abs(drawn[number] - often) <= JOB.epochs
    assert planned_batches(given_, rows(given_, JOB), JOB) == batches


def test_wrong_pages_are_those_passed_over_then_similar_ones_below_the_margin() -> None:
    given_ = made_of([example("a", 0, 4), example("b", 1), example("c", 2), example("d", 3)])
    similar = np.array([0.9, 0.4, 0.89, 0.7, 0.1], np.float32)[[0, 1, 2, 3, 4]]
    numbers = {p.path.name: n for n, p in enumerate(given_.pages)}
    by_number = np.zeros(5, np.float32)
    for name, number in numbers.items():
        by_number[number] = similar[int(name)]
    [first, *_] = rows(given_, dataclasses.replace(JOB, negatives=3, margin=0.05), lambda _: by_number)
    assert [given_.pages[n].path.name for n in first.negatives] == ["4", "3", "1"]


def test_examples_without_weight_or_words_are_left_out() -> None:
    given_ = made_of([example("a", 0), example(" ", 1), example("b", 2, weight=0.0)])
    assert given_.queries == ("a",)
    assert len(given_.pages) == 1


def test_other_words_for_the_same_page_and_held_out_pages_share_numbers() -> None:
    asked = HeldOutQuery("q", (JudgedPage(Path("/0"), 1, "other", 1.0), JudgedPage(Path("/9"), 1, "", 0.0)))
    given_ = material([example("a", 0), example("A ", 1)], [asked])
    assert given_.right == (frozenset({0, 1}), frozenset({0, 1}))
    assert given_.held_out == (("q", (0, 2), (1.0, 0.0)),)


@pytest.mark.parametrize(
    ("scores", "relevance", "expected"),
    [
        ([3, 2, 1], [1, 0, 0], 1.0),
        ([3, 2, 1], [0, 1, 0], 1 / np.log2(3)),
        ([1, 2], [0, 0], 0.0),
        ([], [], 0.0),
        (list(range(12)), [1.0] + [0.0] * 11, 0.0),
        ([2, 1], [1, 2], (1 + 2 / np.log2(3)) / (2 + 1 / np.log2(3))),
    ],
)
def test_ndcg(scores: list[float], relevance: list[float], expected: float) -> None:
    assert ndcg(np.array(scores, np.float32), relevance) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("modalities", "role", "text", "seen"),
    [
        ({"text"}, Role.EMBEDDER, "words", "text"),
        ({"text", "image"}, Role.EMBEDDER, "words", "image"),
        ({"text", "image", "text+image"}, Role.EMBEDDER, "words", "both"),
        ({"text", "image"}, Role.RERANKER, "words", "text"),
        ({"text", "image"}, Role.RERANKER, " ", "image"),
        ({"text", "image", "text+image"}, Role.RERANKER, "words", "both"),
    ],
)
def test_pages_are_shown_as_when_they_are_embedded_and_reranked(
    modalities: set[str], role: Role, text: str, seen: str, tmp_path: Path
) -> None:
    Image.new("RGB", (30, 60), "red").save(tmp_path / "a.png")
    shown = ShownPages([TrainingPage(tmp_path / "a.png", 1, text)], frozenset(modalities), 20, role)
    given_ = shown.given(0)
    shown.close()
    assert (bool(given_.text.strip()), given_.image is not None) == (seen in ("text", "both"), seen != "text")
    if given_.image is not None:
        assert max(given_.image.size) == 20


def test_a_page_that_is_gone_is_shown_as_text() -> None:
    shown = ShownPages([page(1)], frozenset({"text", "image"}), 20, Role.EMBEDDER)
    assert (shown.given(0).text, shown.given(0).image) == ("text 1", None)


@pytest.mark.parametrize("role", [Role.EMBEDDER, Role.RERANKER])
@pytest.mark.parametrize("sides", list(Sides))
def test_a_card_says_what_was_done_and_nothing_of_the_machine(role: Role, sides: Sides) -> None:
    row = ModelRow("mine", role, source="/home/someone/models/mine", licence="MIT", dimensions=8)
    steps = [Step(0, 2, 0, None, 0.25), Step(1, 2, 1, 4.5), Step(2, 2, 2.4, 3.5, 0.5)]
    card = model_card(Job(role, row, Method.LORA, sides, clicks=7, made=3), steps, 10, 9, 8)
    for said in ("base_model: ", "MIT", "0.2500", "0.5000", "4.5000", "LoRA, rank 16", "| 7 |", "| 3 |"):
        assert said in card
    assert "someone" not in card
    assert ("keeps" in card or "as before" in card) is (role is Role.EMBEDDER and sides is Sides.QUERY)


def test_nothing_of_this_needs_torch() -> None:
    code = (
        "import sys, docsearch.learn.job, docsearch.learn.process, docsearch.learn.finetune.data\n"
        "import docsearch.learn.finetune.pages, docsearch.learn.finetune.card\n"
        "import docsearch.learn.finetune.__main__, docsearch.models.tuned\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
