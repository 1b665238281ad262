from __future__ import annotations

import json
from pathlib import Path

import pytest

from docsearch.errors import UsageError
from docsearch.evaluate.judged import JudgedQuery, read_judged

SHARED = Path(__file__).resolve().parents[4] / "shared" / "eval" / "dev" / "queries.jsonl"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def own_line(**changes: object) -> str:
    row: dict[str, object] = {"id": "q1", "query": "net sales", "relevant": [{"doc": "a/b c.pdf", "page": 3}]}
    return json.dumps({**row, **changes}) + "\n"


def beir(folder: Path, **qrels: str) -> Path:
    queries = [{"_id": "1", "text": "first"}, {"_id": "2", "text": "second", "metadata": {}}]
    write(folder / "queries.jsonl", "\n".join(map(json.dumps, queries)))
    for name, lines in qrels.items():
        write(folder / "qrels" / f"{name}.tsv", "query-id\tcorpus-id\tscore\n" + lines)
    return folder


def test_own_format_names_pages_and_keeps_what_the_collection_says(tmp_path: Path) -> None:
    text = "\ufeff" + own_line(source="SROIE", modality="image", original="Sales?", extra=1) + "\n"
    text += own_line(id="q2", relevant=[{"doc": "Übung#1.pdf", "page": 1, "grade": 2}])
    judged = read_judged(write(tmp_path / "queries.jsonl", text))
    assert judged.queries == (
        JudgedQuery("q1", "net sales", {"a/b c.pdf#3": 1}, "SROIE", "image", "Sales?"),
        JudgedQuery("q2", "net sales", {"Übung#1.pdf#1": 2}),
    )


def test_a_query_without_a_relevant_page_is_kept(tmp_path: Path) -> None:
    judged = read_judged(write(tmp_path / "queries.jsonl", own_line(relevant=[])))
    assert [query.relevant for query in judged.queries] == [{}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{not json", "not JSON"),
        ("{" * 100_000, "not JSON"),
        ("[1]", "JSON object"),
        (own_line(id=""), "`id`"),
        (own_line(id=7), "`id`"),
        (own_line(query=None), "`query`"),
        (own_line(relevant="a.pdf"), "`relevant`"),
        (own_line(relevant=["a.pdf"]), "doc, page"),
        (own_line(relevant=[{"doc": "a.pdf"}]), "`page`"),
        (own_line(relevant=[{"doc": "a.pdf", "page": 0}]), "`page`"),
        (own_line(relevant=[{"doc": "a.pdf", "page": True}]), "`page`"),
        (own_line(relevant=[{"page": 1}]), "`doc`"),
        (own_line(relevant=[{"doc": "a.pdf", "page": 1, "grade": "high"}]), "`grade`"),
        (own_line(id="first"), "occurs twice"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = write(tmp_path / "queries.jsonl", own_line(id="first") + "\n" + line)
    with pytest.raises(UsageError, match=reason) as caught:
        read_judged(path)
    assert f"{path}, line 3:" in caught.value.message


def test_an_object_that_opens_the_file_wrongly_is_still_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line 1: not JSON"):
        read_judged(write(tmp_path / "queries.jsonl", "{oops\n"))


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe\x00"])
def test_a_file_without_queries_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"queries\.jsonl"):
        read_judged(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*absent"):
        read_judged(tmp_path / "absent.jsonl")


def test_beir_folder_takes_the_test_split_and_counts_what_it_leaves_out(tmp_path: Path) -> None:
    folder = beir(tmp_path / "fiqa", test="2\tdoc 9%20#4\t1\n2\td8\t0\n", train="1\td1\t1\n")
    judged = read_judged(folder)
    assert judged.queries == (JudgedQuery("2", "second", {"doc 9%20#4": 1, "d8": 0}, source="fiqa"),)
    assert judged.unjudged == 1


def test_beir_folder_takes_the_only_split_there_is(tmp_path: Path) -> None:
    assert len(read_judged(beir(tmp_path, dev="1\td1\t1\n"))) == 1


def test_beir_folder_with_several_splits_asks_which(tmp_path: Path) -> None:
    folder = beir(tmp_path, dev="1\td1\t1\n", train="2\td1\t2\n")
    with pytest.raises(UsageError, match=r"dev.tsv, train.tsv"):
        read_judged(folder)
    assert [query.id for query in read_judged(folder, folder / "qrels" / "train.tsv").queries] == ["2"]


def test_beir_queries_without_qrels_are_refused(tmp_path: Path) -> None:
    folder = beir(tmp_path, test="1\td1\t1\n")
    with pytest.raises(UsageError, match=r"line 1: .*qrels"):
        read_judged(folder / "queries.jsonl")


def test_trec_topics_and_qrels_with_encoded_ids(tmp_path: Path) -> None:
    topics = write(tmp_path / "topics.tsv", "301\tinternational crime\n302\tpolio\twith a tab\n")
    qrels = write(tmp_path / "qrels.txt", "301 0 a%20b.pdf#2 2\n302 0 x 0\n302\t0\ty\t-1\n")
    judged = read_judged(topics, qrels)
    assert judged.queries == (
        JudgedQuery("301", "international crime", {"a b.pdf#2": 2}),
        JudgedQuery("302", "polio\twith a tab", {"x": 0, "y": -1}),
    )


def test_own_queries_may_be_judged_by_a_qrels_file(tmp_path: Path) -> None:
    queries = write(tmp_path / "queries.jsonl", own_line(modality="text"))
    judged = read_judged(queries, write(tmp_path / "qrels.txt", "q1 0 z 1\n"))
    assert judged.queries == (JudgedQuery("q1", "net sales", {"z": 1}, modality="text"),)


@pytest.mark.parametrize("line", ["301 0 d", "301 0 d one", "301 0 d e 1"])
def test_a_bad_judgement_is_named(tmp_path: Path, line: str) -> None:
    topics = write(tmp_path / "topics.tsv", "301\tcrime\n")
    qrels = write(tmp_path / "qrels.txt", f"301 0 d 1\n{line}\n")
    with pytest.raises(UsageError, match=r"qrels.txt, line 2:"):
        read_judged(topics, qrels)


def test_a_bad_topic_is_named(tmp_path: Path) -> None:
    topics = write(tmp_path / "topics.tsv", "301\tcrime\n302 no tab\n")
    with pytest.raises(UsageError, match=r"topics.tsv, line 2:"):
        read_judged(topics, write(tmp_path / "qrels.txt", "301 0 d 1\n"))


def test_topics_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no judgements"):
        read_judged(write(tmp_path / "topics.tsv", "301\tcrime\n"))


def test_a_judgement_of_an_unknown_query_is_refused(tmp_path: Path) -> None:
    topics = write(tmp_path / "topics.tsv", "301\tcrime\n")
    with pytest.raises(UsageError, match="'999'"):
        read_judged(topics, write(tmp_path / "qrels.txt", "301 0 d 1\n999 0 d 1\n"))


def test_qrels_without_judgements_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="judges none"):
        read_judged(beir(tmp_path, test=""))


@pytest.mark.skipif(not SHARED.exists(), reason="no shared test documents")
def test_the_shared_queries_are_read() -> None:
    judged = read_judged(SHARED)
    assert len(judged) == 398
    assert {query.modality for query in judged.queries} == {"text", "image"}
    assert all(query.relevant and query.source for query in judged.queries)
