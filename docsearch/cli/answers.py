"""How the command line shows an answer: as it is written, with its doubts and its sources, or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from docsearch.cli.output import (
    BOLD,
    DIM,
    PLAIN,
    json_text,
    marked,
    path_as_dict,
    shown_path,
    styled,
    talk,
    visible,
)
from docsearch.records import Answer, AnswerState, Citation, Flag, FlagKind, Snippet, Statement

_WARNING = "\033[33m"
_CLEAR_LINE = "\r\033[K"
_NOT_FOUND = "The pages found do not seem to hold an answer. The nearest passages:"


class AnswerPrinter:
    """Prints an answer while it grows. Words go to stdout; how far it is goes to stderr, on a terminal."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._ticker = live and sys.stderr.isatty()
        self._ticking = False
        self._done = 0
        """Statements that are printed whole."""
        self._begun = 0
        """Characters of the next one that are printed."""

    def show(self, answer: Answer) -> None:
        """What is new since the last time."""
        if not self._live:
            return
        if answer.quoted:
            self._tick(_progress(answer))
            return
        self._tick("")
        for statement in answer.statements[self._done : -1]:
            self._end(statement)
        if answer.statements and sys.stdout.isatty():
            self._begin(answer.statements[-1])

    def finish(self, answer: Answer, pictures: Mapping[int, Path]) -> None:
        """The rest of it, and the sources."""
        self._tick("")
        if answer.quoted or not answer.statements:
            self._print_quotes(answer, pictures)
        else:
            for statement in answer.statements[self._done :]:
                self._end(statement)
            print()
            for cited in answer.citations:
                _print_source(cited, pictures.get(cited.number))
        for note in answer.notes:
            talk(note)
        if answer.state is AnswerState.STOPPED:
            talk("stopped")

    def _print_quotes(self, answer: Answer, pictures: Mapping[int, Path]) -> None:
        if answer.citations and not answer.found:
            talk(_NOT_FOUND)
        for cited in answer.citations:
            _print_source(cited, pictures.get(cited.number))
        if not answer.citations and not answer.notes:
            talk("Nothing found.")

    def _begin(self, statement: Statement) -> None:
        """The words of an unfinished statement that have come since."""
        print(_lines(statement.text[self._begun :]), end="", flush=True)
        self._begun = len(statement.text)

    def _end(self, statement: Statement) -> None:
        doubts = "".join(f"  {_warning(flag)}" for flag in statement.flags)
        print(_lines(statement.text[self._begun :]) + doubts, flush=True)
        self._done += 1
        self._begun = 0

    def _tick(self, words: str) -> None:
        """How far it is, on a line that is wiped before the answer begins."""
        if self._ticker and (words or self._ticking):
            print(_CLEAR_LINE + words, end="", file=sys.stderr, flush=True)
        self._ticking = bool(words)


def answer_as_dict(
    answer: Answer, pictures: Mapping[int, Path], left_out: Sequence[tuple[Path, int]]
) -> dict[str, object]:
    """An answer as JSON values. Boxes are fractions of the page's width and height, from the top left."""
    return {
        "question": json_text(answer.question),
        "state": answer.state.value,
        "model": answer.model or None,
        "found": answer.found,
        "statements": [_statement_as_dict(statement) for statement in answer.statements],
        "citations": [_citation_as_dict(cited, pictures.get(cited.number)) for cited in answer.citations],
        "left_out": [{"path": json_text(str(path)), "page": page} for path, page in left_out],
        "notes": [json_text(note) for note in answer.notes],
        "timings": {name: round(value, 4) for name, value in asdict(answer.timings).items()},
    }


def _statement_as_dict(statement: Statement) -> dict[str, object]:
    return {
        "text": json_text(statement.text),
        "citations": list(statement.citations),
        "flags": [{"kind": flag.kind.value, "words": json_text(flag.words)} for flag in statement.flags],
    }


def _citation_as_dict(cited: Citation, picture: Path | None) -> dict[str, object]:
    values: dict[str, object] = {
        "number": cited.number,
        **path_as_dict(cited.path),
        "page": cited.page.page,
        "pages": cited.pages,
        "title": json_text(cited.title),
        "quote": json_text(cited.quote.text),
        "matches": [list(span) for span in cited.quote.spans],
        "boxes": [[round(v, 5) for v in (b.x0, b.y0, b.x1, b.y1)] for b in cited.boxes],
        "text_from": cited.source.value,
    }
    if picture is not None:
        values["picture"] = str(picture)
    return values


def _print_source(cited: Citation, picture: Path | None) -> None:
    bold, dim, plain = (BOLD, DIM, PLAIN) if styled() else ("", "", "")
    place = f"page {cited.page.page} of {cited.pages}"
    print(
        f"{bold}[{cited.number}] {visible(cited.title)}{plain}  {place}  {dim}{shown_path(cited.path)}{plain}"
    )
    if picture is not None:
        print(f"    {dim}{shown_path(picture)}{plain}")
    for line in _quoted_lines(cited.quote):
        print(f"    {dim}|{plain} {line}")


def _quoted_lines(quote: Snippet) -> list[str]:
    """The lines of a quote, its matches in colour where there is one."""
    lines, start = [], 0
    for text in quote.text.split("\n"):
        end = start + len(text)
        spans = tuple((s - start, e - start) for s, e in quote.spans if start <= s and e <= end)
        lines.append(marked(Snippet(text, spans)) if styled() else visible(text))
        start = end + 1
    return lines if quote.text else []


def _warning(flag: Flag) -> str:
    before, after = (_WARNING, PLAIN) if styled() else ("", "")
    words = {
        FlagKind.UNCITED: "no page is named for this",
        FlagKind.UNKNOWN_SOURCE: f"there is no page {visible(flag.words)}",
        FlagKind.NOT_ON_PAGE: f"not on the page: {visible(flag.words)}" if flag.words else "not on the page",
    }[flag.kind]
    return f"{before}(? {words}){after}"


def _progress(answer: Answer) -> str:
    match answer.state:
        case AnswerState.LOADING:
            return "loading the model …"
        case AnswerState.READING:
            return f"reading the pages … {answer.progress:.0%}"
        case _:
            return ""


def _lines(text: str) -> str:
    return "\n".join(visible(line) for line in text.split("\n"))
