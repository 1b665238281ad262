from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from docsearch.answer.segments import Shape, segments

TABLE = """Deferred income tax assets and liabilities are as follows (in millions), as of the end of the year:
December 31,
2018
2019
Loss carryforwards
222
188
Total gross deferred tax assets
8,734
16,911
"""


def texts(text: str) -> list[str]:
    return [segment.text for segment in segments(text)]


def test_cells_on_lines_of_their_own_go_back_into_their_row() -> None:
    assert "Total gross deferred tax assets 8,734 16,911" in texts(TABLE)
    rows = [segment for segment in segments(TABLE) if segment.shape is Shape.ROW]
    assert [row.text for row in rows] == [
        "December 31, 2018 2019",
        "Loss carryforwards 222 188",
        "Total gross deferred tax assets 8,734 16,911",
    ]


def test_running_text_is_cut_into_sentences_across_lines() -> None:
    text = (
        "The tenant, Mr. Miller of Example Corp. in Leipzig, pays the rent on the first\n"
        "day of every month. The landlord keeps the roof and the outer walls in good\n"
        "repair at his own cost."
    )
    assert texts(text) == [
        "The tenant, Mr. Miller of Example Corp. in Leipzig, pays the rent on the first day of every month.",
        "The landlord keeps the roof and the outer walls in good repair at his own cost.",
    ]


def test_a_short_line_stands_alone() -> None:
    assert [(s.text, s.shape) for s in segments("Holders\nDividends\n")] == [
        ("Holders", Shape.LINE),
        ("Dividends", Shape.LINE),
    ]


def test_a_sentence_that_never_ends_is_cut() -> None:
    parts = segments("word " * 500)
    assert len(parts) > 5
    assert max(len(part.text) for part in parts) <= 320


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400) | st.text("aB1.$,% \n", max_size=400))
def test_segments_cover_the_page_in_order(text: str) -> None:
    parts = segments(text)
    ends = [0, *(part.end for part in parts)]
    assert all(end <= part.start < part.end for end, part in zip(ends, parts, strict=False))
    said = "".join("".join(part.text.split()) for part in parts)
    assert said == "".join(text.split())
    assert all(text[part.start : part.end].split() == part.text.split() for part in parts)
