"""Chooses how page images are shown: by the terminal's own graphics where it has them, else in blocks.

The terminal is told from its environment: asking it takes longer than painting the first screen, and
keys typed meanwhile would be lost. Where the environment says too little, the setting `images` decides.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from textual.geometry import Size
from textual.widget import Widget

BLOCKS, KITTY, SIXEL = "blocks", "kitty", "sixel"
_KITTY_TERMS = ("kitty", "ghostty")
_SIXEL_TERMS = ("foot", "mlterm", "contour", "yaft", "sixel")
_SIXEL_PROGRAMS = ("iTerm.app", "WezTerm", "rio")
_USUAL_CELL = (10, 20)


@dataclass(frozen=True, slots=True)
class Picture:
    """A way to show pictures: the widget, and how many pixels so many cells can show."""

    widget: Callable[[], Widget]
    room_in: Callable[[Size], Size]


def graphics_of(setting: str, environment: Mapping[str, str]) -> str:
    """What the terminal can do: 'kitty', 'sixel' or 'blocks'."""
    if setting in (BLOCKS, KITTY, SIXEL):
        return setting
    terminal, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if environment.get("TMUX") or environment.get("STY") or terminal.startswith(("tmux", "screen")):
        return BLOCKS
    if environment.get("KITTY_WINDOW_ID") or program == "ghostty" or _holds(terminal, _KITTY_TERMS):
        return KITTY
    iterm = environment.get("LC_TERMINAL") == "iTerm2"
    if iterm or program in _SIXEL_PROGRAMS or _holds(terminal, _SIXEL_TERMS):
        return SIXEL
    return BLOCKS


def _holds(name: str, parts: tuple[str, ...]) -> bool:
    return any(part in name for part in parts)


def terminal_picture(kind: str) -> Picture:
    """Shows pictures by the terminal's graphics. Imports for half a second, so call it in a thread."""
    with _unasked_terminal():
        from textual_image import _terminal
        from textual_image.widget import SixelImage, TGPImage
    width, height = cell_pixels()
    _terminal.get_cell_size._result = _terminal.CellSize(width, height)
    widget = TGPImage if kind == KITTY else SixelImage
    return Picture(widget, lambda cells: Size(cells.width * width, cells.height * height))


def cell_pixels() -> tuple[int, int]:
    """Width and height of a cell in pixels, as the terminal tells the system; a usual size otherwise."""
    try:
        import fcntl
        import struct
        import termios

        answer = fcntl.ioctl(sys.stdin.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
        rows, columns, width, height = struct.unpack("HHHH", answer)
    except (ImportError, OSError, AttributeError, ValueError):
        return _USUAL_CELL
    return (width // columns, height // rows) if width and height and columns and rows else _USUAL_CELL


@contextmanager
def _unasked_terminal() -> Iterator[None]:
    """While it lasts nobody asks the terminal: its answer would come as keys, now that the app reads them."""
    original = sys.__stdout__
    sys.__stdout__ = io.TextIOWrapper(open(os.devnull, "wb"), write_through=True)  # type: ignore[misc]  # noqa: SIM115
    try:
        yield
    finally:
        sys.__stdout__ = original  # type: ignore[misc]
