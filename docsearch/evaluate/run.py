"""Runs: the ranked list a search gave for every query, and standard TREC run files.

A TREC file separates its columns by spaces, so query and document ids are percent-encoded in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, unquote

from docsearch.config import owner_only
from docsearch.errors import UsageError
from docsearch.evaluate.lines import bad_line, numbered_lines

Ranking = Sequence[tuple[str, float]]
"""Document ids with their scores, best first. The order counts, not the scores."""

Run = Mapping[str, Ranking]
"""Query id -> ranking."""

_SAFE = "/#,;:=+@()[]!$&'*"


def encode_id(name: str) -> str:
    """`name` as printable ASCII without spaces; `decode_id` gives it back, whatever it holds."""
    return quote(name, safe=_SAFE, errors="surrogatepass")


def decode_id(token: str) -> str:
    """The id that `encode_id` made `token` from."""
    return unquote(token, errors="surrogatepass")


def first_mentions(ranking: Ranking) -> list[tuple[str, float]]:
    """The ranking with every document once, where it stands first, as metrics require."""
    seen: dict[str, float] = {}
    for doc, score in ranking:
        seen.setdefault(doc, score)
    return list(seen.items())


def write_run(path: Path, run: Run, tag: str = "docsearch") -> None:
    """Write a TREC run file, `qid Q0 docid rank score tag`, readable by its owner only.

    Other tools order a run by score alone. Where the scores of a list do not fall strictly from
    rank to rank, as after reranking only its head, they are written as n, n - 1, …, 1.
    """
    try:
        with open(path, "w", encoding="ascii", newline="\n", opener=owner_only) as stream:
            stream.writelines(_run_lines(run, encode_id(tag)))
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def read_run(path: Path) -> dict[str, list[tuple[str, float]]]:
    """Read a TREC run file; every list is in the order of its rank column.

    Raises UsageError that names file and line when a line is not a line of a run.
    """
    ranked: dict[str, list[tuple[int, str, float]]] = {}
    for number, line in numbered_lines(path):
        try:
            query, _, doc, rank, score, _ = line.split()
            entry = (int(rank), decode_id(doc), float(score))
        except ValueError as error:
            raise bad_line(path, number, "expected `qid Q0 docid rank score tag`") from error
        ranked.setdefault(decode_id(query), []).append(entry)
    return {query: _in_rank_order(entries) for query, entries in ranked.items()}


def _in_rank_order(entries: Iterable[tuple[int, str, float]]) -> list[tuple[str, float]]:
    return [(doc, score) for _, doc, score in sorted(entries, key=lambda entry: entry[0])]


def _run_lines(run: Run, tag: str) -> Iterator[str]:
    for query, ranking in run.items():
        for rank, (doc, score) in enumerate(_with_falling_scores(first_mentions(ranking)), start=1):
            yield f"{encode_id(query)} Q0 {encode_id(doc)} {rank} {float(score)!r} {tag}\n"


def _with_falling_scores(ranking: Ranking) -> Ranking:
    scores = [score for _, score in ranking]
    if all(map(math.isfinite, scores)) and all(upper > lower for upper, lower in pairwise(scores)):
        return ranking
    return [(doc, float(len(ranking) - index)) for index, (doc, _) in enumerate(ranking)]
