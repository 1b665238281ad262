from __future__ import annotations

from pathlib import Path

import pytest

from docsearch.library.thread import MOST_TURNS, forget_thread, load_thread, save_thread
from docsearch.records import PageId, Turn

TURN = Turn("when?", "In May [1].", (PageId(3, 7), PageId(4, 1)))


def test_a_thread_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "new" / "thread.json"
    save_thread(file, [TURN])
    assert load_thread(file) == (TURN,)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert list(file.parent.iterdir()) == [file]


def test_old_questions_are_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "thread.json"
    save_thread(file, [Turn(str(n), "") for n in range(20)])
    assert [turn.question for turn in load_thread(file)] == [str(n) for n in range(20 - MOST_TURNS, 20)]


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"question": 1}]', "[" * 100_000, '{"a": []}'])
def test_a_broken_file_is_no_thread(tmp_path: Path, text: str) -> None:
    file = tmp_path / "thread.json"
    file.write_text(text)
    assert load_thread(file) == ()


def test_names_that_are_no_text_do_not_break_it(tmp_path: Path) -> None:
    file = tmp_path / "thread.json"
    save_thread(file, [Turn("in:\udcff", "", ())])
    assert load_thread(file)[0].question == "in:?"


def test_forgetting(tmp_path: Path) -> None:
    file = tmp_path / "thread.json"
    forget_thread(file)
    save_thread(file, [TURN])
    forget_thread(file)
    assert load_thread(file) == ()
    assert not file.exists()
