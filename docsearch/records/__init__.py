"""The values that flow between rooms: pages, queries, candidates, hits, answers, failures.

Pure data. Nothing here opens a file, a table or a model, and every front end can hold these
records without knowing where they came from. What only some programs need is made when it is first asked
for: the first frame of the search screen waits for none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from docsearch.records.documents import Box, Failure, FailureKind, OcrPage, PageId, TextSource, Word
from docsearch.records.indexing import Progress, Root, Status
from docsearch.records.searches import KIND_GROUPS, Candidate, Filters, Hit, Query, SearchResult, Snippet
from docsearch.records.views import Frame

if TYPE_CHECKING:
    from docsearch.records.answers import (
        Answer,
        AnswerState,
        AnswerTimings,
        Citation,
        Flag,
        FlagKind,
        Statement,
        Turn,
    )
    from docsearch.records.clicks import Impression, LoggedSearch
    from docsearch.records.distilling import DistilledModel, DistillStep, StudentFigures
    from docsearch.records.learning import (
        Figures,
        LearningEvent,
        LearningOutcome,
        LearningStatus,
        LearningStep,
        TrainingStatus,
        Verdict,
    )
    from docsearch.records.models import ModelCheck, ModelState
else:
    _LATER = {
        "answers": (
            "Answer",
            "AnswerState",
            "AnswerTimings",
            "Citation",
            "Flag",
            "FlagKind",
            "Statement",
            "Turn",
        ),
        "clicks": ("Impression", "LoggedSearch"),
        "distilling": ("DistilledModel", "DistillStep", "StudentFigures"),
        "learning": (
            "Figures",
            "LearningEvent",
            "LearningOutcome",
            "LearningStatus",
            "LearningStep",
            "TrainingStatus",
            "Verdict",
        ),
        "models": ("ModelCheck", "ModelState"),
    }

    def __getattr__(name: str) -> object:
        for module, names in _LATER.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{module}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "KIND_GROUPS",
    "Answer",
    "AnswerState",
    "AnswerTimings",
    "Box",
    "Candidate",
    "Citation",
    "DistillStep",
    "DistilledModel",
    "Failure",
    "FailureKind",
    "Figures",
    "Filters",
    "Flag",
    "FlagKind",
    "Frame",
    "Hit",
    "Impression",
    "LearningEvent",
    "LearningOutcome",
    "LearningStatus",
    "LearningStep",
    "LoggedSearch",
    "ModelCheck",
    "ModelState",
    "OcrPage",
    "PageId",
    "Progress",
    "Query",
    "Root",
    "SearchResult",
    "Snippet",
    "Statement",
    "Status",
    "StudentFigures",
    "TextSource",
    "TrainingStatus",
    "Turn",
    "Verdict",
    "Word",
]
