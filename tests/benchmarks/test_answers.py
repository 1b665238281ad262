from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks import answers
from benchmarks.mistakes import WRONG
from benchmarks.planted import PAGES, RIGHT_ONES, made_answers
from benchmarks.rewordings import RIGHT
from benchmarks.said import GivenPage
from docsearch.library import Library

CITIES = "Leipzig Hamburg Bremen Dresden Munich Cologne".split()
NAMES = "Anna Bertram Conrad Dorothea Emilia Friedrich".split()


def pool() -> list[GivenPage]:
    """Pages with all that statements are made of: dates, names, scales, percentages, tables."""
    chance = random.Random(3)
    return [
        GivenPage(str(document), page, _page_text(document, page, chance), f"Branch {document}")
        for document in range(len(NAMES))
        for page in range(1, 5)
    ]


def _page_text(document: int, page: int, chance: random.Random) -> str:
    city, name = CITIES[document], f"{NAMES[document]} {CITIES[document]}son"
    sentences = [
        f"The shop in {city} sold {chance.randint(1000, 9999):,} chairs and {chance.randint(10, 99)}% more "
        f"tables on May {chance.randint(1, 28)}, {chance.randint(2001, 2020)} than before.",
        f"In {chance.randint(2001, 2020)} the revenue of branch {document} was ${chance.randint(1, 9)},"
        f"{chance.randint(100, 999)} million, which the report explains at some length.",
        f"The manager of the branch, however, was the well known {name} and nobody else, as page {page} of "
        "the report says with much emphasis and few words.",
    ]
    rows = [f"Cost of {kind} goods\n{chance.randint(1000, 9999):,}" for kind in ("sold", "bought")]
    return "\n\n".join([*sentences * 3, *rows])


def test_quotes_generator_and_checker_are_measured(
    docs: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Library(home) as library:
        lease = frozenset({"reports/b.pdf#1"})
        asked = [
            answers.Asked(
                "how much did revenue grow",
                "filings",
                ("nine percent",),
                frozenset({"reports/zephyr 2021.pdf#2"}),
            ),
            answers.Asked("who pays the rent", "contracts", ("the landlord",), lease),
            answers.Asked("who pays the rent", "contracts", ("The Tenant",), lease),
            answers.Asked("who pays the rent", "contracts", (), lease),
        ]
        quotes = answers.measure_quotes(library, asked, (docs / "docs").resolve())
        assert (quotes.eligible, quotes.hits) == (2, 2)
        assert quotes.by_source == {"contracts": (1, 1), "filings": (1, 1)}
        assert len(quotes.milliseconds) == 4
        pytest.importorskip("llama_cpp", reason="needs llama-cpp-python: pip install docsearch[answers]")
        pytest.importorskip("gguf", reason="makes its models with the package gguf")
        generated = answers.measure_generator(library, ["who pays the rent"])
        assert generated is not None
        assert 0 < generated.saving < 1
        assert generated.first_seconds > 0
        assert library.answers.thread() == ()
    found = answers.figures(quotes, generated, answers.measure_checker(pool(), 11, 1))
    assert {"extractive_hit", "eligible_queries", "extractive_ms", "first_token_overhead_ms"} < set(found)
    assert {"followup_saving", "checker_found", "checker_false"} < set(found)
    assert found["checker_found"] > found["checker_false"]  # type: ignore[operator]


def test_made_answers_hold_one_mistake_each_and_every_kind() -> None:
    made = made_answers(pool(), len(WRONG), seed=5)
    wrong = [statement.kind for answer in made for statement in answer.statements if not statement.right]
    assert sorted(wrong) == sorted(WRONG)
    for answer in made:
        assert len(answer.pages) == PAGES
        assert sum(statement.right for statement in answer.statements) == RIGHT_ONES
    kinds = {statement.kind.removesuffix(", misread page") for a in made for statement in a.statements}
    assert kinds <= set(WRONG) | set(RIGHT)


def test_the_same_seed_makes_the_same_answers() -> None:
    assert made_answers(pool(), 5, seed=5) == made_answers(pool(), 5, seed=5)
    assert made_answers(pool(), 5, seed=5) != made_answers(pool(), 5, seed=6)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("$1577.00", "it was 1,577 (million)"),
        ("72.3%", "scored 72.30 points"),
        ("Eating Out", "eating out grew"),
    ],
)
def test_answers_are_found_however_they_are_written(answer: str, text: str) -> None:
    assert answers.holds(text, [answer])
    assert not answers.holds(text, [answer, "something else"])
    assert not answers.holds("15770 eating outside 172.35", [answer])
