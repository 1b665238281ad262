"""How good the results are: nDCG@10 on judged queries, whole and by stage, with real and opaque names.

Beside it stands plain BM25 over the same page texts, the least that any search must reach.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.program import add_home, complete_index, home_folder
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from benchmarks.samples import Samples, read_samples, with_opaque_names
from docsearch.evaluate.benchmark import Report, StageReport, evaluate
from docsearch.evaluate.judged import JudgedQuery, page_id
from docsearch.evaluate.run import Ranking
from docsearch.evaluate.stages import stages
from docsearch.library import Library
from docsearch.records import PageId
from docsearch.store.index import Index

PLAIN = "plain BM25"
BASELINE = "text + documents"
HARD = ("FinanceBench", "MMLongBench-Doc")
DEPTH = 100


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    add_home(parser)
    options = parse_args(parser, argv)
    samples = read_samples(options.docs)
    with home_folder(options.home) as home:
        note("index of the documents under their own names")
        complete_index(home, samples.documents)
        named = measure(home, samples, plain=True)
        opaque = measure(home / "opaque", opaque_copy(home, samples))
    emit(figures(named, opaque), table(named, opaque), as_json=options.json)


def opaque_copy(home: Path, samples: Samples) -> Samples:
    """The documents under opaque names, indexed in `home/opaque` with the OCR results of `home`.

    Texts are read anew, for a document's title may come from its file's name. Only the reading of
    pictures is taken over, which depends on nothing but their pixels.
    """
    note("index of the documents under opaque names")
    hidden = with_opaque_names(samples, home / "opaque" / "documents")
    copy_recognised(home / "index", home / "opaque" / "index")
    complete_index(home / "opaque", hidden.documents)
    return hidden


def copy_recognised(source: Path, target: Path) -> None:
    """Copies what OCR has read from one index folder to another, by its pixels."""
    index = Index(target)
    connection = index.catalog.connection
    connection.execute("ATTACH DATABASE ? AS source", (str(source / "catalog.sqlite"),))
    connection.execute("INSERT OR IGNORE INTO main.recognised SELECT * FROM source.recognised")
    connection.execute("DETACH DATABASE source")
    index.close()


def measure(home: Path, samples: Samples, *, plain: bool = False) -> Report:
    """All stages on the judged queries; with `plain` plain BM25 before them."""
    with Library(home) as library:
        searches = dict(stages(library.engine, samples.documents.resolve(), alone=True))
        if not plain:
            return evaluate(searches, samples.judged, on_query=_say)
        with tempfile.TemporaryDirectory(prefix="docsearch-benchmark-") as folder:
            baseline = PlainBm25(Path(folder), page_texts(library.store, samples.documents.resolve()))
            return evaluate({PLAIN: baseline, **searches}, samples.judged, on_query=_say)


class PlainBm25:
    """LanceDB's full-text search over one row a page, all settings at their defaults."""

    def __init__(self, folder: Path, texts: Mapping[str, str]) -> None:
        import lancedb
        from lancedb.index import FTS

        rows = [{"page": page, "text": text} for page, text in texts.items()]
        self.table = lancedb.connect(folder).create_table("pages", rows)
        self.table.create_index("text", config=FTS())

    def __call__(self, judged: JudgedQuery) -> Ranking:
        """Page ids and scores, best first."""
        search = self.table.search(judged.query, query_type="fts").select(["page", "_score"])
        return [(row["page"], row["_score"]) for row in search.limit(DEPTH).to_list()]


def page_texts(index: Index, documents: Path) -> dict[str, str]:
    """Every searchable page's text, OCR included, by the id that judgements use."""
    found = index.documents.get(index.documents.live())
    files = index.files.of_documents(found)
    texts: dict[str, str] = {}
    for number, document in found.items():
        name = files[number][0].path.relative_to(documents).as_posix()
        pages = index.pages.texts(PageId(number, page) for page in range(1, document.pages + 1))
        texts |= {page_id(name, page.page): text for page, (text, _) in pages.items()}
    return texts


def figures(named: Report, opaque: Report) -> dict[str, Figure]:
    """What is reported; a group is all queries, a modality or a source."""
    plain, *ours = named.stages
    final = ours[-1]
    return {
        "queries": named.queries,
        "ndcg10": groups(final),
        "opaque": groups(opaque.stages[-1]),
        "plain_bm25": groups(plain),
        "above_plain_bm25": _difference(groups(final), groups(plain)),
        "times_baseline": times_baseline(named, list(final.by_source)),
        "times_baseline_hard": times_baseline(named, HARD),
        "above_baseline": _difference(groups(final), groups(_stage(named, BASELINE))),
        "stages": {stage.name: groups(stage) for stage in ours},
        "opaque_stages": {stage.name: groups(stage) for stage in opaque.stages},
        "latency_p50_ms": final.latency.p50_ms,
        "latency_p95_ms": final.latency.p95_ms,
    }


def times_baseline(report: Report, sources: Sequence[str]) -> float | None:
    """nDCG@10 over that of full text with document evidence, for the queries of these sources together."""
    totals = []
    for stage in (report.stages[-1], _stage(report, BASELINE)):
        groups = [stage.by_source[source] for source in sources if source in stage.by_source]
        totals.append(sum(group.queries * group.metrics["ndcg@10"].mean for group in groups))
    ours, theirs = totals
    return ours / theirs if theirs else None


def groups(stage: StageReport) -> dict[str, float]:
    """Mean nDCG@10 of all queries, of each modality and of each source."""
    found = {"all": stage.overall, **stage.by_modality, **stage.by_source}
    return {name: group.metrics["ndcg@10"].mean for name, group in found.items()}


def table(named: Report, opaque: Report) -> list[list[object]]:
    """A row a group, a column a stage."""
    columns: dict[str, dict[str, float]] = {stage.name: groups(stage) for stage in named.stages}
    columns["search, opaque names"] = groups(opaque.stages[-1])
    names = list(next(iter(columns.values())))
    rows = [[name, *(round(column[name], 4) for column in columns.values())] for name in names]
    return [["nDCG@10", *columns], *rows]


def _stage(report: Report, name: str) -> StageReport:
    return next(stage for stage in report.stages if stage.name == name)


def _difference(ours: Mapping[str, float], theirs: Mapping[str, float]) -> dict[str, float]:
    return {name: ours[name] - theirs[name] for name in ours}


def _say(stage: str, done: int, total: int) -> None:
    if done == total:
        note(f"{stage}: {done} queries")


if __name__ == "__main__":
    main()
