from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.errors import UsageError
from docsearch.evaluate.run import decode_id, encode_id, first_mentions, read_run, write_run

ODD = [
    "a b#1",
    "ü/日本 語.pdf#2",
    "50%25.pdf#3",
    "tab\there#4",
    "nbsp\u00a0#5",
    "\udcff.pdf#6",
    "line\nbreak#7",
]
anything = st.text(st.characters(), min_size=1)


@given(anything)
def test_any_id_survives_and_stands_in_one_column(name: str) -> None:
    token = encode_id(name)
    assert decode_id(token) == name
    assert token.isascii()
    assert token.split() == [token]


def test_a_plain_page_id_stays_readable() -> None:
    assert encode_id("annual/report 2018.pdf#12") == "annual/report%202018.pdf#12"


@given(st.dictionaries(anything, st.lists(anything, min_size=1, max_size=12, unique=True), max_size=4))
def test_runs_survive_a_file(tmp_path_factory: pytest.TempPathFactory, lists: dict[str, list[str]]) -> None:
    run = {q: [(doc, 1.0 / (rank + 3)) for rank, doc in enumerate(docs)] for q, docs in lists.items()}
    path = tmp_path_factory.mktemp("run") / "run.txt"
    write_run(path, run)
    assert read_run(path) == run


def test_every_line_has_six_columns_whatever_the_names(tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    write_run(path, {"q 1": [(name, -float(rank)) for rank, name in enumerate(ODD)]}, tag="my tag")
    lines = path.read_text("ascii").splitlines()
    assert lines[0] == "q%201 Q0 a%20b#1 1 -0.0 my%20tag"
    assert {len(line.split()) for line in lines} == {6}
    assert [doc for doc, _ in read_run(path)["q 1"]] == ODD


@pytest.mark.parametrize("scores", [(0.5, 0.9, 0.1), (0.5, 0.5, 0.1), (float("nan"), 0.2, 0.1)])
def test_scores_that_do_not_fall_are_written_as_ranks(
    tmp_path: Path, scores: tuple[float, float, float]
) -> None:
    write_run(tmp_path / "run.txt", {"q": list(zip("abc", scores, strict=True))})
    assert read_run(tmp_path / "run.txt") == {"q": [("a", 3.0), ("b", 2.0), ("c", 1.0)]}


def test_a_document_is_written_once(tmp_path: Path) -> None:
    write_run(tmp_path / "run.txt", {"q": [("a", 3.0), ("b", 2.0), ("a", 1.0)]})
    assert read_run(tmp_path / "run.txt") == {"q": [("a", 3.0), ("b", 2.0)]}


@given(st.lists(st.sampled_from("abcdef")))
def test_first_mentions_keep_order_and_best_rank(docs: list[str]) -> None:
    ranking = [(doc, float(-rank)) for rank, doc in enumerate(docs)]
    kept = first_mentions(ranking)
    assert [doc for doc, _ in kept] == sorted(set(docs), key=docs.index)
    assert all(-score == docs.index(doc) for doc, score in kept)


def test_lists_are_read_in_rank_order(tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    path.write_text("q Q0 b 2 9.0 t\nq Q0 a 1 1.0 t\n", encoding="ascii")
    assert read_run(path) == {"q": [("a", 1.0), ("b", 9.0)]}


@pytest.mark.parametrize(
    "line", ["q Q0 a 1 1.0", "q Q0 a first 1.0 t", "q Q0 a 1 high t", "q Q0 a b 1 1.0 t"]
)
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "run.txt"
    path.write_text(f"q Q0 a 1 1.0 t\n{line}\n", encoding="ascii")
    with pytest.raises(UsageError, match=r"run.txt, line 2:"):
        read_run(path)


def test_a_run_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        write_run(tmp_path / "absent" / "run.txt", {})


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_run_file_is_for_its_owner_only(tmp_path: Path) -> None:
    write_run(tmp_path / "run.txt", {"q": [("a", 1.0)]})
    assert stat.S_IMODE((tmp_path / "run.txt").stat().st_mode) == 0o600
