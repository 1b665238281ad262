from __future__ import annotations

import json
from pathlib import Path

from benchmarks.samples import Samples, read_samples, with_opaque_names


def samples(folder: Path) -> Samples:
    for name in ("acme 2018/report.pdf", "acme 2019/report.pdf", "a#b.png"):
        path = folder / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    relevant = [{"doc": "acme 2018/report.pdf", "page": 7}, {"doc": "a#b.png", "page": 1}]
    row = {"id": "1", "query": "net sales", "relevant": relevant, "source": "S"}
    (folder / "queries.jsonl").write_text(json.dumps(row))
    return read_samples(folder)


def test_opaque_names_say_nothing_and_judgements_follow(tmp_path: Path) -> None:
    original = samples(tmp_path)
    opaque = with_opaque_names(original, tmp_path / "opaque")
    names = {path.name: path.read_text() for path in opaque.documents.iterdir()}
    assert sorted(names.values()) == ["a#b.png", "acme 2018/report.pdf", "acme 2019/report.pdf"]
    assert not any("acme" in name or "report" in name for name in names)
    (query,) = opaque.judged.queries
    pages = [doc.rpartition("#") for doc in query.relevant]
    assert [(names[name], page) for name, _, page in pages] == [
        ("acme 2018/report.pdf", "7"),
        ("a#b.png", "1"),
    ]
    assert (query.query, query.source) == ("net sales", "S")


def test_the_same_names_every_time(tmp_path: Path) -> None:
    original = samples(tmp_path)
    first = with_opaque_names(original, tmp_path / "one")
    assert with_opaque_names(original, tmp_path / "two").judged == first.judged
    assert with_opaque_names(original, tmp_path / "one").judged == first.judged
