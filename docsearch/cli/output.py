"""What the command line prints. Data goes to stdout, talk to stderr.

Names and document text are printed as they are but for control characters, which are made visible,
so that nothing in a document can steer the terminal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from docsearch.errors import DocsearchError
from docsearch.records import Hit, SearchResult, Snippet

Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
"""The option of commands that print a value."""

BOLD, DIM, PLAIN = "\033[1m", "\033[2m", "\033[0m"
_MATCH = "\033[1;33m"


def visible(text: str) -> str:
    """The text on one line, with every character that is not printable shown as an escape."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text
    )


def shown_path(path: Path) -> str:
    """A path for a person: the home folder shortened, nothing unprintable."""
    text, home = str(path), str(Path.home())
    return visible("~" + text[len(home) :] if text.startswith(home + os.sep) else text)


def moment(at: float) -> str:
    """A time in seconds since 1970 as local date and time, to the minute."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


def json_text(text: str) -> str:
    """Text that JSON can hold: bytes of a name that are no characters become U+FFFD."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def print_json(values: object) -> None:
    """One JSON value on a line of stdout."""
    print(json.dumps(values, ensure_ascii=False), flush=True)


def talk(message: str) -> None:
    """A line for the person, on stderr."""
    print(visible(message), file=sys.stderr)


def complain(error: DocsearchError) -> None:
    """What went wrong and what to do about it."""
    talk(f"docsearch: {error.message}")
    if error.hint:
        talk(f"  {error.hint}")


def styled() -> bool:
    """Whether stdout is a terminal that wants colour."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def print_result(result: SearchResult, *, explain: bool) -> None:
    """Hits for a person: rank, title, page, date, path, snippet, and the reasons when asked."""
    for word, near in result.corrections.items():
        talk(f"“{word}” is on no page; searched for {', '.join(near)}")
    for hit in result.hits:
        _print_hit(hit, explain=explain)
    if not result.hits:
        talk("; ".join(["Nothing found", *result.notes]) + ".")


def hit_as_dict(hit: Hit) -> dict[str, object]:
    """A hit as JSON values; the path is in `path_bytes` too (hex) when it is not valid text."""
    return {
        "rank": hit.rank,
        **path_as_dict(hit.path),
        "page": hit.page.page,
        "pages": hit.pages,
        "title": json_text(hit.title),
        "score": round(hit.score, 4),
        "snippet": json_text(hit.snippet.text),
        "matches": [list(span) for span in hit.snippet.spans],
        "text_from": hit.source.value,
        "modified": hit.modified.isoformat(),
        "why": _rounded(hit.scores),
        "copies": [json_text(str(copy)) for copy in hit.copies],
    }


def path_as_dict(path: Path) -> dict[str, str]:
    """A path as JSON values, in `path_bytes` too (hex) when it is not valid text."""
    text = json_text(str(path))
    return {"path": text} if text == str(path) else {"path": text, "path_bytes": os.fsencode(path).hex()}


def _print_hit(hit: Hit, *, explain: bool) -> None:
    bold, dim, plain = (BOLD, DIM, PLAIN) if styled() else ("", "", "")
    place = f"page {hit.page.page} of {hit.pages}"
    print(f"{hit.rank:>3}. {bold}{visible(hit.title)}{plain}  {place}  {dim}{hit.modified}{plain}")
    print(f"     {dim}{shown_path(hit.path)}{plain}")
    if hit.copies:
        print(f"     {dim}also {', '.join(map(shown_path, hit.copies))}{plain}")
    if hit.snippet.text:
        print(f"     {marked(hit.snippet)}")
    if explain:
        reasons = ", ".join(f"{name} {value:.2f}" for name, value in hit.scores.items())
        print(
            f"     {dim}{hit.score:.2f} = {reasons or 'listed by date'}; text from {hit.source.value}{plain}"
        )


def marked(snippet: Snippet) -> str:
    """The snippet with its matches in colour, or between brackets where there is none."""
    before, after = (_MATCH, PLAIN) if styled() else ("[", "]")
    parts, end = [], 0
    for start, stop in snippet.spans:
        parts += [visible(snippet.text[end:start]), before, visible(snippet.text[start:stop]), after]
        end = stop
    return "".join([*parts, visible(snippet.text[end:])])


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in scores.items()}
