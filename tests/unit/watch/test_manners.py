from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docsearch.config import WatchSettings
from docsearch.watch import manners
from docsearch.watch.manners import battery_left, mark_search, seconds_since_search

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /sys")


def supply(folder: Path, name: str, **values: str) -> None:
    (folder / name).mkdir(parents=True)
    for key, value in values.items():
        (folder / name / key).write_text(value + "\n")


@linux
def test_a_machine_without_a_battery_is_on_the_mains(tmp_path: Path) -> None:
    supply(tmp_path, "AC", type="Mains", online="1")
    assert battery_left(tmp_path) is None
    assert battery_left(tmp_path / "none") is None


@linux
def test_only_a_battery_in_use_counts(tmp_path: Path) -> None:
    supply(tmp_path, "BAT0", type="Battery", status="Charging", capacity="40")
    assert battery_left(tmp_path) is None
    (tmp_path / "BAT0" / "status").write_text("Discharging\n")
    assert battery_left(tmp_path) == 40


@linux
def test_the_emptier_battery_counts_and_a_mouse_does_not(tmp_path: Path) -> None:
    supply(tmp_path, "BAT0", type="Battery", status="Discharging", capacity="80")
    supply(tmp_path, "BAT1", type="Battery", status="Discharging", capacity="30")
    supply(tmp_path, "BAT2", type="Battery", status="Discharging", capacity="odd")
    supply(tmp_path, "mouse", type="Battery", status="Discharging", capacity="5", scope="Device")
    assert battery_left(tmp_path) == 30


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Now drawing from 'Battery Power'\n -InternalBattery-0 (id=1)\t83%; discharging; 5:12", 83),
        ("Now drawing from 'AC Power'\n -InternalBattery-0 (id=1)\t83%; charging", None),
        ("", None),
        ("Now drawing from 'Battery Power'\n", None),
    ],
)
def test_what_macos_says_is_understood(said: str, left: int | None) -> None:
    assert manners._pmset(said) == left


def test_a_search_leaves_a_mark(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert seconds_since_search(cache) == float("inf")
    mark_search(cache)
    os.utime(cache / "searched", (time.time() - 100, time.time() - 100))
    assert seconds_since_search(cache) >= 100
    mark_search(cache)
    assert seconds_since_search(cache) < 100
    assert (cache / "searched").stat().st_mode & 0o077 == 0


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    mark_search(tmp_path / "file" / "cache")


def test_heavy_work_has_the_lowest_priority() -> None:
    code = (
        "import os; from docsearch.watch.manners import yield_to_others; yield_to_others(); print(os.nice(0))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert said.stdout.strip() == "19", said.stderr


def test_settings_have_manners() -> None:
    assert WatchSettings().background
    assert 0 < WatchSettings().battery_percent < 100
