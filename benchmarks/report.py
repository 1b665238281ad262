"""What all benchmarks share: their options, and how they print what they measured.

stdout carries the figures, as a table or as one JSON object; stderr carries the talk.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from docsearch.evaluate.table import text_table

DEFAULT_DOCS = Path(__file__).resolve().parents[2] / "shared" / "eval" / "dev"

Scalar = str | int | float | bool | None
Figure = Scalar | Sequence[str] | Mapping[str, "Figure"]
"""What a benchmark may report under one key: a value, names, or figures by name."""


def common_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options every benchmark has: --json and --docs. Add others to it."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument(
        "--docs",
        type=Path,
        default=DEFAULT_DOCS,
        metavar="DIR",
        help="folder with docs/ and queries.jsonl (default: ../shared/eval/dev beside the repository)",
    )
    return parser


def parse_args(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None = None, *, needs_docs: bool = True
) -> argparse.Namespace:
    """The options; ends the program with exit code 2 when the documents are needed and not there."""
    options = parser.parse_args(argv)
    if needs_docs and not (options.docs / "docs").is_dir():
        parser.error(f"no documents: {options.docs} has no folder docs/; name another with --docs DIR")
    return options


def emit(
    values: Mapping[str, Figure], rows: Sequence[Sequence[object]] = (), *, as_json: bool = False
) -> None:
    """Print what was measured on stdout.

    `values` are the figures by name: the keys of the JSON object, or two columns. `rows`, the first
    of them the heading, are a table for people, printed above the figures and left out of the JSON;
    figures that hold figures by name are for the JSON alone, and `rows` is the place to show them.
    """
    if as_json:
        print(json.dumps(dict(values), allow_nan=False))
        return
    plain = [(name, _shown(value)) for name, value in values.items() if not isinstance(value, Mapping)]
    figures = [("figure", "value"), *plain]
    tables = [_table(table) for table in (rows, figures if plain else ()) if table]
    print("\n\n".join(tables))


def note(message: str) -> None:
    """Say on stderr how far a benchmark has come."""
    print(message, file=sys.stderr, flush=True)


def _table(rows: Sequence[Sequence[object]]) -> str:
    return text_table([[_cell(value) for value in row] for row in rows])


def _shown(value: Figure) -> object:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return value
    return ", ".join(value) or "none"


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
