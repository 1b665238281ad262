"""Made users: what they open in a list of results, when it is known which pages are relevant.

A cascade with position bias: they read from the top, go on from place to place with a certain
probability, open what is relevant, and mostly stop there (dependent click model, Guo et al., WSDM 2009).
A share of them opens anything, wherever it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHOWN = 30
"""Results in a list: as many as the screen has."""


@dataclass(frozen=True, slots=True)
class User:
    """How likely a made user does what.

    Attributes:
        goes_on: looks at the next place after one that was not opened.
        notices: opens a relevant page that was looked at.
        satisfied: stops after a relevant page.
        careless: opens one page at random instead, all places being as likely.
    """

    goes_on: float = 0.95
    notices: float = 0.95
    satisfied: float = 0.9
    careless: float = 0.0


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of a list: places that were opened, and how many were looked at, from the top."""

    opened: tuple[int, ...]
    looked_at: int


def visit(user: User, relevant: Sequence[bool], chance: np.random.Generator) -> Visit:
    """A user's way through a list of results, of which it is known whether they are relevant."""
    if chance.random() < user.careless:
        return Visit((int(chance.integers(len(relevant))),), len(relevant))
    opened: list[int] = []
    for place, is_relevant in enumerate(relevant):
        if is_relevant and chance.random() < user.notices:
            opened.append(place)
            if chance.random() < user.satisfied:
                return Visit(tuple(opened), place + 1)
        if chance.random() >= user.goes_on:
            return Visit(tuple(opened), place + 1)
    return Visit(tuple(opened), len(relevant))
