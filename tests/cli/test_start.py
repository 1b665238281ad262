"""What the program does at once, and what it leaves to the command line."""

from __future__ import annotations

import pytest

from docsearch.cli.start import wants_screen


@pytest.mark.parametrize(
    ("arguments", "screen"),
    [
        ([], True),
        (["--home", "/x"], True),
        (["--home"], False),
        (["--help"], False),
        (["status"], False),
        (["--home", "/x", "status"], False),
    ],
)
def test_the_screen_opens_where_nothing_else_is_asked_for(arguments: list[str], screen: bool) -> None:
    assert wants_screen(arguments) is screen
