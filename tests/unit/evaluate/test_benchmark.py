from __future__ import annotations

import json
from itertools import accumulate

import pytest

from docsearch.errors import IndexDamaged, UsageError
from docsearch.evaluate.benchmark import Report, evaluate, latency, render_table
from docsearch.evaluate.judged import JudgedQuery, JudgedSet
from docsearch.evaluate.run import Ranking

JUDGED = JudgedSet(
    (
        JudgedQuery("1", "one", {"a#1": 1}, source="Forms", modality="image"),
        JudgedQuery("2", "two", {"b#1": 1}, source="Papers", modality="text"),
        JudgedQuery("3", "three", {"c#1": 1}, source="Papers", modality="text"),
    ),
    unjudged=2,
)


def first_stage(query: JudgedQuery) -> Ranking:
    """Finds every relevant page, at rank 2."""
    return [("noise#1", 2.0), *((doc, 1.0) for doc in query.relevant)]


def reranked(query: JudgedQuery) -> Ranking:
    return sorted(first_stage(query), key=lambda entry: entry[0] == "noise#1")


def report() -> Report:
    ticks = accumulate([0.0, 0.010, 1.0, 0.020, 1.0, 0.030, 1.0, 0.1, 1.0, 0.1, 1.0, 0.1])
    return evaluate({"words": first_stage, "rerank": reranked}, JUDGED, clock=lambda: next(ticks))


def test_stages_are_measured_and_compared_on_the_same_queries() -> None:
    words, rerank = report().stages
    assert words.overall.queries == rerank.overall.queries == 3
    assert words.overall.metrics["mrr@10"].mean == pytest.approx(0.5)
    assert rerank.overall.metrics["mrr@10"].mean == pytest.approx(1.0)
    assert words.difference is None
    assert rerank.difference is not None
    assert rerank.difference["mrr@10"].low == pytest.approx(0.5)
    assert rerank.difference["recall@10"].mean == 0.0


def test_groups_are_reported_apart() -> None:
    words = report().stages[0]
    assert {name: group.queries for name, group in words.by_source.items()} == {"Forms": 1, "Papers": 2}
    assert {name: group.queries for name, group in words.by_modality.items()} == {"image": 1, "text": 2}


def test_latency_is_of_each_query_alone() -> None:
    words, rerank = report().stages
    assert words.latency.p50_ms == pytest.approx(20.0)
    assert words.latency.p95_ms == pytest.approx(29.0)
    assert rerank.latency.p50_ms == pytest.approx(100.0)


def test_percentiles_of_durations() -> None:
    measured = latency([0.001 * number for number in range(101)])
    assert (measured.p50_ms, measured.p95_ms) == pytest.approx((50.0, 95.0))


def test_the_run_of_every_stage_is_kept() -> None:
    assert report().stages[1].run["1"] == (("a#1", 1.0), ("noise#1", 2.0))


def test_the_report_is_json() -> None:
    figures = json.loads(json.dumps(report().to_json(), allow_nan=False))
    assert (figures["queries"], figures["unjudged"]) == (3, 2)
    words, rerank = figures["stages"]
    assert words["difference"] is None
    assert set(rerank["difference"]["ndcg@10"]) == {"mean", "low", "high"}
    assert rerank["by_source"]["Papers"] == {"queries": 2, "metrics": rerank["overall"]["metrics"]}


def test_the_table_shows_every_stage_group_and_what_was_left_out() -> None:
    table = render_table(report())
    overall, modality, source, note = table.split("\n\n")
    assert [line.split()[0] for line in overall.splitlines()[2:]] == ["words", "rerank"]
    assert "63.1 [63.1, 63.1]" in overall
    assert "+36.9 [+36.9, +36.9]" in overall
    assert [line.split()[:2] for line in modality.splitlines()[2:]] == [
        ["image", "words"],
        ["image", "rerank"],
        ["text", "words"],
        ["text", "rerank"],
    ]
    assert "Forms" in source
    assert note.startswith("3 queries, 2 without judgements left out")


def test_groups_that_nobody_named_make_no_table() -> None:
    judged = JudgedSet((JudgedQuery("1", "one", {"a": 1}),))
    table = render_table(evaluate({"words": first_stage}, judged))
    assert "modality" not in table
    assert "source" not in table


def test_a_name_cannot_steer_the_terminal() -> None:
    judged = JudgedSet((JudgedQuery("1", "one", {"a": 1}, source="\x1b[2Jgone"),))
    assert "\x1b" not in render_table(evaluate({"words": first_stage}, judged))


def test_progress_is_told_after_every_query() -> None:
    told: list[tuple[str, int, int]] = []
    evaluate({"words": first_stage}, JUDGED, on_query=lambda *news: told.append(news))
    assert told == [("words", 1, 3), ("words", 2, 3), ("words", 3, 3)]


def test_what_a_search_raises_passes_through() -> None:
    def broken(query: JudgedQuery) -> Ranking:
        raise IndexDamaged("the page table cannot be opened")

    with pytest.raises(IndexDamaged):
        evaluate({"broken": broken}, JUDGED)


def test_nothing_to_evaluate_is_refused() -> None:
    with pytest.raises(UsageError):
        evaluate({}, JUDGED)
    with pytest.raises(UsageError):
        evaluate({"words": first_stage}, JudgedSet(()))
