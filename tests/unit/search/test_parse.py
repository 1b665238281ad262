from __future__ import annotations

from contextlib import nullcontext, suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docsearch.errors import UsageError
from docsearch.records import Filters, Query
from docsearch.search.parse import FILTER_NAMES, parse

PIECES = st.lists(
    st.one_of(
        st.text(max_size=6),
        st.sampled_from(
            ['"', "-", ":", " ", "in:", "type:", "after:", "title:", "~", "2024-01", "-in:", "\ud800"]
        ),
    ),
    max_size=10,
).map("".join)
WORD = st.from_regex(r"[a-z0-9/._@#$%&*+=?!]{1,12}", fullmatch=True)


@given(PIECES)
@example("in:~nobody-of-that-name")
@example('in:"~"')
@example("in:\x00")
@example("after:0000")
@example("\u0131n:folder T\u0130TLE:words")  # letters that are an i to some
def test_anything_can_be_typed(raw: str) -> None:
    asks_for_a_date = any(f"{name}:" in raw.lower() for name in ("after", "before"))
    with suppress(UsageError) if asks_for_a_date else nullcontext():
        assert parse(raw).raw == raw


@given(st.lists(WORD, max_size=8))
def test_plain_words_stay_as_they_are(words: list[str]) -> None:
    assert parse(" ".join(words)) == Query(" ".join(words), " ".join(words))


@given(st.lists(WORD, min_size=1, max_size=4), st.lists(WORD, min_size=1, max_size=4))
def test_words_survive_next_to_everything_else(words: list[str], phrase: list[str]) -> None:
    raw = f'{" ".join(words)} "{" ".join(phrase)}" -"{" ".join(phrase)}" -{words[0]} in:folder TYPE:pdf'
    query = parse(raw)
    assert query.text == " ".join(words)
    assert query.phrases == (" ".join(phrase),)
    assert query.excluded == (" ".join(phrase), words[0])
    assert query.filters == Filters(folders=("folder",), types=("pdf",))


@pytest.mark.parametrize(
    "raw",
    [
        "/etc/passwd",
        "C:\\Users\\me\\scan.png",
        "file:///home/me/scan.png",
        "https://example.com/picture.png?x=1&y=2",
        "./scan.tif",
        "invoice.pdf",
        "12:30",
        "re: your letter",
        "begin:x",
    ],
)
def test_paths_and_addresses_are_words(raw: str) -> None:
    assert parse(raw) == Query(raw, raw)


@pytest.mark.parametrize(
    ("raw", "filters"),
    [
        ("in:invoices", Filters(folders=("invoices",))),
        ('in:"my invoices" in:/other', Filters(folders=("my invoices", "/other"))),
        ("in:~/docs", Filters(folders=(str(Path("~/docs").expanduser()),))),
        ("in:~nobody-of-that-name/x", Filters(folders=("~nobody-of-that-name/x",))),
        ("type:PDF,.png", Filters(types=("pdf", "png"))),
        ("type:jpg", Filters(types=("jpeg",))),
        ('title:budget title:"annual report"', Filters(titles=("budget", "annual report"))),
        ("after:2024", Filters(after=date(2024, 1, 1))),
        ("after:2024-02 before:2024-3-9", Filters(after=date(2024, 2, 1), before=date(2024, 3, 9))),
        ("after:2023 after:2024", Filters(after=date(2024, 1, 1))),
        ("in: type:", Filters()),
        ("", Filters()),
    ],
)
def test_filters(raw: str, filters: Filters) -> None:
    assert parse(raw).filters == filters


@pytest.mark.parametrize(
    "raw", ["after:yesterday", "before:2024-13", "after:2023-02-29", "after:24", "before:2024-1-1x"]
)
def test_what_is_no_date_is_said_to_be_none(raw: str) -> None:
    with pytest.raises(UsageError, match="is not a date") as caught:
        parse(f"words {raw}")
    assert "2024-01" in caught.value.hint


def test_every_image_kind_is_an_image() -> None:
    assert {"png", "jpeg", "tiff", "webp", "bmp", "gif", "svg"} <= set(parse("type:image").filters.types)


def test_quotes_that_do_not_close_and_lone_dashes() -> None:
    assert parse('"annual report').text.split() == ["annual", "report"]
    assert parse('say "cheese').text.split() == ["say", "cheese"]
    assert parse("a - b").excluded == ()
    assert parse("well-known e-mail").text == "well-known e-mail"
    assert parse('""').phrases == ()


@pytest.mark.parametrize("name", FILTER_NAMES)
def test_a_filter_can_be_left_out_of_the_words_but_not_negated(name: str) -> None:
    query = parse(f"-{name}:2024")
    assert query.filters == Filters()
    assert query.excluded == (f"{name}:2024",)


def test_a_picture_goes_with_the_words() -> None:
    assert parse("red", Path("photo.png")) == Query("red", "red", image=Path("photo.png"))
