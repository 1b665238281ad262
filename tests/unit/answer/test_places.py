from __future__ import annotations

from docsearch.answer.places import quote_boxes
from docsearch.records import Box, Word


def page(lines: list[str]) -> list[Word]:
    """Words of equal width on lines below each other."""
    return [
        Word(text, Box(0.1 * column, 0.1 * row, 0.1 * column + 0.09, 0.1 * row + 0.05))
        for row, line in enumerate(lines)
        for column, text in enumerate(line.split())
    ]


def test_a_quote_is_boxed_line_by_line() -> None:
    words = page(["the rent is low", "the rent is 900 euros", "a month, without heating", "the end"])
    first, second = quote_boxes(words, "the rent is 900 euros\na month, without")
    assert (round(first.y0, 2), round(first.x0, 2), round(first.x1, 2)) == (0.1, 0.0, 0.49)
    assert (round(second.y0, 2), round(second.x1, 2)) == (0.2, 0.29)


def test_columns_far_apart_get_boxes_of_their_own() -> None:
    words = [Word("Total", Box(0.1, 0.1, 0.2, 0.12)), Word("8,734", Box(0.7, 0.1, 0.8, 0.12))]
    assert quote_boxes(words, "Total 8,734") == (words[0].box, words[1].box)


def test_words_that_are_not_there_are_left_out() -> None:
    words = page(["alpha beta gamma"])
    assert quote_boxes(words, "delta") == ()
    assert len(quote_boxes(words, "alpha something gamma")) == 2
    assert quote_boxes([], "alpha") == ()
