"""How long a person waits at the search screen: until it is there, for results after a key, for a page.

Runs the program itself in a terminal made for it and reads what it paints. The terminal is 120 cells wide
and 40 high and shows no graphics, so pages are drawn in blocks.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

from benchmarks.enlarged import enlarge
from benchmarks.program import add_home, complete_index, home_folder
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from benchmarks.samples import read_samples
from benchmarks.terminal import PATIENCE_SECONDS, Terminal

_PLACEHOLDER = rb"earch your documents"
_EMPTY = rb"exact phrase"
"""Stands on the screen while there is no query."""
_RESULTS = rb"pages? in \d+\.\d\d s|No page found"
_PAGE = rb"page \d+ of \d+(?: \xc2\xb7 [^\x1b]+)? (?:\x1b\[[\d;]*m)+\xe2\x94\x80"
"""In the lower edge of the preview, painted together with a page."""
_DOWN, _UP, _NEXT_PAGE, _LAST = b"\x1b[B", b"\x1b[A", b"\x1b[6~", b"\x1b[F"
_TO_RESULTS, _TO_QUERY = b"\t", b"/"
_CLEAR = b"\x15"
_REST_SECONDS = 0.4
_WARMING = 3


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    add_home(parser)
    parser.add_argument("--starts", type=int, default=7, metavar="N", help="times to start the program (7)")
    parser.add_argument("--queries", type=int, default=60, metavar="N", help="queries to time (60)")
    parser.add_argument(
        "--rounds", type=int, default=1000, metavar="N", help="queries, and pages, for memory"
    )
    parser.add_argument("--pages", type=int, default=0, metavar="N", help="also at N pages made from these")
    options = parse_args(parser, argv)
    samples = read_samples(options.docs)
    queries = typed_queries([judged.query for judged in samples.judged.queries], options.queries)
    with home_folder(options.home) as home:
        complete_index(home, samples.documents)
        values: dict[str, Figure] = {**starts(home, options.starts), **waits(home, queries)}
        if options.pages:
            larger = home / f"pages-{options.pages}"
            enlarge(home, larger, options.pages)
            values[f"at_{options.pages}_pages"] = key_times(larger, queries)
        if options.rounds:
            values.update(growth(home, queries, options.rounds))
    emit(values, as_json=options.json)


def typed_queries(texts: Sequence[str], count: int) -> list[bytes]:
    """Queries spread over all, in plain letters, as they are typed."""
    step = max(1, len(texts) // max(count, 1))
    words = (" ".join(re.findall(r"[A-Za-z0-9]+", text)) for text in texts[::step])
    return [text[:200].encode() for text in words if len(text) > 3][:count]


def starts(home: Path, times: int) -> dict[str, Figure]:
    """Medians until the first frame is painted, and until keys are that were pressed as soon as it was."""
    frames, ready, used = [], [], []
    for _ in range(times):
        with Terminal(home) as screen:
            frames.append(screen.until(_PLACEHOLDER) - screen.started)
            used.append(screen.processor_seconds())
            screen.write(b"zq")
            ready.append(screen.until(b"zq") - screen.started)
    note(f"first frame after {median(frames):.2f} s, ready after {median(ready):.2f} s")
    return {
        "first_frame_seconds": median(frames),
        "ready_seconds": median(ready),
        "first_frame_processor_seconds": median(used),
    }


def waits(home: Path, queries: Sequence[bytes]) -> dict[str, Figure]:
    """Times for results and for pages on one index."""
    with Terminal(home) as screen:
        screen.until(_PLACEHOLDER)
        keys = list(_each(queries, lambda query: last_key(screen, query)))
        pages = list(_each(queries, lambda query: new_page(screen, query)))
        kept = list(_each(queries, lambda query: kept_page(screen, query)))
    note(f"{len(keys)} queries, {len(pages)} pages")
    return {
        **_figures("key_to_results", keys),
        **_figures("preview", pages),
        **_figures("preview_cached", kept),
    }


def key_times(home: Path, queries: Sequence[bytes]) -> dict[str, float]:
    """Times for results alone."""
    with Terminal(home) as screen:
        screen.until(_PLACEHOLDER)
        return _figures("key_to_results", list(_each(queries, lambda query: last_key(screen, query))))


def _each(queries: Sequence[bytes], measure: Callable[[bytes], float | None]) -> Iterator[float]:
    """What is measured with each query, after a few that are not counted."""
    for number, query in enumerate(itertools.chain(queries[:_WARMING], queries)):
        seconds = measure(query)
        if number >= _WARMING and seconds is not None:
            yield seconds


def last_key(screen: Terminal, query: bytes) -> float:
    """Seconds from the last key of a query until its results are painted."""
    _search(screen, query[:-1])
    pressed = screen.write(query[-1:])
    return screen.until(_RESULTS) - pressed


def _search(screen: Terminal, query: bytes) -> None:
    screen.write(_CLEAR)
    screen.until(_EMPTY)
    screen.write(query)
    screen.until(_RESULTS)
    screen.rest(_REST_SECONDS)


def new_page(screen: Terminal, query: bytes) -> float | None:
    """Seconds until the page of the last result is painted, which was not drawn ahead; None without one."""
    _search(screen, query)
    screen.write(_TO_RESULTS)
    screen.rest(_REST_SECONDS)
    pressed = screen.write(_LAST)
    painted = screen.last(_PAGE, _REST_SECONDS)
    screen.write(_TO_QUERY)
    screen.rest(_REST_SECONDS)
    return None if painted is None else painted - pressed


def kept_page(screen: Terminal, query: bytes) -> float | None:
    """Seconds until a page is painted again that was looked at before."""
    if new_page(screen, query) is None:
        return None
    screen.write(_UP)
    screen.rest(_REST_SECONDS)
    pressed = screen.write(_DOWN)
    painted = screen.last(_PAGE, _REST_SECONDS)
    return None if painted is None else painted - pressed


def growth(home: Path, queries: Sequence[bytes], rounds: int) -> dict[str, Figure]:
    """How much memory the program and what it starts take more after `rounds` queries and pages."""
    with Terminal(home) as screen:
        screen.until(_PLACEHOLDER)
        use(screen, queries, rounds // 5)
        before = screen.resident_mb()
        use(screen, queries, rounds)
        after = screen.resident_mb()
    note(f"{before:.0f} MB before, {after:.0f} MB after {rounds} queries and pages")
    return {"rss_growth_mb": after - before, "rss_mb": after}


def use(screen: Terminal, queries: Sequence[bytes], rounds: int) -> None:
    """Types queries and looks at pages, as fast as they come."""
    for query, _ in zip(itertools.cycle(queries), range(rounds), strict=False):
        screen.write(_CLEAR)
        screen.until(_EMPTY)
        screen.write(query)
        screen.until(_RESULTS)
        screen.write(_DOWN + _NEXT_PAGE)
        screen.rest(0.05, PATIENCE_SECONDS)


def _figures(name: str, seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    p95 = ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)]
    return {f"{name}_p50_ms": median(ordered) * 1000, f"{name}_p95_ms": p95 * 1000}


if __name__ == "__main__":
    main()
