"""What learning from the user's clicks tells: how far a round is, what was measured, what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Figures:
    """Search as it is, against what was learned.

    Attributes:
        queries: how many of the user's queries were compared, none of which was learned from.
        before: nDCG@10 on them as search is now.
        after: nDCG@10 on them with what was learned.
        surely: the gain that is exceeded with 95 % confidence (paired bootstrap over queries).
        guards: how many known-item queries over the user's own pages were compared.
        guard_before: nDCG@10 on them as search is now.
        guard_after: nDCG@10 on them with what was learned.
        latency: how many times as long a query takes.
    """

    queries: int
    before: float
    after: float
    surely: float
    guards: int
    guard_before: float
    guard_after: float
    latency: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether what was learned may be used, and every reason why not."""

    figures: Figures
    reasons: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether there is no reason against it."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class LearningStep:
    """How far a round is: what it does now, and how much of it is done, from 0 to 1."""

    what: str
    done: float


@dataclass(frozen=True, slots=True)
class LearningOutcome:
    """What a round came to.

    Attributes:
        verdict: what the gate says; None when there was too little to learn from.
        state: number of the new state; 0 when none was written.
        live: whether it is in use now.
        queries: how many queries with a chosen page there were.
        parts: what was learned, in words.
        reasons: why nothing was put into use.
    """

    verdict: Verdict | None
    state: int
    live: bool
    queries: int
    parts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LearningEvent:
    """Something that happened to what was learned.

    Attributes:
        at: when, in seconds since 1970.
        what: "learned", "refused", "accepted", "rejected" or "went back".
        state: its number; 0 for a candidate that was refused, or for nothing learned.
        reasons: why, in words.
        figures: what was measured, by name.
    """

    at: float
    what: str
    state: int
    reasons: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingStatus:
    """How a finetuning stands.

    Attributes:
        role: "embedder" or "reranker"; empty when there is none.
        state: "waiting", "running", "paused", "failed" or "done"; empty when there is none.
        reason: why it failed.
        step: optimiser steps done.
        of: how many there are.
        losses: (step, loss) so far.
        ndcg10: (step, nDCG@10 of held-out queries) so far.
    """

    role: str = ""
    state: str = ""
    reason: str = ""
    step: int = 0
    of: int = 0
    losses: tuple[tuple[int, float], ...] = ()
    ndcg10: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class LearningStatus:
    """What was learned so far, and what could be.

    Attributes:
        logging: whether searches are kept.
        memory: whether pages that were opened stand first when the same is asked again.
        automatic: whether rounds begin by themselves.
        searches: how many searches are kept.
        chosen: how many pages were chosen in them.
        queries: how many different queries with a chosen page there are.
        needed: how many are needed for a round.
        due: whether enough is new for another round.
        live: number of the state in use; 0 when nothing learned is.
        live_at: when it was made.
        live_queries: from how many queries.
        live_parts: what it is made of, in words.
        waiting: number of a state that waits to be accepted or rejected; 0 without one.
        figures: of the state in use, or of the one that waits.
        history: what happened, the oldest first.
        training: the finetuning that runs or ran last.
    """

    logging: bool
    memory: bool
    automatic: bool
    searches: int
    chosen: int
    queries: int
    needed: int
    due: bool
    live: int
    live_at: float
    live_queries: int
    live_parts: tuple[str, ...]
    waiting: int
    figures: Mapping[str, float]
    history: tuple[LearningEvent, ...]
    training: TrainingStatus = field(default_factory=TrainingStatus)
