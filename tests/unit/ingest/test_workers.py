from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest

from docsearch.ingest.document import open_document
from docsearch.ingest.workers import (
    Done,
    Event,
    Failed,
    Limits,
    OcrJob,
    OcrSetup,
    Opened,
    PageFailed,
    PageRecognised,
    PageRendered,
    PagesRead,
    ReadJob,
    RenderJob,
    WorkerPool,
)
from docsearch.records import FailureKind
from tests import documents

COUNT = "tests.analysers:words_and_pid"
MISBEHAVE = "tests.analysers:misbehave"
STRICT = Limits(page_seconds=2.0, file_seconds=30, memory_mb=512)


def texts(events: Sequence[Event]) -> dict[int, str]:
    reads = [event for event in events if isinstance(event, PagesRead)]
    return {read.page: read.text.strip() for event in reads for read in event.pages}


def page_failures(events: Sequence[Event]) -> dict[int | None, FailureKind]:
    return {e.failure.page: e.failure.kind for e in events if isinstance(e, PageFailed)}


def test_reads_several_files_at_once_in_order_within_each(tmp_path: Path) -> None:
    paths = [documents.many_pages_pdf(tmp_path / f"{n}.pdf", n) for n in (3, 150, 1)]
    with WorkerPool(2, analyse=COUNT) as pool:
        events = list(pool.run(ReadJob(path, key=path.stem) for path in paths))
    for path in paths:
        own = [event for event in events if event.job.path == path]
        assert isinstance(own[0], Opened)
        assert (own[0].pages, own[0].kind, own[0].title) == (int(path.stem), "pdf", path.stem)
        assert isinstance(own[-1], Done)
        assert list(texts(own)) == list(range(1, int(path.stem) + 1))
        assert all(event.job.key == path.stem for event in own)
    reads = [read for event in events if isinstance(event, PagesRead) for read in event.pages]
    assert all(read.analysis[0] == 3 and not read.needs_ocr for read in reads)
    assert os.getpid() not in {read.analysis[1] for read in reads}


def test_a_range_of_pages(tmp_path: Path) -> None:
    path = documents.many_pages_pdf(tmp_path / "a.pdf", 9)
    with WorkerPool() as pool:
        events = list(pool.run([ReadJob(path, first_page=4, last_page=6)]))
    assert list(texts(events)) == [4, 5, 6]


def test_jobs_are_taken_only_when_a_process_is_free(tmp_path: Path) -> None:
    taken: list[int] = []

    def jobs() -> Iterator[ReadJob]:
        for number in range(50):
            taken.append(number)
            yield ReadJob(documents.text_pdf(tmp_path / f"{number}.pdf"))

    with WorkerPool(2) as pool:
        events = pool.run(jobs())
        next(events)
        assert len(taken) <= 2
        assert sum(isinstance(event, Done) for event in events) == 50


def test_pages_that_hang_crash_swell_or_raise_cost_only_themselves(tmp_path: Path) -> None:
    pages = ["one", "hang", "three", "crash", "five", "swell", "seven", "raise", "nine"]
    path = documents.text_pdf(tmp_path / "a.pdf", pages)
    with WorkerPool(1, limits=STRICT, analyse=MISBEHAVE) as pool:
        events = list(pool.run([ReadJob(path)]))
    assert isinstance(events[0], Opened)
    assert isinstance(events[-1], Done)
    assert texts(events) == {1: "one", 3: "three", 5: "five", 7: "seven", 9: "nine"}
    assert page_failures(events) == {
        2: FailureKind.TIMED_OUT,
        4: FailureKind.CRASHED,
        6: FailureKind.OUT_OF_MEMORY,
        8: FailureKind.CRASHED,
    }


def test_a_first_page_that_crashes_is_reported_after_opening(tmp_path: Path) -> None:
    path = documents.text_pdf(tmp_path / "a.pdf", ["crash", "two"])
    with WorkerPool(1, limits=STRICT, analyse=MISBEHAVE) as pool:
        opened, failed, read, done = pool.run([ReadJob(path)])
    assert isinstance(opened, Opened)
    assert page_failures([failed]) == {1: FailureKind.CRASHED}
    assert texts([read]) == {2: "two"}
    assert isinstance(done, Done)


def test_a_file_with_too_many_bad_pages_is_given_up(tmp_path: Path) -> None:
    path = documents.text_pdf(tmp_path / "a.pdf", ["crash"] * 9)
    limits = Limits(page_seconds=5, file_failures=2)
    with WorkerPool(1, limits=limits, analyse=MISBEHAVE) as pool:
        events = list(pool.run([ReadJob(path), ReadJob(documents.text_pdf(tmp_path / "b.pdf"))]))
    failed = next(event for event in events if isinstance(event, Failed))
    assert (failed.job.path, failed.failure.kind) == (path, FailureKind.CRASHED)
    assert len(page_failures(events)) == 2
    assert isinstance(events[-1], Done)


def test_unreadable_files_fail_with_their_reason(tmp_path: Path) -> None:
    good = documents.text_pdf(tmp_path / "good.pdf")
    expected = {
        documents.encrypted_pdf(tmp_path / "locked.pdf"): FailureKind.PASSWORD,
        documents.corrupt_pdf(tmp_path / "corrupt.pdf"): FailureKind.TRUNCATED,
        tmp_path / "gone.pdf": FailureKind.UNREADABLE,
        documents.many_pages_pdf(tmp_path / "long.pdf", 12): FailureKind.TOO_LARGE,
    }
    with WorkerPool(1, limits=Limits(max_pages=10)) as pool:
        events = list(pool.run(ReadJob(path) for path in [*expected, good]))
    assert {e.job.path: e.failure.kind for e in events if isinstance(e, Failed)} == expected
    assert [e.job.path for e in events if isinstance(e, Done)] == [good]


def test_a_file_over_the_size_limit_is_not_opened(tmp_path: Path) -> None:
    path = documents.text_pdf(tmp_path / "a.pdf")
    with WorkerPool(1, limits=Limits(max_file_mb=0)) as pool:
        (event,) = pool.run([ReadJob(path)])
    assert isinstance(event, Failed)
    assert event.failure.kind is FailureKind.TOO_LARGE


def test_rendered_pages_are_the_pages(tmp_path: Path) -> None:
    path = documents.text_pdf(tmp_path / "a.pdf", ["one", "two", "three"])
    with WorkerPool(1) as pool:
        two, lost, done = pool.run([RenderJob(path, pages=(2, 9), pixels=300)])
    assert isinstance(two, PageRendered)
    with open_document(path) as document:
        assert np.array_equal(two.image, document.render(2, 300))
    assert page_failures([lost]) == {9: FailureKind.NO_PAGES}
    assert isinstance(done, Done)


def test_ocr_asks_whether_a_picture_is_known(tmp_path: Path) -> None:
    path = documents.scan_pdf(
        tmp_path / "scan.pdf", ["Invoice 4711 from Lighthouse Traders", "", "Third page"]
    )
    copy = tmp_path / "copy.pdf"
    copy.write_bytes(path.read_bytes())
    known: set[str] = set()
    with WorkerPool(1, ocr=OcrSetup("rapidocr")) as pool:
        first, blank, done = pool.run([OcrJob(path, pages=(1, 2))], is_cached=known.__contains__)
        assert isinstance(first, PageRecognised)
        known.add(first.digest)
        again, other, _ = pool.run([OcrJob(copy, pages=(1, 3))], is_cached=known.__contains__)
    assert first.ocr is not None
    assert "4711" in first.ocr.text
    assert isinstance(blank, PageRecognised)
    assert blank.ocr is not None
    assert blank.ocr.text == ""
    assert isinstance(done, Done)
    assert isinstance(again, PageRecognised)
    assert (again.digest, again.ocr) == (first.digest, None)
    assert isinstance(other, PageRecognised)
    assert other.ocr is not None


def test_an_analyser_that_does_not_exist_is_an_error() -> None:
    with WorkerPool(1, analyse="tests.analysers:missing") as pool, pytest.raises(AttributeError):
        list(pool.run([ReadJob(Path("any.pdf"))]))


def test_closing_the_iterator_ends_what_runs_and_the_pool_goes_on(tmp_path: Path) -> None:
    path = documents.many_pages_pdf(tmp_path / "a.pdf", 300)
    with WorkerPool(1, analyse=COUNT) as pool:
        events = pool.run([ReadJob(path)])
        read = next(event for event in events if isinstance(event, PagesRead))
        events.close()
        assert not psutil.pid_exists(read.pages[0].analysis[1])
        assert len(texts(list(pool.run([ReadJob(path)])))) == 300


PARENT = """
import sys
from pathlib import Path
from docsearch.ingest.workers import PagesRead, ReadJob, WorkerPool

good, bad = map(Path, sys.argv[1:])
with WorkerPool(1, analyse="tests.analysers:pid_or_hang") as pool:
    for event in pool.run([ReadJob(good), ReadJob(bad)]):
        if isinstance(event, PagesRead):
            print(event.pages[0].analysis, flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd")
def test_a_reader_stuck_on_a_page_dies_with_its_parent(tmp_path: Path) -> None:
    good, bad = documents.text_pdf(tmp_path / "a.pdf"), documents.text_pdf(tmp_path / "b.pdf", ["hang"])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PARENT, str(good), str(bad)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        reader = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    try:
        ended, _, _ = select.select([reader], [], [], 20)
        assert ended
    finally:
        os.close(reader)
