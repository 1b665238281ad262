from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.answer.figures import contradicted, figures, matching, same_date, same_month_day


def stands(said: str, page: str) -> bool:
    facts, there = figures(said), figures(page)
    return all(any(True for _ in matching(n, there, facts.rounds)) for n in facts.numbers)


@pytest.mark.parametrize(
    ("said", "page"),
    [
        ("1,234.5", "1234.5"),
        ("1234.5", "1.234,5"),
        ("12 percent", "12%"),
        ("12.50", "12.5"),
        ("$1.577 billion", "(in millions) 1,577"),
        ("1.6 billion", "(in millions) 1,577"),
        ("$1,577 million", "1,577"),
        ("3 million", "3,000,000"),
        ("about 1,600", "1,577"),
        ("1.0 billion", "$1,012 million"),
        ("1'000'000", "1 million"),
    ],
)
def test_the_same_number_written_in_two_ways(said: str, page: str) -> None:
    assert stands(said, page)


@pytest.mark.parametrize(
    ("said", "page"),
    [
        ("1,577", "1,578"),
        ("1,577 billion", "(in millions) 1,577"),
        ("1.577 million", "$1.577 billion"),
        ("12.5", "125"),
        ("2 billion", "1,577 million"),
        ("about 1,500", "1,577"),
        ("81%", "$81 million"),
        ("0.25", "25"),
    ],
)
def test_other_numbers(said: str, page: str) -> None:
    assert not stands(said, page)


def test_the_same_digits_under_another_scale_contradict() -> None:
    [said] = figures("$21 million").numbers
    assert contradicted(said, figures("a loan of $21 billion; table 21"))
    assert not contradicted(said, figures("$21 million, once $21 billion; table 21"))
    assert not contradicted(said, figures("table 21"))


@pytest.mark.parametrize(
    "text",
    [
        "April 20, 2018",
        "20 April 2018",
        "2018-04-20",
        "20.04.2018",
        "Apr. 20th, 2018",
        "20th day of April, 2018",
        "04/20/2018",
        "20. April 2018",
        "20 avril 2018",
    ],
)
def test_dates_in_many_forms(text: str) -> None:
    [(days, start, end)] = figures(f"signed {text}.").dates
    assert date(2018, 4, 20) in days
    assert f"signed {text}."[start:end] == text
    assert figures(f"signed {text}.").numbers == ()


def test_month_and_day_at_the_head_of_a_table_belong_to_the_years_beside_them() -> None:
    page = figures("December 31,\n2018\n2017\nTotal 5")
    assert same_date(frozenset({date(2017, 12, 31)}), page)
    assert not same_date(frozenset({date(2016, 12, 31)}), page)
    assert same_month_day(12, 31, page)
    assert not same_month_day(11, 30, page)


@given(st.integers(0, 10**9), st.integers(0, 99))
def test_separators_do_not_matter(whole: int, cents: int) -> None:
    assert stands(f"{whole}.{cents:02}", f"{whole:,}.{cents:02}")
    assert stands(f"{whole:,}", f"{whole}")


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_every_date_is_found_again(day: date) -> None:
    forms = (f"{day:%B} {day.day}, {day.year}", f"{day.day} {day:%B} {day.year}", day.isoformat())
    assert all(same_date(frozenset({day}), figures(f"on {form} it began")) for form in forms)


@given(st.text(max_size=200) | st.text("0123456789.,' $%-/", max_size=60))
def test_any_text_has_figures(text: str) -> None:
    found = figures(text)
    assert all(0 <= n.start < n.end <= len(text) for n in found.numbers)
