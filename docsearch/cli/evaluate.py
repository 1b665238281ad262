"""`docsearch eval`: how good search is on judged queries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from docsearch.cli.output import Json, print_json


def register(app: typer.Typer) -> None:
    """Adds the commands of this family."""
    app.command("eval")(evaluate)


def evaluate(
    context: typer.Context,
    queries: Annotated[Path, typer.Argument(help="Judged queries: JSONL, a BEIR folder, or TREC topics.")],
    qrels: Annotated[
        Path | None, typer.Option(help="Relevance judgements, when they are in a file apart.")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="The folder that judged paths are relative to.")] = None,
    run: Annotated[Path | None, typer.Option(help="Write the ranking as a TREC run.")] = None,
    stages: Annotated[bool, typer.Option("--stages", help="Measure each stage alone and together.")] = False,
    json: Json = False,
) -> None:
    """Measure search on judged queries: nDCG, recall, MRR, with confidence intervals and latency."""
    from docsearch.evaluate.benchmark import evaluate as measure
    from docsearch.evaluate.benchmark import render_table
    from docsearch.evaluate.judged import read_judged
    from docsearch.evaluate.run import write_run
    from docsearch.evaluate.stages import stages as search_stages
    from docsearch.library import Library

    judged = read_judged(queries, qrels)
    with Library(context.obj) as library:
        report = measure(search_stages(library.engine, root, alone=stages), judged)
    if run is not None:
        write_run(run, report.stages[-1].run)
    if json:
        print_json(report.to_json())
    else:
        print(render_table(report))
