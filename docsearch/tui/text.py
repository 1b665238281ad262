"""Untrusted text made fit for a terminal: shown literally, control characters visible, cut to width."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from textual.content import Content

MATCH_STYLE = "bold $text-warning on $warning-muted"
"""Words that match the query."""
MUTED = "$foreground 60%"
"""What is said in passing."""
_ELLIPSIS = "…"


def visible(text: str, *, lines: bool = False) -> str:
    """The text with every character that is not printable replaced by a visible one, one for one.

    Control characters become their pictures (U+2400 …), other white space a space, the rest (bidi
    overrides, lone surrogates, zero-width) U+FFFD. `lines` keeps line feeds.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or (lines and c == "\n") else _picture(c) for c in text)


def _picture(character: str) -> str:
    code = ord(character)
    if code < 0x20 and character not in "\t\n\r\v\f":
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return " " if character.isspace() else "\ufffd"


def literal(text: str, style: str = "") -> Content:
    """One line of untrusted text, never read as markup."""
    return Content.styled(visible(text), style) if style else Content(visible(text))


def highlighted(text: str, spans: Iterable[tuple[int, int]]) -> Content:
    """Untrusted text with the spans marked as matches."""
    content = Content(visible(text, lines=True))
    for start, end in spans:
        content = content.stylize(MATCH_STYLE, start, end)
    return content


def marked_words(text: str, words: Iterable[str]) -> Content:
    """Untrusted text with every occurrence of the words marked, whatever their case."""
    alternatives = "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True) if word)
    if not alternatives:
        return highlighted(text, ())
    pattern = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)
    return highlighted(text, (match.span() for match in pattern.finditer(text)))


def first_lines(content: Content, width: int, height: int) -> list[Content]:
    """The content wrapped to `width` cells, cut with an ellipsis after `height` lines, padded up to them."""
    lines = content.wrap(max(width, 1))
    shown = lines[:height]
    if len(lines) > height:
        shown[-1] = (shown[-1].rstrip() + " " + _ELLIPSIS).truncate(width, ellipsis=True)
    return [*shown, *[Content("")] * (height - len(shown))]


def short_path(path: Path, width: int, home: Path | None = None) -> str:
    """A path in at most about `width` characters: home as ~, then folders in the middle left out.

    The file's name stays whole as long as it can; it loses its middle last.
    """
    text = visible(str(path))
    if home is not None and path.is_relative_to(home) and path != home:
        text = "~/" + visible(str(path.relative_to(home)))
    if len(text) <= width:
        return text
    *folders, name = text.split("/")
    while folders:
        folders.pop(len(folders) // 2)
        middle = (len(folders) + 1) // 2
        shorter = "/".join([*folders[:middle], _ELLIPSIS, *folders[middle:], name])
        if len(shorter) <= width:
            return shorter
    return _without_middle(name, width)


def _without_middle(name: str, width: int) -> str:
    if len(name) <= width:
        return name
    tail = min(12, width // 2)
    return name[: max(width - tail - 1, 0)] + _ELLIPSIS + name[len(name) - tail :]


def counted(number: int, noun: str) -> str:
    """'1 page', '1,203 pages'."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def size_text(count: int) -> str:
    """'4.2 MB', '1.3 GB' for a number of bytes."""
    megabytes = count / 1e6
    return f"{megabytes / 1e3:.1f} GB" if megabytes >= 1000 else f"{megabytes:.1f} MB"
