"""Run searches over judged queries and report how good and how fast they are.

A search is a function from a query to a ranking; what stands behind it is no matter here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial

import numpy as np

from docsearch.errors import UsageError
from docsearch.evaluate.judged import JudgedQuery, JudgedSet
from docsearch.evaluate.metrics import MEASURES, Interval, QueryScores, paired_difference, score_run
from docsearch.evaluate.run import Ranking, Run
from docsearch.evaluate.table import text_table

Search = Callable[[JudgedQuery], Ranking]
"""Gives the ranking for a query, best first; at least 100 deep, or recall@100 is a lower bound."""

Clock = Callable[[], float]
"""Seconds from some fixed moment."""

OnQuery = Callable[[str, int, int], None]
"""Called after every query with the stage, the queries done and the queries in all."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Wall-clock time of one query, in milliseconds."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class GroupReport:
    """The figures of some of the queries."""

    queries: int
    metrics: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class StageReport:
    """How one stage did."""

    name: str
    overall: GroupReport
    by_source: Mapping[str, GroupReport]
    by_modality: Mapping[str, GroupReport]
    latency: Latency
    difference: Mapping[str, Interval] | None
    """Metric -> paired difference to the stage before; None for the first."""
    scores: QueryScores = field(repr=False)
    run: Run = field(repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """How all stages did on the same queries."""

    queries: int
    unjudged: int
    """Queries of the file that were left out because nothing is judged for them."""
    stages: tuple[StageReport, ...]

    def to_json(self) -> dict[str, object]:
        """The figures as values that `json.dumps` takes; runs and values per query are left out."""
        stages = [_stage_values(stage) for stage in self.stages]
        return {"queries": self.queries, "unjudged": self.unjudged, "stages": stages}


def evaluate(
    stages: Mapping[str, Search],
    judged: JudgedSet,
    *,
    on_query: OnQuery | None = None,
    clock: Clock = time.perf_counter,
) -> Report:
    """Run every stage (name -> search) over all queries, in order, and report it.

    Whatever a search raises passes through; a missing ir_measures is noticed before any search.
    """
    if not stages or not judged.queries:
        raise UsageError("an evaluation needs at least one query and one search")
    score_run(judged, {})
    reports: list[StageReport] = []
    for name, search in stages.items():
        run, seconds = _timed_run(search, judged, clock, on_query and partial(on_query, name))
        previous = reports[-1].scores if reports else None
        reports.append(_stage_report(name, score_run(judged, run), run, seconds, previous))
    return Report(len(judged), judged.unjudged, tuple(reports))


def render_table(report: Report) -> str:
    """The report as plain text: all queries, then by modality and by source.

    Means times 100 with 95 % intervals for nDCG@10 and for its difference to the stage before.
    """
    tables = [text_table([_overall_heading(), *map(_overall_row, report.stages)])]
    for title in ("modality", "source"):
        rows = _group_rows(report, title)
        tables += [text_table([_group_heading(title), *rows])] if rows else []
    unjudged = f", {report.unjudged} without judgements left out" if report.unjudged else ""
    tables.append(f"{report.queries} queries{unjudged}; metrics x 100; [..] 95 % bootstrap interval")
    return "\n\n".join(tables)


def _timed_run(
    search: Search, judged: JudgedSet, clock: Clock, on_query: Callable[[int, int], None] | None
) -> tuple[Run, list[float]]:
    run: dict[str, Ranking] = {}
    seconds: list[float] = []
    for done, query in enumerate(judged.queries, start=1):
        start = clock()
        run[query.id] = tuple(search(query))
        seconds.append(clock() - start)
        if on_query:
            on_query(done, len(judged))
    return run, seconds


def _stage_report(
    name: str, scores: QueryScores, run: Run, seconds: Sequence[float], previous: QueryScores | None
) -> StageReport:
    return StageReport(
        name=name,
        overall=_group(scores),
        by_source={group: _group(some) for group, some in scores.by("source").items()},
        by_modality={group: _group(some) for group, some in scores.by("modality").items()},
        latency=latency(seconds),
        difference=None if previous is None else _differences(previous, scores),
        scores=scores,
        run=run,
    )


def latency(seconds: Sequence[float]) -> Latency:
    """Median and 95th percentile of durations in seconds."""
    p50, p95 = np.percentile(np.asarray(seconds) * 1000.0, [50, 95])
    return Latency(float(p50), float(p95))


def _group(scores: QueryScores) -> GroupReport:
    return GroupReport(len(scores.queries), scores.intervals())


def _differences(before: QueryScores, after: QueryScores) -> dict[str, Interval]:
    return {metric: paired_difference(before, after, metric) for metric in MEASURES}


def _stage_values(stage: StageReport) -> dict[str, object]:
    return {
        "name": stage.name,
        "overall": asdict(stage.overall),
        "by_source": {name: asdict(group) for name, group in stage.by_source.items()},
        "by_modality": {name: asdict(group) for name, group in stage.by_modality.items()},
        "latency": asdict(stage.latency),
        "difference": stage.difference and {name: asdict(value) for name, value in stage.difference.items()},
    }


def _overall_heading() -> list[str]:
    return ["stage", *_metric_heading(), "p50 ms", "p95 ms", "difference [95 %]"]


def _overall_row(stage: StageReport) -> list[str]:
    difference = _signed(stage.difference["ndcg@10"]) if stage.difference else ""
    times = [f"{stage.latency.p50_ms:.1f}", f"{stage.latency.p95_ms:.1f}"]
    return [stage.name, *_metric_cells(stage.overall), *times, difference]


def _group_heading(title: str) -> list[str]:
    return [title, "stage", "queries", *_metric_heading()]


def _group_rows(report: Report, title: str) -> list[list[str]]:
    """One row a group and stage, the stages of a group beneath each other."""
    by_stage = [(stage.name, getattr(stage, f"by_{title}")) for stage in report.stages]
    return [
        [name, stage, str(groups[name].queries), *_metric_cells(groups[name])]
        for name in by_stage[0][1]
        for stage, groups in by_stage
    ]


def _metric_heading() -> list[str]:
    return ["ndcg@10 [95 %]", *(metric for metric in MEASURES if metric != "ndcg@10")]


def _metric_cells(group: GroupReport) -> list[str]:
    main = group.metrics["ndcg@10"]
    others = (interval.mean for metric, interval in group.metrics.items() if metric != "ndcg@10")
    bounds = f"[{100 * main.low:.1f}, {100 * main.high:.1f}]"
    return [f"{100 * main.mean:.1f} {bounds}", *(f"{100 * mean:.1f}" for mean in others)]


def _signed(difference: Interval) -> str:
    bounds = f"[{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"
    return f"{100 * difference.mean:+.1f} {bounds}"
