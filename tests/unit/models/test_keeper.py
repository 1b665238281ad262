from __future__ import annotations

from threading import Event

import pytest

from docsearch.errors import ModelUnavailable
from docsearch.models.keeper import Keeper
from tests.unit.answer.speaking import Speaking

LONG = 3600.0


class Watched(Speaking):
    """Tells when it is closed."""

    def __init__(self) -> None:
        super().__init__("")
        self.closed = Event()

    def close(self) -> None:
        self.closed.set()


def test_a_generator_is_loaded_once() -> None:
    loaded: list[Watched] = []

    def load() -> Watched:
        loaded.append(Watched())
        return loaded[-1]

    keeper = Keeper(LONG)
    for _ in range(3):
        with keeper.generator("a", load) as generator:
            assert generator is loaded[0]
    assert len(loaded) == 1
    assert keeper.holds("a")
    keeper.close()
    assert loaded[0].closed.is_set()
    assert not keeper.holds("a")


def test_another_one_takes_its_place() -> None:
    first, second = Watched(), Watched()
    keeper = Keeper(LONG)
    with keeper.generator("a", lambda: first):
        pass
    with keeper.generator("b", lambda: second) as generator:
        assert first.closed.is_set()
        assert generator is second
    keeper.close()


def test_it_gives_the_memory_back_when_idle() -> None:
    kept = Watched()
    keeper = Keeper(0.0)
    with keeper.generator("a", lambda: kept):
        assert not kept.closed.is_set()
    assert kept.closed.wait(10)


def test_one_in_use_is_closed_after_its_use() -> None:
    kept = Watched()
    keeper = Keeper(LONG)
    with keeper.generator("a", lambda: kept):
        keeper.close()
        assert not kept.closed.is_set()
        with pytest.raises(ModelUnavailable, match="another question"), keeper.generator("a", Watched):
            pass
    assert kept.closed.wait(10)


def test_a_generator_that_does_not_load_leaves_room_for_another() -> None:
    def fail() -> Watched:
        raise ModelUnavailable("no")

    keeper = Keeper(LONG)
    with pytest.raises(ModelUnavailable), keeper.generator("a", fail):
        pass
    kept = Watched()
    with keeper.generator("b", lambda: kept) as generator:
        assert generator is kept
    keeper.close()
