"""The documents and judged queries that benchmarks run on, with their own names or opaque ones.

File names often say what a page does not (company, year), and real users' files often carry no such
names. A benchmark of retrieval is therefore run on both.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from docsearch.evaluate.judged import JudgedQuery, JudgedSet, page_id, read_judged


@dataclass(frozen=True, slots=True)
class Samples:
    """A folder of documents and the queries judged over it; ids are relative to `documents`."""

    documents: Path
    judged: JudgedSet


def read_samples(folder: Path) -> Samples:
    """`folder/docs` and `folder/queries.jsonl`."""
    return Samples(folder / "docs", read_judged(folder / "queries.jsonl"))


def with_opaque_names(samples: Samples, target: Path) -> Samples:
    """The same documents under hashed names in the one folder `target`, the judgements renamed alike.

    Files are hard-linked where the disk allows it and copied elsewhere.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = sorted(path for path in samples.documents.rglob("*") if path.is_file())
    names = {path.relative_to(samples.documents).as_posix(): _opaque_name(path, samples) for path in files}
    for old, new in names.items():
        _link_or_copy(samples.documents / old, target / new)
    queries = tuple(_renamed(query, names) for query in samples.judged.queries)
    return Samples(target, replace(samples.judged, queries=queries))


def _opaque_name(path: Path, samples: Samples) -> str:
    relative = path.relative_to(samples.documents).as_posix()
    return hashlib.sha256(os.fsencode(relative)).hexdigest()[:16] + path.suffix


def _link_or_copy(source: Path, target: Path) -> None:
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _renamed(query: JudgedQuery, names: Mapping[str, str]) -> JudgedQuery:
    return replace(
        query, relevant={_renamed_page(doc, names): grade for doc, grade in query.relevant.items()}
    )


def _renamed_page(identifier: str, names: Mapping[str, str]) -> str:
    doc, _, page = identifier.rpartition("#")
    return page_id(names.get(doc, doc), int(page))
