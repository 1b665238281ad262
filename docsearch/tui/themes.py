"""The colours of the app: dark, light, high contrast, none, or any theme of Textual."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

DARK, LIGHT = "tokyo-night", "atom-one-light"
HIGH_CONTRAST, NO_COLOUR = "high-contrast", "no-colour"
NAMES = {"dark": DARK, "light": LIGHT}
"""Themes under other names."""


def own_themes() -> list[Theme]:
    """The themes that Textual does not have."""
    strong = Theme(
        name=HIGH_CONTRAST,
        primary="#ffff00",
        secondary="#00ffff",
        accent="#00ffff",
        warning="#ffff00",
        error="#ff6060",
        success="#00ff00",
        foreground="#ffffff",
        background="#000000",
        surface="#202020",
        panel="#303030",
        dark=True,
        variables={"footer-key-foreground": "#ffff00", "text-muted": "#ffffff"},
    )
    grey = Theme(
        name=NO_COLOUR,
        primary="#d0d0d0",
        secondary="#b0b0b0",
        accent="#ffffff",
        warning="#ffffff",
        error="#ffffff",
        success="#e0e0e0",
        foreground="#e0e0e0",
        background="#101010",
        surface="#202020",
        panel="#303030",
        dark=True,
    )
    return [strong, grey]


def chosen_theme(setting: str, environment: Mapping[str, str]) -> str:
    """The theme to use. By itself: none where NO_COLOR is set, light where COLORFGBG tells so, else dark."""
    if setting and setting != "auto":
        return NAMES.get(setting, setting)
    if environment.get("NO_COLOR"):
        return NO_COLOUR
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT if background in {"7", "15"} else DARK
