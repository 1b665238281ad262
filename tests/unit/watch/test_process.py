"""A process is started when there is something to tell it, and its end is told with how it came."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from docsearch.watch.process import ENDED, Child, Message

ECHO = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "exit" in asked:
        raise SystemExit(asked["exit"])
    print("no JSON", asked, sep="\\n", flush=True)
    print(json.dumps({"event": "echo", "asked": asked}), flush=True)
"""


@pytest.fixture
def told() -> SimpleQueue[Message]:
    """What the process said."""
    return SimpleQueue()


@pytest.fixture
def child(told: SimpleQueue[Message]) -> Iterator[Child]:
    made = Child([sys.executable, "-c", ECHO], told.put)
    yield made
    made.close()


def test_it_is_started_by_the_first_message_and_takes_the_next(
    child: Child, told: SimpleQueue[Message]
) -> None:
    assert child.ended
    name = "n\udce4me"
    assert child.send({"name": name}) == child.send({"name": "again"})
    assert [told.get(timeout=30)["asked"]["name"] for _ in range(2)] == [name, "again"]
    assert not child.ended


def test_an_end_is_told_with_its_code_and_the_next_message_starts_it_anew(
    child: Child, told: SimpleQueue[Message]
) -> None:
    first = child.send({"exit": 3})
    assert told.get(timeout=30) == {"event": ENDED, "process": first, "code": 3, "stopped": False}
    second = child.send({"name": "x"})
    assert second != first
    assert told.get(timeout=30)["asked"] == {"name": "x"}


def test_one_that_was_asked_to_end_is_not_spoken_to_again(child: Child, told: SimpleQueue[Message]) -> None:
    first = child.send({"name": "x"})
    assert told.get(timeout=30)["event"] == "echo"
    child.ask_to_end()
    second = child.send({"name": "y"})
    assert second != first
    later = sorted((told.get(timeout=30) for _ in range(2)), key=lambda message: str(message["event"]))
    assert [message["event"] for message in later] == ["echo", ENDED]
    assert (later[1]["process"], later[1]["stopped"]) == (first, True)


def test_closing_waits_for_the_end(child: Child, told: SimpleQueue[Message]) -> None:
    child.send({"name": "x"})
    child.close()
    assert child.ended
    child.close()
