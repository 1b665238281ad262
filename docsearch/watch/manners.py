"""When heavy work may run on a machine that someone uses: battery, searches, priority. Knows no index."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from docsearch.config import WatchSettings

POWER = Path("/sys/class/power_supply")
_SEARCHED = "searched"
_LOWEST = 19


def mark_search(cache: Path) -> None:
    """Leaves a mark that a search runs; heavy work on this machine pauses for it."""
    mark = cache / _SEARCHED
    with suppress(OSError):
        try:
            os.utime(mark)
        except FileNotFoundError:
            cache.mkdir(parents=True, exist_ok=True, mode=0o700)
            mark.touch(mode=0o600)


def seconds_since_search(cache: Path) -> float:
    """How long ago the last search was; infinite when there was none."""
    try:
        return max(0.0, time.time() - (cache / _SEARCHED).stat().st_mtime)
    except OSError:
        return float("inf")


def battery_left(power: Path = POWER) -> int | None:
    """Percent left when the machine runs on its battery; None on the mains, or when it has none."""
    if sys.platform == "darwin":
        return _pmset(_output_of("pmset", "-g", "batt"))
    left = [_percent(supply) for supply in sorted(power.glob("*")) if _discharges(supply)]
    known = [percent for percent in left if percent is not None]
    return min(known) if known else None


def reason_to_wait(settings: WatchSettings) -> str:
    """Why heavy work must wait now; empty when it need not."""
    left = battery_left()
    return f"on battery, {left} % left" if must_save_power(settings, left) else ""


def must_save_power(settings: WatchSettings, left: int | None) -> bool:
    """Whether heavy work must wait with so many percent of the battery left (None: on the mains)."""
    if left is None or settings.battery_percent <= 0:
        return False
    return left < settings.battery_percent or settings.battery_percent >= 100


def yield_to_others() -> None:
    """Gives this process, and those it starts, the lowest priority for processor and disk."""
    with suppress(OSError):
        os.nice(_LOWEST)
    with suppress(OSError, subprocess.TimeoutExpired):
        command = ["ionice", "-c", "3", "-p", str(os.getpid())]
        subprocess.run(command, check=False, capture_output=True, timeout=5)


def _discharges(supply: Path) -> bool:
    """Whether it is a battery of the machine itself (not of a mouse) that is being used up."""
    is_battery = _read(supply / "type") == "Battery" and _read(supply / "scope") != "Device"
    return is_battery and _read(supply / "status") == "Discharging"


def _percent(supply: Path) -> int | None:
    text = _read(supply / "capacity")
    return int(text) if text.isdecimal() else None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _pmset(said: str) -> int | None:
    """Percent from what macOS says: "Now drawing from 'Battery Power' … 83%; discharging"."""
    if "'Battery Power'" not in said:
        return None
    digits = said.partition("%")[0].split()[-1:]
    return int(digits[0]) if digits and digits[0].isdecimal() else None


def _output_of(*command: str) -> str:
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
