"""How fast documents become searchable, in how much memory and disk space, beside PyMuPDF and Recoll.

Programs are timed from start to end, in turns (ours, PyMuPDF, Recoll, ours, …), and the median counts,
so that a busy moment of the machine hits all alike.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from benchmarks.program import docsearch, is_complete, timed, watched
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from docsearch.config import Settings
from docsearch.ingest.document import open_document
from docsearch.ingest.image import encode_png
from docsearch.ingest.ocr import Pixels, make_ocr
from docsearch.library import Library

Seconds = Mapping[str, Sequence[float]]
"""Durations of every contestant, one a round."""

OURS, NOTHING, BARE, RECOLL = "docsearch", "docsearch, nothing new", "PyMuPDF", "Recoll"


def main(argv: Sequence[str] | None = None) -> None:
    options = parse_args(_parser(), argv)
    documents: Path = (options.docs / "docs").resolve()
    with tempfile.TemporaryDirectory(prefix="docsearch-benchmark-") as folder:
        work = Path(folder).resolve()
        seconds = race(documents, work, options.repeats)
        values = text_figures(seconds, _pages(work / "home"))
        values |= ocr_figures(work, options.ocr_pages)
        values |= cost_figures(options, documents, work)
    emit(values, _table(seconds), as_json=options.json)


def _parser() -> argparse.ArgumentParser:
    parser = common_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="rounds of the race (3)")
    parser.add_argument("--ocr-pages", type=int, default=20, metavar="N", help="pages to recognise (20)")
    parser.add_argument(
        "--full", action="store_true", help="watch the memory of a complete index run, OCR included"
    )
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="a complete index to take the size from; with --full it is made here unless it is there",
    )
    return parser


# -- text ------------------------------------------------------------------------------------------


def race(documents: Path, work: Path, repeats: int) -> Seconds:
    """Seconds that every contestant takes for the text of the folder, one figure a round."""
    read_once(documents)
    contestants: dict[str, Callable[[], float]] = {
        OURS: lambda: index_texts(documents, work / "home"),
        NOTHING: lambda: timed(docsearch(work / "home", "index", "--only", "text")),
        BARE: lambda: read_bare(documents),
    }
    if shutil.which("recollindex"):
        contestants[RECOLL] = lambda: index_with_recoll(documents, work / "recoll")
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, contestant in contestants.items():
            seconds[name].append(contestant())
            note(f"{name}: {seconds[name][-1]:.2f} s")
    return seconds


def index_texts(documents: Path, home: Path) -> float:
    """Seconds of `docsearch index --only text` into an empty home."""
    shutil.rmtree(home, ignore_errors=True)
    return timed(docsearch(home, "index", "--only", "text", documents))


def read_bare(documents: Path) -> float:
    """Seconds of PyMuPDF alone with as many processes as docsearch takes."""
    return timed([sys.executable, "-m", "benchmarks.bare", str(documents), str(processes())])


def index_with_recoll(documents: Path, folder: Path) -> float:
    """Seconds of Recoll's indexer with its defaults, into an empty index; its priority is as ours."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "recoll.conf").write_text(f"topdirs = {documents}\nidxniceprio = 0\n", encoding="utf-8")
    return timed(["recollindex", "-c", str(folder), "-z"])


def processes() -> int:
    """Reader processes that docsearch starts by default."""
    return Settings().index.workers or os.cpu_count() or 1


def read_once(documents: Path) -> None:
    """Every file once, so that no contestant waits for the disk on behalf of the others."""
    for path in documents.rglob("*"):
        if path.is_file():
            path.read_bytes()


def text_figures(seconds: Seconds, pages: int) -> dict[str, Figure]:
    """Rates and ratios from the medians; ratios above 1 say that docsearch is faster."""
    middle = {name: median(values) for name, values in seconds.items()}
    recoll = middle.get(RECOLL)
    found: dict[str, Figure] = {
        "pages": pages,
        "processes": processes(),
        "text_seconds": middle[OURS],
        "text_pages_per_second": pages / middle[OURS],
        "nothing_new_seconds": middle[NOTHING],
        "bare_pymupdf_pages_per_second": pages / middle[BARE],
        "bare_ratio": middle[BARE] / middle[OURS],
        "recoll_seconds": recoll,
        "recoll_ratio": recoll and recoll / middle[OURS],
    }
    return found if recoll else {**found, "recoll_note": "recollindex is not installed"}


def _pages(home: Path) -> int:
    with Library(home) as library:
        return library.status().pages


# -- OCR -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Engines:
    """Two ways to read a page image, on one thread each."""

    ours: Callable[[Pixels], object]
    prototype: Callable[[Pixels], object]


def ocr_figures(work: Path, pages: int) -> dict[str, Figure]:
    """Seconds of processor time a page, rendering excluded, and what it comes to in the whole program."""
    scans = sample_scans(work / "home", work / "scans", pages)
    if not scans:
        return {"ocr_sample_pages": 0, "ocr_seconds_per_page_core": None}
    engines = _engines(Settings())
    ours, prototype = zip(*(read_twice(scan, engines) for scan in scans), strict=True)
    note(f"OCR of {len(scans)} pages: {mean(ours):.2f} s, RapidOCR as it comes {mean(prototype):.2f} s")
    return {
        "ocr_sample_pages": len(scans),
        "ocr_seconds_per_page_core": mean(ours),
        "ocr_prototype_seconds_per_page_core": mean(prototype),
        "ocr_prototype_ratio": mean(prototype) / mean(ours),
    }


def sample_scans(home: Path, target: Path, pages: int, seed: int = 0) -> list[Path]:
    """Pictures of some of the pages that wait for OCR in the index, the same for the same folder."""
    target.mkdir()
    with Library(home) as library:
        waiting = [
            (doc, page) for doc, some in library.store.documents.waiting_for_ocr().items() for page in some
        ]
        files = library.store.files.of_documents({doc for doc, _ in waiting})
        places = sorted((files[doc][0].path, page) for doc, page in waiting)
    chosen = random.Random(seed).sample(places, min(pages, len(places)))
    return [_write_page(path, page, target / f"{n}.png") for n, (path, page) in enumerate(chosen, 1)]


def read_twice(scan: Path, engines: Engines) -> tuple[float, float]:
    """Processor seconds that either engine takes for one page."""
    with open_document(scan) as document:
        image = document.render(1, 2000)
    return _processor_seconds(engines.ours, image), _processor_seconds(engines.prototype, image)


def _processor_seconds(read: Callable[[Pixels], object], image: Pixels) -> float:
    started = time.process_time()
    read(image)
    return time.process_time() - started


def _engines(settings: Settings) -> Engines:
    """Our engine and RapidOCR with its defaults, both warm."""
    from rapidocr import RapidOCR

    ours = make_ocr(settings.ocr.engine, settings.ocr.languages, threads=1)
    threads = "EngineConfig.onnxruntime.intra_op_num_threads"
    prototype = RapidOCR(params={"Global.log_level": "critical", threads: 1})
    return Engines(ours.recognise, lambda image: prototype(image[:, :, ::-1]))


def _write_page(path: Path, page: int, target: Path) -> Path:
    with open_document(path) as document:
        target.write_bytes(encode_png(document.render(page, 2000)))
    return target


# -- memory and disk -------------------------------------------------------------------------------


def cost_figures(options: argparse.Namespace, documents: Path, work: Path) -> dict[str, Figure]:
    """Memory of a run with OCR (with --full of the whole folder), and the size of a complete index."""
    if not options.full:
        known = options.home is not None and is_complete(options.home, documents)
        return {
            "peak_rss_mb": sampled_peak(documents, work),
            "peak_rss_of": "texts, then OCR and vectors of the sampled pages",
            "index_bytes_ratio": size_ratio(options.home) if known else None,
        }
    fresh = options.home if options.home and not (options.home / "index").exists() else work / "full"
    usage = watched(docsearch(fresh, "index", documents))
    return {
        "peak_rss_mb": usage.peak_rss_mb,
        "peak_rss_of": "a complete run",
        "full_seconds": usage.seconds,
        "index_bytes_ratio": size_ratio(fresh),
    }


def sampled_peak(documents: Path, work: Path) -> float:
    """The larger of two runs: texts of all documents, and everything for the sampled page pictures."""
    note("memory")
    texts = watched(docsearch(work / "watched", "index", "--only", "text", documents))
    scans = watched(docsearch(work / "watched scans", "index", work / "scans"))
    return max(texts.peak_rss_mb, scans.peak_rss_mb)


def size_ratio(home: Path) -> float:
    """Bytes of the index for each byte of the documents."""
    with Library(home) as library:
        status = library.status()
    return status.index_bytes / status.document_bytes


def _table(seconds: Seconds) -> list[list[object]]:
    heading: list[object] = ["seconds", *(f"round {n}" for n in range(1, len(seconds[OURS]) + 1)), "median"]
    return [heading, *([name, *values, median(values)] for name, values in seconds.items())]


if __name__ == "__main__":
    main()
