"""How long a person waits: for --help, for a search from the command line, for a query in an open program.

On the documents themselves and, on request, on an index of many more pages made from their texts.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.enlarged import enlarge
from benchmarks.program import add_home, complete_index, docsearch, home_folder, timed
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from benchmarks.samples import Samples, read_samples
from docsearch.evaluate.benchmark import Latency, latency
from docsearch.library import Library
from docsearch.records import Query
from docsearch.search.engine import Engine

_WARMING = 5


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    add_home(parser)
    parser.add_argument(
        "--pages", type=int, action="append", default=[], metavar="N", help="also at N pages made from these"
    )
    parser.add_argument("--starts", type=int, default=5, metavar="N", help="times to start the program (5)")
    options = parse_args(parser, argv)
    samples = read_samples(options.docs)
    with home_folder(options.home) as home:
        complete_index(home, samples.documents)
        values: dict[str, Figure] = {
            "help_seconds": help_seconds(home, options.starts),
            **waits(home, samples, options.starts),
        }
        rows = [_row(values, "the documents")]
        for pages in options.pages:
            larger = home / f"pages-{pages}"
            enlarge(home, larger, pages)
            found = waits(larger, samples, options.starts)
            values[f"at_{pages}_pages"] = found
            rows.append(_row(found, f"{pages} pages made from them"))
    emit(values, [_HEADING, *rows], as_json=options.json)


def help_seconds(home: Path, starts: int) -> float:
    """Median time of `docsearch --help`, from start to end."""
    return median(timed([*docsearch(home), "--help"]) for _ in range(starts))


def waits(home: Path, samples: Samples, starts: int) -> dict[str, Figure]:
    """All waiting times on one index."""
    queries = [judged.query for judged in samples.judged.queries]
    with Library(home) as library:
        pages = library.status().pages
        note(f"{len(queries)} queries over {pages} pages")
        plain = library.engine.variant(library.engine.weights, rerank=False)
        without = query_times(plain, queries)
        reranked = query_times(library.engine, queries)
    return {
        "pages": pages,
        "cold_search_seconds": cold_search_seconds(home, queries, starts),
        **_as_figures(without),
        "reranked": _as_figures(reranked),
    }


def query_times(engine: Engine, queries: Sequence[str]) -> Latency:
    """Times of whole queries, from words to hits with snippets, after a few that are not counted."""
    seconds = []
    for text in [*queries[:_WARMING], *queries]:
        started = time.perf_counter()
        engine.search(Query(raw=text, text=text))
        seconds.append(time.perf_counter() - started)
    return latency(seconds[_WARMING:])


def cold_search_seconds(home: Path, queries: Sequence[str], starts: int) -> float:
    """Median time of `docsearch search` with different queries, from start to end."""
    step = max(1, len(queries) // starts)
    words = [" ".join(re.findall(r"\w+", query)) for query in queries[::step][:starts]]
    return median(timed(docsearch(home, "search", "--", text)) for text in words)


def _as_figures(found: Latency) -> dict[str, float]:
    return {"query_p50_ms": found.p50_ms, "query_p95_ms": found.p95_ms}


_HEADING = ["index of", "cold search s", "p50 ms", "p95 ms", "reranked p50 ms", "reranked p95 ms"]


def _row(found: dict[str, Figure], name: str) -> list[object]:
    reranked = found["reranked"]
    assert isinstance(reranked, dict)
    mine = [found[key] for key in ("cold_search_seconds", "query_p50_ms", "query_p95_ms")]
    return [name, *mine, reranked["query_p50_ms"], reranked["query_p95_ms"]]


if __name__ == "__main__":
    main()
