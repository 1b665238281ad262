from __future__ import annotations

import os
from pathlib import Path

import pytest

from docsearch.errors import IndexBusy
from docsearch.store.lock import watcher_lock, writer_lock
from docsearch.watch.state import WatcherState, end_state, running_watcher, tell_state


def test_a_watcher_is_known_while_it_holds_its_lock(tmp_path: Path) -> None:
    assert running_watcher(tmp_path) is None
    state = WatcherState(os.getpid(), 5.0, "reading", "log", {"/share": "nfs"})
    with watcher_lock(tmp_path):
        assert running_watcher(tmp_path) == WatcherState(os.getpid(), 0.0)
        tell_state(tmp_path, state)
        assert running_watcher(tmp_path) == state
    assert running_watcher(tmp_path) is None


def test_what_a_dead_watcher_left_says_nothing_about_the_next(tmp_path: Path) -> None:
    tell_state(tmp_path, WatcherState(1, 5.0, "reading"))
    with watcher_lock(tmp_path):
        assert running_watcher(tmp_path) == WatcherState(os.getpid(), 0.0)
        (tmp_path / "watcher.json").write_text("{")
        assert running_watcher(tmp_path) == WatcherState(os.getpid(), 0.0)
    end_state(tmp_path)
    end_state(tmp_path)
    assert not (tmp_path / "watcher.json").exists()


def test_a_watcher_does_not_keep_writers_out(tmp_path: Path) -> None:
    with watcher_lock(tmp_path), writer_lock(tmp_path):
        pass


def test_there_is_one_watcher(tmp_path: Path) -> None:
    with watcher_lock(tmp_path):
        with pytest.raises(IndexBusy) as error, watcher_lock(tmp_path):
            pass
        assert str(os.getpid()) in error.value.message
