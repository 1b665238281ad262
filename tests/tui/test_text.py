"""Untrusted text in a terminal: literal, visible, cut to width."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from docsearch.tui.text import counted, first_lines, highlighted, marked_words, short_path, visible

HOME = Path("/home/ann")


@given(st.text())
def test_visible_text_is_printable_and_as_long(text: str) -> None:
    assert visible(text).isprintable()
    assert len(visible(text)) == len(text)


def test_controls_become_pictures_and_line_feeds_may_stay() -> None:
    assert visible("a\x1b\x00\x7f\tb\u202e") == "a␛␀␡ b\ufffd"
    assert visible("a\nb") == "a b"
    assert visible("a\nb", lines=True) == "a\nb"


def test_spans_mark_what_they_name() -> None:
    content = highlighted("[b]the\x1b budget", [(8, 14)])
    assert content.plain == "[b]the␛ budget"
    assert [content.plain[span.start : span.end] for span in content.spans] == ["budget"]


def test_whole_words_are_marked_whatever_their_case() -> None:
    content = marked_words("Budget, budgets and BUDGET (a.b)", ["budget", "a.b", ""])
    assert [content.plain[s.start : s.end] for s in content.spans] == ["Budget", "BUDGET", "a.b"]
    assert marked_words("nothing", []).spans == []


@given(st.text(alphabet=st.sampled_from("ab 资\n"), max_size=60), st.integers(2, 12), st.integers(1, 3))
def test_first_lines_fill_exactly_the_height_and_never_the_width(text: str, width: int, height: int) -> None:
    lines = first_lines(Content(text), width, height)
    assert len(lines) == height
    assert all(line.cell_length <= width for line in lines)


@pytest.mark.parametrize(
    ("path", "width", "expected"),
    [
        ("/home/ann/docs/a.pdf", 40, "~/docs/a.pdf"),
        ("/srv/one/two/three/four/a.pdf", 22, "/srv/…/four/a.pdf"),
        ("/srv/one/two/three/four/a.pdf", 10, "/…/a.pdf"),
        ("/srv/a very long name indeed.pdf", 20, "a very lo…indeed.pdf"),
        ("/home/ann", 20, "/home/ann"),
    ],
)
def test_short_paths_keep_the_name(path: str, width: int, expected: str) -> None:
    assert short_path(Path(path), width, HOME) == expected
    assert len(expected) <= width


def test_counting() -> None:
    assert [counted(1, "page"), counted(1203, "page"), counted(0, "entry")] == [
        "1 page",
        "1,203 pages",
        "0 entries",
    ]
