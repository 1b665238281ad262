"""What learning gives a query: pages that are known answers, and another order of the head.

The engine asks for it through this protocol and runs as it is without; it never imports learning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from docsearch.records import Candidate, PageId
from docsearch.search.retrieve import QueryVector
from docsearch.search.terms import QueryTerms


class Learned(Protocol):
    """What was learned from what the user opened."""

    def rescored(
        self, terms: QueryTerms, head: Sequence[Candidate], vector: QueryVector | None
    ) -> list[Candidate]:
        """The reranked head, best first by what was learned of signals and vectors."""

    def recalled(
        self, terms: QueryTerms, candidates: Sequence[Candidate], allowed: Callable[[PageId], bool]
    ) -> list[Candidate]:
        """The candidates, with pages that were chosen for such a query in their place.

        Such a page joins the candidates when it is `allowed` to.
        """
