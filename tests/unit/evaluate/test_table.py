from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from docsearch.evaluate.table import text_table


def test_columns_are_aligned() -> None:
    assert text_table([["name", "n"], ["a", "10"], ["日本", "5"]]) == "name   n\n----  --\na     10\n日本   5"


@given(st.lists(st.tuples(st.text(max_size=9), st.integers().map(str)), min_size=1))
def test_every_row_is_one_line_ending_in_the_same_column(rows: list[tuple[str, str]]) -> None:
    lines = text_table(rows).splitlines()
    assert len(lines) == len(rows) + 1
    assert len({cell_len(line) for line in lines}) == 1
