from __future__ import annotations

import weakref
from threading import Barrier, Event, Thread

import pytest

from docsearch.errors import ModelUnavailable
from docsearch.models.loaded import LoadedModels

LONG = 3600.0


class Weights:
    """Stands for a model."""


def gone(model: Weights) -> Event:
    """Is set when the model's memory was given back."""
    event = Event()
    weakref.finalize(model, event.set)
    return event


def test_a_model_is_loaded_once() -> None:
    models, loaded = LoadedModels(LONG), []
    for _ in range(3):
        loaded.append(models.get("a", Weights))
    assert loaded[0] is loaded[1] is loaded[2]
    assert models.get("b", Weights) is not loaded[0]


def test_threads_that_ask_at_once_get_the_same_one() -> None:
    models, start, found = LoadedModels(LONG), Barrier(4), []

    def ask() -> None:
        start.wait()
        found.append(models.get("a", Weights, 1))

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(map(id, found))) == 1


def test_a_large_model_is_given_back_when_it_is_idle_and_a_small_one_kept() -> None:
    models = LoadedModels(0.0)
    small = gone(models.get("small", Weights))
    large = gone(models.get("large", Weights, 1))
    assert large.wait(10)
    assert models.holds("small")
    assert not small.is_set()


def test_one_in_use_is_not_pulled_away_and_not_loaded_twice() -> None:
    models = LoadedModels(LONG)
    used = models.get("a", Weights, 1)
    assert models.give_back()
    assert not models.holds("a")
    assert models.get("a", Weights, 1) is used


def test_where_two_do_not_fit_the_other_one_makes_room() -> None:
    free = [100]
    models = LoadedModels(LONG, lambda: free[0])
    small, first = gone(models.get("small", Weights)), gone(models.get("first", Weights, 60))
    free[0] = 40
    models.get("second", Weights, 30)
    assert not first.is_set()
    models.get("third", Weights, 50)
    assert first.is_set()
    assert not small.is_set()
    assert models.holds("third")
    assert not models.holds("second")


def test_what_holds_another_model_makes_room_too_and_only_then() -> None:
    class Writer:
        def __init__(self) -> None:
            self.closed = Event()

        def close(self) -> None:
            self.closed.set()

    free, writer = [100], Writer()
    models = LoadedModels(LONG, lambda: free[0])
    models.gives_way(writer)
    models.get("first", Weights, 60)
    assert not writer.closed.is_set()
    models.get("second", Weights, 200)
    assert writer.closed.is_set()


def test_a_model_that_does_not_load_leaves_nothing_behind() -> None:
    def fail() -> Weights:
        raise ModelUnavailable("no")

    models = LoadedModels(LONG)
    with pytest.raises(ModelUnavailable):
        models.get("a", fail, 1)
    assert not models.holds("a")
    assert models.get("a", Weights, 1)
    assert models.give_back()
    assert not models.give_back()
