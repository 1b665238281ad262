from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.answer.citations import Checker
from docsearch.answer.cited import CitedPage
from docsearch.records import FlagKind, Statement

LEASE = """Lease agreement
This lease was signed on April 20, 2018 by Anna Miller of Leipzig and Northwind Estates Ltd.
The tenant pays a monthly rent of 1,234.50 euros for the flat in the Garden Street.
The deposit amounts to three months of rent and is paid back when the tenant leaves.
Pets are allowed only with the consent of the landlord, which is not to be refused without reason.
"""
TABLE = """Balance sheet
(in millions)
December 31,
2018
2017
Total gross deferred tax assets
16,911
8,734
Inventories, net of reserves
4,011
3,784
"""
SCAN = "Receipt of Lian Hing Stationerv\nTotal amount to be paid: 12.00\nThe cashier was Mr. Ibrahirn"
PAGES = {
    1: CitedPage(LEASE, "House lease\nlease.pdf"),
    2: CitedPage(TABLE, "Example Corp annual report"),
    3: CitedPage(SCAN, misread=True),
}


def statements(text: str) -> tuple[Statement, ...]:
    return Checker(PAGES).statements(text)


def doubts(text: str) -> list[tuple[FlagKind, str]]:
    return [(flag.kind, flag.words) for statement in statements(text) for flag in statement.flags]


@pytest.mark.parametrize(
    "text",
    [
        "The monthly rent is 1234.5 euros [1].",
        "Anna Miller signed the lease on 20 April 2018 [1].",
        "Northwind Estates and Anna Miller of Leipzig signed it [1].",
        "The deposit is three months of rent [1].",
        "The deposit amounts to 3 months of rent [1].",
        "Gross deferred tax assets totalled $16.9 billion at December 31, 2018 [2].",
        "At the end of 2017 the total gross deferred tax assets were 8,734 million [2].",
        "Example Corp had inventories of 4,011 net of reserves [2].",
        "The receipt of Lian Hing Stationery is over 12.00, paid to the cashier Ibrahim [3].",
        "The rent is 1,234.50 euros [1], and inventories were 4,011 [2].",
        "The rent is 1,234.50 euros [1][2].",
        "Yes [1].",
        "1. The rent is 1,234.50 euros per month [1].",
        "Here is what the pages say:",
    ],
)
def test_what_the_pages_say_is_not_doubted(text: str) -> None:
    assert doubts(text) == []


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("The monthly rent is 1,243.50 euros [1].", FlagKind.NOT_ON_PAGE, "1,243.50"),
        ("The monthly rent is 1,234.50 euros [2].", FlagKind.NOT_ON_PAGE, "1,234.50"),
        ("The monthly rent is 1,234.50 euros [7].", FlagKind.UNKNOWN_SOURCE, "[7]"),
        ("The monthly rent is 1,234.50 euros.", FlagKind.UNCITED, ""),
        ("The lease was signed on April 21, 2018 [1].", FlagKind.NOT_ON_PAGE, "April 21, 2018"),
        ("The lease was signed by Anna Schmidt [1].", FlagKind.NOT_ON_PAGE, "anna schmidt"),
        ("Contoso Ltd is the landlord of the flat [1].", FlagKind.NOT_ON_PAGE, "contoso ltd"),
        ("Total gross deferred tax assets were 4,011 [2].", FlagKind.NOT_ON_PAGE, "4,011"),
        ("Total gross deferred tax assets were 8,734 billion [2].", FlagKind.NOT_ON_PAGE, "8,734 billion"),
        ("Smoking in the staircase and on balconies is strictly forbidden [1].", FlagKind.NOT_ON_PAGE, ""),
    ],
)
def test_what_the_pages_do_not_say_is_doubted(text: str, kind: FlagKind, words: str) -> None:
    assert doubts(text) == [(kind, words)]


def test_a_marker_counts_for_the_sentences_before_it_on_its_line() -> None:
    found = statements("The rent is 1,234.50 euros. It is paid monthly by the tenant [1].\nPets are allowed.")
    assert [statement.citations for statement in found] == [(1,), (1,), ()]
    assert [bool(statement.flags) for statement in found] == [False, False, True]


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("It is so [1][3].", (1, 3)),
        ("It is so [1, 2].", (1, 2)),
        ("It is so [1-3].", (1, 2, 3)),
        ("It is so [1\u20133; 2].", (1, 2, 3)),
        ("It is so. [2]", (2,)),
        ("It is so 【1】.", (1,)),
        ("It is so [9][1].", (1,)),
    ],
)
def test_markers_in_many_forms(text: str, cited: tuple[int, ...]) -> None:
    assert statements(text)[0].citations == cited


def test_abbreviations_end_no_sentence() -> None:
    text = "It was signed by Mr. Miller on Oct. 3, 2018 by Northwind Estates Ltd. of Leipzig [1]."
    assert [statement.text for statement in statements(text)] == [text]


def test_the_last_statement_of_an_unfinished_answer_is_not_judged_yet() -> None:
    text = "The rent is 999 euros [1]. The deposit is 888"
    first, last = Checker(PAGES).statements(text, finished=False)
    assert first.flags
    assert last.flags == ()
    assert Checker(PAGES).statements(text)[1].flags


def test_an_answer_in_another_language_is_held_to_its_numbers() -> None:
    german = "Die monatliche Miete für die Wohnung in der Gartenstraße ist 1.234,50 Euro [1]."
    assert doubts(german) == []
    assert doubts(german.replace("1.234,50", "1.243,50")) == [(FlagKind.NOT_ON_PAGE, "1.243,50")]


def test_endless_ranges_are_cut() -> None:
    assert len(statements("So [1-999999999].")[0].flags) <= 50


@given(st.text(max_size=300) | st.text("[1-9], .!?\nAb", max_size=80))
def test_any_text_becomes_statements_that_hold_all_of_it(text: str) -> None:
    found = statements(text)
    assert "".join("".join(s.text.split()) for s in found) == "".join(text.split())
    assert all(number in PAGES for statement in found for number in statement.citations)


@given(st.integers(1000, 10**7), st.integers(1000, 10**7))
def test_a_number_is_doubted_if_and_only_if_it_is_not_on_the_page(there: int, said: int) -> None:
    checker = Checker({1: CitedPage(f"The yearly turnover of the shop was {there:,} euros in all branches.")})
    text = f"The yearly turnover of the shop was {said} euros [1]."
    [statement] = checker.statements(text)
    assert bool(statement.flags) is (there != said)


@given(st.lists(st.sampled_from(LEASE.splitlines()[1:]), min_size=1, max_size=4))
def test_sentences_of_the_page_are_never_doubted(sentences: list[str]) -> None:
    assert doubts("\n".join(f"{sentence.strip().rstrip('.')} [1]." for sentence in sentences)) == []
