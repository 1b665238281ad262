"""A small encoder of queries that was distilled from a large model: how it does, whether it is used."""

from __future__ import annotations

from dataclasses import dataclass

FEWEST_FOUND = 50
"""Held-out queries whose own page the large model finds, below which these say little."""


@dataclass(frozen=True, slots=True)
class StudentFigures:
    """How a distilled encoder does on queries of documents that it never learned from.

    Attributes:
        queries: how many were held out.
        with_page: of these, how many were made from a page that has a vector.
        cosine: mean of the similarity of its vectors to those of the large model.
        overlap10: mean share of the ten pages nearest by the large model that are among its ten.
        first10: share of the queries for which the page nearest by the large model is among its ten.
        teacher_ndcg10: nDCG@10 with which the large model finds the page that a query was made from.
        student_ndcg10: the same of the distilled encoder.
        teacher_found10: share of these pages that the large model has among its first ten.
        student_found10: the same of the distilled encoder.
        teacher_seconds: for a query, where it was distilled.
        student_seconds: the same of the distilled encoder.
    """

    queries: int
    with_page: int
    cosine: float
    overlap10: float
    first10: float
    teacher_ndcg10: float
    student_ndcg10: float
    teacher_found10: float
    student_found10: float
    teacher_seconds: float
    student_seconds: float

    @property
    def finds_pages(self) -> bool:
        """Whether the large model finds enough of the queries' own pages to measure by them."""
        return self.with_page * self.teacher_found10 >= FEWEST_FOUND

    @property
    def kept(self) -> float:
        """The share of what the large model does that the distilled one does too.

        Of its nDCG@10 on the queries' own pages; where it finds too few of them, the share of the queries
        whose nearest page is among the ten nearest of the distilled one.
        """
        return self.student_ndcg10 / self.teacher_ndcg10 if self.finds_pages else self.first10


@dataclass(frozen=True, slots=True)
class DistilledModel:
    """A distilled encoder of queries as it is kept.

    Attributes:
        model: the row of models.toml it stands in for.
        fingerprint: of the page vectors it finds its way in.
        dimensions: length of the vectors.
        learned_from: how many queries it learned from.
        made_at: seconds since 1970.
        figures: how it does.
        in_use: whether it reads queries when there is no GPU.
    """

    model: str
    fingerprint: str
    dimensions: int
    learned_from: int
    made_at: float
    figures: StudentFigures
    in_use: bool


@dataclass(frozen=True, slots=True)
class DistillStep:
    """How far distilling is.

    Attributes:
        what: what is done now, in words.
        done: how much of it is done.
        total: of how much; 0 where that is not known.
        unit: of what, such as queries.
    """

    what: str
    done: int
    total: int
    unit: str
