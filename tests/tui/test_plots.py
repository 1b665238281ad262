"""Plots out of characters."""

from __future__ import annotations

from docsearch.tui.plots import Candle, candles, curve


def drawn(lines: object) -> list[str]:
    return [str(line) for line in lines]  # type: ignore[attr-defined]


def test_a_candle_goes_from_before_to_after() -> None:
    lines = candles([Candle(0.5, 1.0, "red"), Candle(0.0, 1.0, "red")], 20, 2)
    assert drawn(lines) == ["1.000 ██ ██ ", "0.000 ▁▁ ██ "] or drawn(lines) == [
        "1.000 ██ ██ ",
        "0.000    ██ ",
    ]


def test_nothing_changed_is_a_line_in_the_middle() -> None:
    [line] = drawn(candles([Candle(0.5, 0.5, "red")], 20, 1))
    assert line == "0.500 ━━ "


def test_only_the_last_that_fit_are_drawn() -> None:
    lines = candles([Candle(0, n, "red") for n in range(1, 9)], 12, 1)
    assert all(len(line) <= 12 for line in drawn(lines))
    assert drawn(lines)[0].startswith("8.000 ")


def test_a_curve_falls_from_the_upper_left_to_the_lower_right() -> None:
    first, last = drawn(curve([(0, 2.0), (10, 1.0)], 16, 2, "red"))
    assert first.startswith("2.000 ⠉")
    assert last.startswith("1.000 ⠀")
    assert first.endswith("⠀")
    assert last.endswith("⣀")


def test_large_values_take_no_more_room() -> None:
    lines = drawn(curve([(0, 13.1134), (1, 12345.0)], 16, 2, "red"))
    assert [line[:6] for line in lines] == ["12345 ", "13.11 "]


def test_a_curve_has_no_gaps_and_fits() -> None:
    lines = drawn(curve([(0, 0.0), (1, 9.0), (2, 0.0)], 16, 4, "red"))
    assert {len(line) for line in lines} == {16}
    assert all(any(character > "⠀" for character in line[6:]) for line in lines)


def test_without_points_or_room_there_is_nothing() -> None:
    assert curve([], 16, 4, "red") == []
    assert curve([(0, 1.0)], 16, 0, "red") == []
    assert candles([], 16, 4) == []
