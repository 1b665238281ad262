"""Settling with a clock and a file system made of values."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from docsearch.watch import events
from docsearch.watch.events import Settling, Stamp

ROOT = Path("/root")
FILE = ROOT / "a" / "report.pdf"


class Files:
    """Sizes of files and when they were last written, on the clock of the test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.written: dict[Path, tuple[int, float]] = {}

    def write(self, path: Path, size: int) -> None:
        self.written[path] = (size, self.now)

    def look(self, path: Path) -> Stamp | None:
        if path not in self.written:
            return None
        size, at = self.written[path]
        return Stamp(size, int(at * 1e9), self.now - at)


def settled(settling: Settling, files: Files) -> list[Path]:
    found = settling.due(files.now)
    return list(found.paths) if found else []


def test_a_file_is_due_when_it_was_quiet() -> None:
    files = Files()
    settling = Settling(1.0, files.look)
    files.write(FILE, 10)
    settling.changed(ROOT, FILE, files.now)
    assert settling.wait(files.now) == 1.0
    files.now += 0.9
    assert settled(settling, files) == []
    files.now += 0.1
    assert settled(settling, files) == [FILE]
    assert settled(settling, files) == []
    assert settling.wait(files.now) is None
    assert len(settling) == 0


def test_a_file_that_grows_without_events_is_waited_for() -> None:
    files = Files()
    settling = Settling(1.0, files.look)
    files.write(FILE, 10)
    settling.changed(ROOT, FILE, files.now)
    files.now += 0.9
    files.write(FILE, 20)
    files.now += 0.2
    assert settled(settling, files) == []
    files.now += 0.7
    assert settled(settling, files) == []
    files.now += 0.2
    assert settled(settling, files) == [FILE]


def test_an_event_that_comes_late_costs_no_more_waiting() -> None:
    """What counts is when the file was last touched, not when that was heard of."""
    files = Files()
    settling = Settling(1.0, files.look)
    files.write(FILE, 10)
    files.now += 0.7
    settling.changed(ROOT, FILE, files.now)
    files.now += 0.31
    assert settled(settling, files) == [FILE]


def test_a_file_is_looked_at_twice_however_old_it_is() -> None:
    files = Files()
    settling = Settling(1.0, files.look)
    files.write(FILE, 10)
    files.now += 500
    settling.changed(ROOT, FILE, files.now)
    assert settled(settling, files) == []
    files.now += 0.25
    assert settled(settling, files) == [FILE]


def test_what_is_gone_is_due_like_anything_else_and_what_comes_back_waits_again() -> None:
    files = Files()
    settling = Settling(1.0, files.look)
    settling.changed(ROOT, FILE, files.now)
    files.now += 1
    assert settled(settling, files) == [FILE]
    settling.changed(ROOT, FILE, files.now)
    files.now += 0.9
    files.write(FILE, 5)
    files.now += 0.2
    assert settled(settling, files) == []
    files.now += 0.8
    assert settled(settling, files) == [FILE]


def test_lost_events_become_one_comparison_of_the_root_when_it_is_calm() -> None:
    files = Files()
    settling = Settling(1.0, files.look)
    settling.lost(ROOT, files.now)
    settling.lost(ROOT, files.now)
    files.now += 2
    files.write(FILE, 1)
    settling.changed(ROOT, FILE, files.now)
    files.now += 2
    assert settled(settling, files) == [FILE]
    files.now += 1
    found = settling.due(files.now)
    assert found is not None
    assert (found.paths, found.roots, found.settle_seconds) == ((), (ROOT,), 1.0)
    assert len(settling) == 0


def test_a_root_that_is_never_calm_is_compared_all_the_same() -> None:
    files = Files()
    settling = Settling(1.0, files.look)
    settling.lost(ROOT, files.now)
    for _ in range(40):
        files.now += 1
        files.write(FILE, 1)
        settling.changed(ROOT, FILE, files.now)
        found = settling.due(files.now)
        if found and found.roots:
            return
    raise AssertionError("never compared")


def test_a_burst_of_events_makes_the_root_be_compared() -> None:
    files = Files()
    settling = Settling(1.0, files.look)
    for _ in range(events.BURST_EVENTS):
        settling.changed(ROOT, FILE, files.now)
    files.now += 10
    found = settling.due(files.now)
    assert found is not None
    assert found.roots == (ROOT,)


def test_as_many_events_in_a_long_time_are_no_burst() -> None:
    files = Files()
    settling = Settling(1.0, files.look)
    for _ in range(events.BURST_EVENTS):
        settling.changed(ROOT, FILE, files.now)
        files.now += 10
        assert settled(settling, files) == [FILE]
    assert settling.wait(files.now) is None


def test_very_many_files_of_one_folder_become_the_folder() -> None:
    files = Files()
    settling = Settling(1.0, files.look)
    for number in range(events.MOST_IN_FOLDER + 1):
        settling.changed(ROOT, FILE.with_name(f"{number}.pdf"), files.now)
    settling.changed(ROOT, ROOT / "b" / "other.pdf", files.now)
    files.now += 1
    assert settled(settling, files) == [FILE.parent, ROOT / "b" / "other.pdf"]


def test_a_root_that_is_forgotten_is_waited_for_no_more() -> None:
    files = Files()
    settling = Settling(1.0, files.look)
    settling.changed(ROOT, FILE, files.now)
    settling.lost(ROOT, files.now)
    settling.forget(ROOT)
    files.now += 100
    assert settling.due(files.now) is None


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["write", "delete", "quiet"]), st.floats(0, 2))),
)
def test_every_change_is_due_in_the_end_and_none_before_it_is_quiet(
    steps: list[tuple[int, str, float]],
) -> None:
    files = Files()
    settling = Settling(1.0, files.look)
    touched: dict[Path, float] = {}
    missed: set[Path] = set()
    for number, kind, seconds in steps:
        path = ROOT / f"{number}.txt"
        if kind == "write":
            files.write(path, len(touched))
        elif kind == "delete":
            files.written.pop(path, None)
        if kind != "quiet":
            settling.changed(ROOT, path, files.now)
            touched[path] = files.now
            missed.add(path)
        files.now += seconds
        for due in settled(settling, files):
            assert files.now - touched[due] >= 0.999
            missed.discard(due)
    files.now += 5
    assert missed <= set(settled(settling, files))
    assert len(settling) == 0
