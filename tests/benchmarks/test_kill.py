from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest

from benchmarks import kill
from benchmarks.program import ProgramFailed
from tests.benchmarks.measuring import Measure


def test_two_kills_are_counted(measure: Measure) -> None:
    found = measure(kill.main, "--times", "2", "--seed", "3", "--only", "updating")
    assert (found["kills"], found["seed"]) == (2, 3)
    assert (found["lost"], found["duplicated"], found["unopenable"], found["findings"]) == (0, 0, 0, 0)
    assert found["by_moment"]["updating"]["kills"] == 2


def test_what_learns_is_killed_too(measure: Measure) -> None:
    found = measure(kill.main, "--times", "1", "--seed", "3", "--only", "promotion")
    assert (found["lost"], found["duplicated"], found["unopenable"], found["findings"]) == (0, 0, 0, 0)
    assert found["by_moment"]["promotion"]["kills"] == 1


def test_clicks_that_are_gone_and_states_that_broke_are_counted(tmp_path: Path) -> None:
    victim = kill.victim_of(tmp_path / "victim", "promotion", random.Random(3))
    assert isinstance(victim, kill.Learner)
    victim._renew()
    with victim._library() as library:
        learning, clicks = library.learning, library.clicks.index.clicks
        learning.accept(learning.states.add({"text": 2.0}, 28, None, {}).number)
        clicks.forget([next(iter(victim.clicks))])
        [other, *_] = clicks.latest(1)
        clicks.put(dataclasses.replace(other, query="something else"))
    victim._look()
    victim._check(0.0)
    assert (victim.tally.lost, victim.tally.duplicated, victim.tally.findings) == (1, 1, 0)

    (victim.home / "learned" / "000001" / "state.json").write_text("{")
    with pytest.raises(ProgramFailed, match="broken states"):
        victim._look()
    assert victim.tally.findings == 1
