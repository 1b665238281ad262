"""Broken and odd files from the wild: each ends as pages or as a failure, and nothing hangs."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import pytest

from docsearch.ingest.workers import (
    Done,
    Event,
    Failed,
    Job,
    Limits,
    Opened,
    PageFailed,
    PageRendered,
    PagesRead,
    ReadJob,
    RenderJob,
    WorkerPool,
)
from docsearch.records import FailureKind

HOSTILE = Path(__file__).parents[2].parent / "shared" / "eval" / "hostile"
LIMITS = Limits(page_seconds=4, file_seconds=30, memory_mb=1024, file_failures=2)

pytestmark = pytest.mark.skipif(not HOSTILE.is_dir(), reason="the hostile files are not here")


def rows() -> list[dict[str, str]]:
    with (HOSTILE / "index.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def passwords() -> tuple[str, ...]:
    return tuple({row["password"] for row in rows() if row["password"]})


def run(jobs: Iterable[Job]) -> dict[str, list[Event]]:
    by_file: dict[str, list[Event]] = {}
    with WorkerPool(2, limits=LIMITS) as pool:
        for event in pool.run(jobs):
            by_file.setdefault(event.job.path.name, []).append(event)
    return by_file


@pytest.fixture(scope="module")
def read() -> dict[str, list[Event]]:
    return run(ReadJob(HOSTILE / "files" / row["file"], passwords()) for row in rows())


def kind_of_end(events: list[Event]) -> FailureKind | None:
    end = events[-1]
    assert isinstance(end, Done | Failed)
    return end.failure.kind if isinstance(end, Failed) else None


def test_every_file_ends_and_accounts_for_every_page(read: dict[str, list[Event]]) -> None:
    assert set(read) == {row["file"] for row in rows()}
    for name, events in read.items():
        if kind_of_end(events) is None:
            opened = events[0]
            assert isinstance(opened, Opened), name
            pages = [page.page for event in events if isinstance(event, PagesRead) for page in event.pages]
            failed = [event.failure.page for event in events if isinstance(event, PageFailed)]
            assert sorted([*pages, *filter(None, failed)]) == list(range(1, opened.pages + 1)), name


def test_what_opens_elsewhere_opens_here(read: dict[str, list[Event]]) -> None:
    """All but the picture of 900 million pixels, which is refused."""
    refused = {
        row["file"]
        for row in rows()
        if row["pymupdf_opens"] == "yes" and row["pages"] not in ("", "0") and kind_of_end(read[row["file"]])
    }
    assert refused == {"syn_bomb_30000x30000.png"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("saslprep-r6.pdf", FailureKind.PASSWORD),
        ("enc-XI-long-password.pdf", FailureKind.PASSWORD),
        ("bad-encryption-length.pdf", FailureKind.PASSWORD),
        ("poppler-742-0-fuzzed.pdf", FailureKind.TRUNCATED),
        ("syn_truncated_1k.pdf", FailureKind.TRUNCATED),
        ("syn_random.pdf", FailureKind.TRUNCATED),
        ("syn_nul.pdf", FailureKind.TRUNCATED),
        ("corrupted.pdf", FailureKind.TRUNCATED),
        ("poppler-91414-0-53.pdf", FailureKind.NO_PAGES),
        ("syn_zero.jpg", FailureKind.NOT_A_DOCUMENT),
        ("syn_bomb_30000x30000.png", FailureKind.TOO_LARGE),
        ("password-example.pdf", None),
        ("issue-848.pdf", None),
        ("1016spaces.pdf", None),
        ("syn_no_extension", None),
        ("-rf.pdf", None),
        ("empty#hash.pdf", None),
    ],
)
def test_the_reason_fits(read: dict[str, list[Event]], name: str, kind: FailureKind | None) -> None:
    assert kind_of_end(read[name]) is kind


def test_the_password_files_need_one() -> None:
    locked = [row["file"] for row in rows() if row["needs_password"] == "yes"]
    events = run(ReadJob(HOSTILE / "files" / name) for name in locked)
    assert {kind_of_end(events[name]) for name in locked} == {FailureKind.PASSWORD}


def test_first_pages_render_or_fail_within_the_limits() -> None:
    readable = [row["file"] for row in rows() if row["pages"] not in ("", "0")]
    events = run(RenderJob(HOSTILE / "files" / name, (1,), 800, passwords()) for name in readable)
    pictures = {name: [e for e in own if isinstance(e, PageRendered)] for name, own in events.items()}
    without = {name for name, rendered in pictures.items() if not rendered}
    assert without - {"hugemono.pdf"} == {  # huge: the limits may cut it off on a slow machine
        "deep-pages.pdf",
        "issue-1688a.pdf",
        "syn_bomb_30000x30000.png",
        "syn_truncated.jpg",
        "test_2548.pdf",
        "T02-02_005_page-tree-no-kids.pdf",
    }
    assert all(max(shown.image.shape) <= 801 for rendered in pictures.values() for shown in rendered)
    (failed,) = (e for e in events["test_2548.pdf"] if isinstance(e, PageFailed))
    assert (failed.failure.kind, failed.failure.page) == (FailureKind.TIMED_OUT, 1)
