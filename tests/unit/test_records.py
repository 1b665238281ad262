from __future__ import annotations

import inspect
from datetime import date
from pathlib import Path

import pytest

from docsearch import errors, records
from docsearch.errors import DocsearchError, MissingExtra, UnreadableDocument
from docsearch.records import Failure, FailureKind, Filters, PageId

ERRORS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, DocsearchError)]


def test_every_record_can_be_asked_for() -> None:
    assert all(inspect.isclass(getattr(records, name)) for name in records.__all__ if not name.isupper())
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        records.Nothing  # type: ignore[attr-defined]  # noqa: B018


def test_a_failure_says_why() -> None:
    path = Path("a.pdf")
    assert Failure(path, FailureKind.PASSWORD).reason == "needs a password"
    assert Failure(path, FailureKind.TRUNCATED, "no pages").reason == "truncated or damaged: no pages"


@pytest.mark.parametrize(
    "filters",
    [
        Filters(folders=("a",)),
        Filters(types=("pdf",)),
        Filters(titles=("a",)),
        Filters(after=date(2024, 1, 1)),
        Filters(before=date(2024, 1, 1)),
    ],
)
def test_filters_are_true_when_one_is_set(filters: Filters) -> None:
    assert filters
    assert not Filters()


def test_pages_are_values() -> None:
    assert PageId(1, 2) == PageId(1, 2)
    assert len({PageId(1, 2), PageId(1, 2), PageId(2, 1)}) == 2


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_can_be_shown_and_ends_the_program_with_a_code(kind: type[DocsearchError]) -> None:
    assert 0 < kind.exit_code < 126
    assert inspect.getdoc(kind)


def test_what_errors_say() -> None:
    unreadable = UnreadableDocument(FailureKind.TIMED_OUT, "page 3")
    assert (str(unreadable), unreadable.kind) == ("timed out: page 3", FailureKind.TIMED_OUT)
    assert 'pip install "docsearch[answers]"' in MissingExtra("answering", "answers").hint
    assert DocsearchError("what", hint="do").hint == "do"
