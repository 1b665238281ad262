"""Judged queries (test collections) in three formats: our own JSON lines, BEIR and TREC.

Knows queries and the ids of relevant documents; it never looks at the documents themselves. An id
names a page as `relative/path#page`, with pages counted from 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from docsearch.errors import UsageError
from docsearch.evaluate.lines import bad_line, numbered_lines
from docsearch.evaluate.run import decode_id

_BEIR_HEADER = ["query-id", "corpus-id", "score"]


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query with the documents that people judged for it."""

    id: str
    query: str
    relevant: Mapping[str, int] = field(default_factory=dict)
    """Document id -> grade; above 0 is relevant, a higher grade is more so."""
    source: str = ""
    """The collection the query comes from; empty when it says nothing."""
    modality: str = ""
    """What the relevant pages hold, `text` or `image`; empty when unknown."""
    original: str = ""
    """The wording in the collection it comes from, where that differs."""


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """The queries of one evaluation, in the order of their file."""

    queries: tuple[JudgedQuery, ...]
    unjudged: int = 0
    """Queries left out because the qrels never mention them: nothing is known about them."""

    def __len__(self) -> int:
        return len(self.queries)


Qrels = dict[str, dict[str, int]]


def page_id(doc: str, page: int) -> str:
    """The id of page `page` (from 1) of the file `doc`, a path relative to its root."""
    return f"{doc}#{page}"


def read_judged(path: Path, qrels: Path | None = None) -> JudgedSet:
    """Read judged queries; the format is found from what `path` is and holds.

    A folder is a BEIR collection (`queries.jsonl` and `qrels/test.tsv`, or the only other qrels
    file there). A file of JSON lines is ours when it carries its own judgements; with `qrels` it
    may be BEIR queries. Any other file holds TREC topics, `qid<TAB>text`, and needs `qrels`.
    `qrels` is read as BEIR when it has the BEIR header and as TREC otherwise.

    Raises UsageError that names file and line when something cannot be used.
    """
    if path.is_dir():
        return _joined(path / "queries.jsonl", qrels or _beir_qrels(path), source=path.resolve().name)
    if qrels is not None:
        return _joined(path, qrels)
    if not _is_json_lines(path):
        raise UsageError(f"{path} holds no judgements", hint="name the qrels file with --qrels")
    return JudgedSet(_distinct(path, _own_query))


def read_qrels(path: Path) -> Qrels:
    """Judgements by query id, from a BEIR or a TREC qrels file. Ids in TREC files are percent-decoded."""
    qrels: Qrels = {}
    parse = _trec_judgement
    for position, (number, line) in enumerate(numbered_lines(path)):
        if position == 0 and line.split("\t") == _BEIR_HEADER:
            parse = _beir_judgement
            continue
        try:
            query, doc, grade = parse(line)
        except ValueError as error:
            raise bad_line(path, number, "expected `qid 0 docid grade` or BEIR's three columns") from error
        qrels.setdefault(query, {})[doc] = grade
    return qrels


def _beir_judgement(line: str) -> tuple[str, str, int]:
    query, doc, grade = line.split("\t")
    return query, doc, int(grade)


def _trec_judgement(line: str) -> tuple[str, str, int]:
    query, _, doc, grade = line.split()
    return decode_id(query), decode_id(doc), int(grade)


def _beir_qrels(folder: Path) -> Path:
    files = sorted((folder / "qrels").glob("*.tsv"))
    test = folder / "qrels" / "test.tsv"
    if test in files:
        return test
    if len(files) == 1:
        return files[0]
    found = ", ".join(file.name for file in files) or "none"
    raise UsageError(f"{folder} has no qrels/test.tsv (found: {found})", hint="name one with --qrels")


def _joined(queries: Path, qrels_path: Path, source: str = "") -> JudgedSet:
    """The queries that the qrels mention; a judgement of an unknown query is an error."""
    read = _distinct(queries, _bare_query if _is_json_lines(queries) else _topic)
    qrels = read_qrels(qrels_path)
    unknown = qrels.keys() - {query.id for query in read}
    if unknown:
        raise UsageError(f"{qrels_path} judges query {min(unknown)!r}, which {queries} does not hold")
    judged = tuple(replace(q, relevant=qrels[q.id], source=q.source or source) for q in read if q.id in qrels)
    if not judged:
        raise UsageError(f"{qrels_path} judges none of the queries in {queries}")
    return JudgedSet(judged, unjudged=len(read) - len(judged))


def _is_json_lines(path: Path) -> bool:
    return any(line.lstrip().startswith("{") for _, line in _head(path))


def _head(path: Path) -> Iterator[tuple[int, str]]:
    for numbered in numbered_lines(path):
        yield numbered
        return


def _distinct(path: Path, parse: Callable[[str], JudgedQuery]) -> tuple[JudgedQuery, ...]:
    """Every line of `path` as a query; parse errors and repeated ids name the line."""
    queries: dict[str, JudgedQuery] = {}
    for number, line in numbered_lines(path):
        try:
            query = parse(line)
        except ValueError as error:
            raise bad_line(path, number, str(error)) from error
        if query.id in queries:
            raise bad_line(path, number, f"query id {query.id!r} occurs twice")
        queries[query.id] = query
    if not queries:
        raise UsageError(f"{path} holds no queries")
    return tuple(queries.values())


def _topic(line: str) -> JudgedQuery:
    identifier, separator, text = line.partition("\t")
    if not (separator and identifier.strip() and text.strip()):
        raise ValueError("expected `qid<TAB>text`")
    return JudgedQuery(decode_id(identifier.strip()), text.strip())


def _bare_query(line: str) -> JudgedQuery:
    """A query whose judgements stand elsewhere: BEIR's keys or ours."""
    row = _row(line)
    return JudgedQuery(
        id=_text(row, "_id" if "_id" in row else "id"),
        query=_text(row, "text" if "text" in row else "query"),
        source=_optional_text(row, "source"),
        modality=_optional_text(row, "modality"),
        original=_optional_text(row, "original"),
    )


def _own_query(line: str) -> JudgedQuery:
    pages = _row(line).get("relevant")
    if not isinstance(pages, list):
        raise ValueError("`relevant` must be a list of {doc, page}; without it, give a qrels file")
    return replace(_bare_query(line), relevant=dict(map(_graded_page, pages)))


def _graded_page(page: Any) -> tuple[str, int]:
    if not isinstance(page, dict):
        raise ValueError("every entry of `relevant` must be {doc, page}")
    number, grade = page.get("page"), page.get("grade", 1)
    if type(number) is not int or number < 1:
        raise ValueError("`page` must be a whole number from 1")
    if type(grade) is not int:
        raise ValueError("`grade` must be a whole number")
    return page_id(_text(page, "doc"), number), grade


def _row(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError("not JSON") from error
    if not isinstance(row, dict):
        raise ValueError("expected a JSON object")
    return row


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"`{key}` must be text")
    return value


def _optional_text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""
