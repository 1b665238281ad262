"""What watching costs: seconds from saved to searchable, an idle watcher, a comparison, and growth.

The documents are made for it: one of 50 pages is saved again and again while a real watcher runs.
"""

from __future__ import annotations

import random
import string
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.program import docsearch, environment, home_folder, timed
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from docsearch.ingest.pipeline import Indexer
from docsearch.ingest.readers import Readers
from docsearch.ingest.scan import Changes
from docsearch.library import Library
from docsearch.records import Failure, Progress

SETTINGS = '[ocr]\nengine = "off"\n[models]\nembedder = "off"\n'
"""The text tier alone is measured."""
PATIENCE_SECONDS = 120.0
LOOK_SECONDS = 0.02


class NotSeen(RuntimeError):
    """A watcher did not do in time what was waited for."""


@dataclass(frozen=True, slots=True)
class Idle:
    """What a watcher with nothing to do takes, its children counted too."""

    cpu_percent: float
    rss_mb: float


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--files", type=int, default=20_000, help="files the idle watcher watches (20000)")
    parser.add_argument("--idle", type=float, default=60, metavar="SECONDS", help="how long it idles (60)")
    parser.add_argument("--saves", type=int, default=5, help="times a document is saved and looked for (5)")
    parser.add_argument("--pages", type=int, default=50, help="pages of that document (50)")
    parser.add_argument("--updates", type=int, default=2_000, help="updates of one document (2000)")
    options = parse_args(parser, argv, needs_docs=False)
    values: dict[str, Figure] = {}
    with home_folder(None) as place:
        values |= measure_saving(place / "saving", options.saves, options.pages)
        note(f"saved to searchable: {values['save_to_searchable_seconds']:.2f} s")
        values |= measure_idle(place / "idle", options.files, options.idle)
        note(f"idle: {values['idle_cpu_percent']:.2f} % of a core, {values['idle_rss_mb']:.0f} MB")
        values |= measure_growth(place / "growth", options.updates)
    emit(values, as_json=options.json)


def measure_saving(place: Path, saves: int, pages: int) -> dict[str, Figure]:
    """Seconds from the moment a document is written until its words are found; the worst and the median.

    The watcher is cold each time: the processes that work for it have ended.
    """
    folder, home = watched_folder(place)
    (folder / "first.txt").write_text("something is there\n")
    seconds = []
    with watcher(home):
        for number in range(saves):
            wait_until_idle(home)
            needle = "".join(random.Random(number).choices(string.ascii_lowercase, k=16))
            write_pdf(place / "new.pdf", pages, needle)
            (place / "new.pdf").replace(folder / "saved.pdf")
            saved = time.monotonic()
            wait_until_found(home, needle)
            seconds.append(time.monotonic() - saved)
            note(f"found after {seconds[-1]:.2f} s")
    return {
        "save_to_searchable_seconds": max(seconds),
        "save_to_searchable_median": sorted(seconds)[len(seconds) // 2],
        "saved_pages": pages,
    }


def measure_idle(place: Path, files: int, idle_seconds: float) -> dict[str, Figure]:
    """What a watcher over many files takes when nothing happens, and how long comparing them takes."""
    folder, home = watched_folder(place)
    for number in range(files):
        target = folder / f"folder {number // 100:03}"
        if number % 100 == 0:
            target.mkdir()
        (target / f"note {number}.txt").write_text(f"note {number} about nothing much\n")
    note(f"{files} files made")
    timed(docsearch(home, "index", folder))
    timed(docsearch(home, "index"))
    sweep = compare_seconds(home)
    with watcher(home) as process:
        wait_until_idle(home)
        idle = idle_cost(process.pid, idle_seconds)
    return {
        "idle_cpu_percent": idle.cpu_percent,
        "idle_rss_mb": idle.rss_mb,
        "sweep_seconds": sweep,
        "files": files,
    }


def compare_seconds(home: Path) -> float:
    """Seconds to compare all files with the catalog when none has changed."""
    with Library(home) as library:
        roots = tuple(root.path for root in library.roots())
        started = time.perf_counter()
        for _ in library.indexer.scan(Changes(roots=roots)):
            pass
        return time.perf_counter() - started


def measure_growth(place: Path, updates: int) -> dict[str, Figure]:
    """The size of an index after many updates of one of its documents, against one built clean."""
    folder, home = watched_folder(place)
    changing = folder / "changing.txt"
    for number in range(20):
        (folder / f"other {number}.txt").write_text(text_of(number, 300))
    peak = 0.0
    with Library(home) as library:
        for _ in library.index([folder]):
            pass
        indexer = library.indexer
        started = time.perf_counter()
        with Readers(library.settings) as readers:
            for number in range(updates):
                changing.write_text(text_of(1000 + number, 300))
                for _ in _update(indexer, readers, Changes((changing,))):
                    pass
                peak = max(peak, library.store.size_bytes() / 1e6)
                if number % 200 == 199:
                    note(f"{number + 1} updates, {library.store.size_bytes() / 1e6:.1f} MB")
        seconds = time.perf_counter() - started
        indexer.tidy()
        time.sleep(12)  # versions that searches may be reading are kept for 10 s
        indexer.tidy()
        grown = library.store.size_bytes()
    clean = place / "clean"
    clean.mkdir()
    (clean / "settings.toml").write_text(SETTINGS)
    timed(docsearch(clean, "index", folder))
    with Library(clean) as library:
        built = library.store.size_bytes()
    return {
        "size_ratio_after_updates": grown / built,
        "size_mb_after_updates": grown / 1e6,
        "size_mb_built_clean": built / 1e6,
        "size_mb_peak": peak,
        "updates": updates,
        "updates_per_second": updates / seconds,
        "peak_rss_mb": _peak_rss_mb(),
    }


@contextmanager
def watcher(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A watcher in a process of its own, ended as a user ends it."""
    process = subprocess.Popen(
        docsearch(home, "watch"), env=environment(), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_found(home: Path, words: str) -> None:
    """Asks until the words are found, whenever the index has changed. Raises NotSeen after a while."""
    with Library(home) as library:
        query = library.parse(words)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not library.search(query, 1).hits:
            known = library.store.documents.live()
            while library.store.documents.live() == known:
                if time.monotonic() > give_up:
                    raise NotSeen(f"{words} was not found")
                time.sleep(LOOK_SECONDS)


def wait_until_idle(home: Path) -> None:
    """Waits until a watcher runs and the processes that work for it have ended."""
    import psutil

    give_up = time.monotonic() + PATIENCE_SECONDS
    was_seen = False
    while time.monotonic() < give_up:
        with Library(home) as library:
            state = library.watcher()
        if state is not None and state.doing == "watching":
            working = psutil.Process(state.process).children()
            if was_seen and not working:
                return
            was_seen = was_seen or bool(working)
        time.sleep(0.5)
    raise NotSeen("the watcher does not come to rest")


def idle_cost(process: int, seconds: float) -> Idle:
    """Processor time and memory of a process and its children over some time."""
    import psutil

    watched = psutil.Process(process)
    before = _cpu_seconds(watched)
    time.sleep(seconds)
    used = _cpu_seconds(watched) - before
    family = [watched, *watched.children(recursive=True)]
    return Idle(100 * used / seconds, sum(one.memory_info().rss for one in family) / 1e6)


def write_pdf(path: Path, pages: int, word: str) -> None:
    """A document with a page of text for each page, and the word on the last."""
    import pymupdf

    with pymupdf.open() as document:
        for number in range(pages):
            page = document.new_page()
            text = text_of(number, 250) + (word if number == pages - 1 else "")
            page.insert_textbox((50, 50, 550, 800), text, fontsize=10)
        document.save(path)


def _update(indexer: Indexer, readers: Readers, changes: Changes) -> Iterator[Progress | Failure]:
    scanned = yield from indexer.scan(changes)
    yield from indexer.read(scanned.unread, readers)


def watched_folder(place: Path) -> tuple[Path, Path]:
    """A folder for documents, already a root, and a home with the settings."""
    folder, home = place / "documents", place / "home"
    folder.mkdir(parents=True)
    home.mkdir()
    (home / "settings.toml").write_text(SETTINGS)
    with Library(home) as library:
        library.store.files.add_root(folder)
    return folder, home


def text_of(seed: int, words: int) -> str:
    """Words that are the same for the same seed and rarely for another."""
    value, said = seed * 7919 + 1, []
    for _ in range(words):
        value = (value * 1103515245 + 12345) % 2**31
        said.append(f"word{value % 5000}")
    return " ".join(said) + "\n"


def _cpu_seconds(process: object) -> float:
    times = process.cpu_times()  # type: ignore[attr-defined]
    return float(times.user + times.system + times.children_user + times.children_system)


def _peak_rss_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
