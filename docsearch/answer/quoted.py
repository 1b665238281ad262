"""The answer without a model: the best passages of the pages, as quotes."""

from __future__ import annotations

from collections.abc import Sequence

from docsearch.answer.passages import Passage, Source
from docsearch.records import Answer, AnswerState, Citation, Snippet, Statement

FOUND_COVERAGE = 0.5
"""Passages that say less of the question than this (by weight of words) are near it, not an answer."""


def quoted_answer(
    question: str, sources: Sequence[Source], passages: Sequence[Passage], notes: tuple[str, ...] = ()
) -> Answer:
    """The passages as statements, each with a citation of its own; numbers follow their order."""
    citations = tuple(
        citation(number, sources[passage.source], passage.quote) for number, passage in enumerate(passages, 1)
    )
    return Answer(
        question=question,
        state=AnswerState.QUOTED,
        statements=tuple(Statement(cited.quote.text, (cited.number,)) for cited in citations),
        citations=citations,
        found=any(passage.coverage >= FOUND_COVERAGE for passage in passages),
        notes=notes,
    )


def citation(number: int, source: Source, quote: Snippet) -> Citation:
    """A page as it is cited."""
    hit = source.hit
    return Citation(number, hit.page, hit.path, hit.title, hit.pages, quote, hit.source)
