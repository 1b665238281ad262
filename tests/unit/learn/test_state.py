"""Learned states on disk: whole or not at all, live by one rename, readable by their owner only."""

from __future__ import annotations

import json
import os
import stat
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from docsearch.errors import StorageFull
from docsearch.learn.adapt import Adapter
from docsearch.learn.state import QUERY_MODEL, State, States
from docsearch.records import LearningEvent


def adapter(seed: int = 0) -> Adapter:
    chance = np.random.default_rng(seed)
    left, right, mean = (chance.normal(size=shape).astype(np.float32) for shape in ((6, 2), (2, 6), 6))
    return Adapter("model", left, right, mean)


@pytest.fixture
def states(tmp_path: Path) -> States:
    return States(tmp_path / "home" / "learned")


def added(states: States, text: float = 1.5, *, with_adapter: bool = False) -> State:
    return states.add({"text": text}, 40, adapter() if with_adapter else None, {"before": 0.5})


def event(what: str, state: int = 0) -> LearningEvent:
    return LearningEvent(1.0, what, state, ("why",), {"before": 0.5})


def test_nothing_is_made_by_looking(states: States) -> None:
    assert (states.live(), states.mark(), states.numbers(), states.history()) == (0, None, [], [])
    assert states.read(1) is None
    assert not states.folder.parent.exists()


def test_a_state_is_read_as_it_was_written(states: States) -> None:
    written = added(states, with_adapter=True)
    [number] = states.numbers()
    read = states.read(number)
    assert read is not None
    assert (read.number, read.before, read.queries, read.models) == (1, 0, 40, {})
    assert (read.signals, read.figures, read.at) == ({"text": 1.5}, {"before": 0.5}, written.at)
    assert read.adapter is not None
    assert read.adapter.fingerprint == "model"
    for name in ("left", "right", "mean"):
        assert np.array_equal(getattr(read.adapter, name), getattr(adapter(), name))


def test_a_finetuned_model_moves_into_its_state(states: States, tmp_path: Path) -> None:
    made = tmp_path / "model"
    made.mkdir()
    (made / "weights").write_text("w")
    state = states.add({}, 1, None, {}, {QUERY_MODEL: made})
    assert (state.models[QUERY_MODEL] / "weights").read_text() == "w"
    assert not made.exists()


def test_one_state_after_another_is_live_and_each_knows_what_was_before(states: States) -> None:
    first = added(states)
    assert states.live() == 0, "a state is not live until it is promoted"
    states.promote(first.number)
    second = added(states)
    states.promote(second.number)
    assert (states.live(), first.before, second.before) == (2, 0, 1)

    states.promote(second.before)
    assert states.live() == 1
    states.promote(0)
    assert states.live() == 0
    assert states.numbers() == [1, 2]


def test_every_promotion_leaves_another_mark(states: States) -> None:
    added(states)
    marks = [states.mark()]
    for number in (1, 0, 1, 1):
        states.promote(number)
        marks.append(states.mark())
    assert all(one != other for one, other in pairwise(marks))


def test_numbers_are_never_given_twice(states: States) -> None:
    number = added(states).number
    states.note(event("rejected", number))
    states.drop(number)
    assert states.numbers() == []
    assert added(states).number == number + 1


def test_the_live_state_is_not_dropped(states: States) -> None:
    states.promote(added(states).number)
    states.drop(1)
    assert (states.live(), states.numbers()) == (1, [1])


def test_what_a_crash_left_half_written_is_no_state(states: States) -> None:
    states.promote(added(states).number)
    for name in (".part-123", f".part-{os.getpid()}"):
        (states.folder / name).mkdir()
        (states.folder / name / "state.json").write_text('{"before"')
    (states.folder / ".live-123").write_text("7")
    assert (states.live(), states.numbers()) == (1, [1])
    assert added(states).number == 2
    assert states.numbers() == [1, 2]


def test_what_a_crash_left_is_removed_when_nobody_can_be_writing_it_any_more(states: States) -> None:
    added(states)
    old, new = states.folder / ".part-1", states.folder / ".part-2"
    for part in (old, new):
        part.mkdir()
        (part / "weights").write_text("w")
    os.utime(old, (1e9, 1e9))
    added(states)
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize("said", ["", "two", "-1", "7", "1\x00", "²"])
def test_a_broken_mark_of_what_is_live_means_nothing_learned(states: States, said: str) -> None:
    added(states)
    states.promote(1)
    (states.folder / "live").write_text(said)
    assert states.live() == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda place: (place / "state.json").unlink(),
        lambda place: (place / "state.json").write_text(""),
        lambda place: (place / "state.json").write_text("[]"),
        lambda place: (place / "state.json").write_text("{}"),
        lambda place: (place / "state.json").write_bytes(b"\xff\xfe"),
        lambda place: (place / "state.json").write_text(
            (place / "state.json").read_text().replace("1.5", '"much"')
        ),
        lambda place: (place / "adapter.npz").unlink(),
        lambda place: (place / "adapter.npz").write_bytes(b""),
        lambda place: (place / "adapter.npz").write_bytes(b"no archive"),
        lambda place: (place / "adapter.npz").write_bytes((place / "adapter.npz").read_bytes()[:300]),
        lambda place: (place / "adapter.npz").write_bytes(b"PK\x03\x04" + bytes(100)),
        lambda place: np.savez(place / "adapter.npz", left=np.zeros(3)),
        lambda place: np.savez(
            place / "adapter.npz",
            fingerprint=np.array("model"),
            left=np.zeros((6, 2)),
            right=np.zeros((3, 6)),
            mean=np.zeros(6),
        ),
    ],
)
def test_what_cannot_be_read_counts_as_nothing_learned(states: States, damage: object) -> None:
    added(states, with_adapter=True)
    damage(states.folder / "000001")  # type: ignore[operator]
    assert states.read(1) is None


def test_everything_is_for_the_owner_only(states: States) -> None:
    states.promote(added(states, with_adapter=True).number)
    states.note(event("learned", 1))
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [states.folder, *states.folder.rglob("*")]}
    assert {path.name for path in modes} == {
        "learned",
        "live",
        "history.jsonl",
        "000001",
        "state.json",
        "adapter.npz",
    }
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items())


def test_the_history_is_kept_in_order(states: States) -> None:
    events = [event("learned", 1), event("accepted", 1), event("went back")]
    for one in events:
        states.note(one)
    assert states.history() == events


def test_a_line_that_was_cut_short_costs_only_itself(states: States) -> None:
    states.note(event("learned", 1))
    with open(states.folder / "history.jsonl", "a") as file:
        file.write(json.dumps({"at": 2.0, "what": "accepted"})[:-4])
    states.note(event("accepted", 1))
    states.note(event("went back"))
    assert [one.what for one in states.history()] == ["learned", "accepted", "went back"]


def test_a_history_of_something_else_is_passed_over(states: States) -> None:
    states.note(event("learned", 1))
    with open(states.folder / "history.jsonl", "ab") as file:
        file.write(b'[]\n{"at": "x", "what": 1, "state": 1}\n\xff\xfe\nnull\n\n')
    assert [one.what for one in states.history()] == ["learned"]


def test_no_room_changes_nothing_and_says_so(states: States) -> None:
    states.promote(added(states).number)
    before = (states.folder / "live").read_text()
    states.folder.chmod(0o500)
    try:
        if os.access(states.folder, os.W_OK):
            pytest.skip("this user may write everywhere")
        for attempt in (
            lambda: added(states),
            lambda: states.promote(0),
            lambda: States(states.folder / "deeper").note(event("learned")),
        ):
            with pytest.raises(StorageFull, match="cannot write"):
                attempt()
    finally:
        states.folder.chmod(0o700)
    assert (states.folder / "live").read_text() == before
    assert states.numbers() == [1]


def test_a_full_disk_leaves_no_part_behind(states: States, tmp_path: Path) -> None:
    """A file stands where the folder of states would be: as little can be written as on a full disk."""
    blocked = States(tmp_path / "file" / "learned")
    (tmp_path / "file").write_text("")
    for attempt in (
        lambda: added(blocked),
        lambda: blocked.promote(1),
        lambda: blocked.note(event("learned")),
    ):
        with pytest.raises(StorageFull, match="cannot write"):
            attempt()
    assert (blocked.live(), blocked.numbers(), blocked.history()) == (0, [], [])


def test_a_model_that_is_gone_leaves_no_part_behind(states: States, tmp_path: Path) -> None:
    with pytest.raises(StorageFull, match="cannot write"):
        states.add({}, 1, None, {}, {QUERY_MODEL: tmp_path / "gone"})
    assert list(states.folder.iterdir()) == []
