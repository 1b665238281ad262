from __future__ import annotations

from benchmarks import kill
from tests.benchmarks.measuring import Measure


def test_two_kills_are_counted(measure: Measure) -> None:
    found = measure(kill.main, "--times", "2", "--seed", "3", "--only", "updating")
    assert (found["kills"], found["seed"]) == (2, 3)
    assert (found["lost"], found["duplicated"], found["unopenable"], found["findings"]) == (0, 0, 0, 0)
    assert found["by_moment"]["updating"]["kills"] == 2
