"""Distils a small encoder of queries from a large model, on the user's own corpus.

The student learns where the large model puts a query, by the cosine between its vector and the large
model's, from the words of the query alone: pages are not looked at and keep their vectors (Liu, Zhang
and Xiao, NanoVDR, 2026). Whether it is used is decided on queries of documents that it never
learned from.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

from docsearch.errors import UsageError
from docsearch.evaluate.metrics import ndcg10
from docsearch.learn.clicks import ClickLog
from docsearch.learn.examples import mean
from docsearch.learn.queries import CorpusQuery, corpus_queries, logged_queries
from docsearch.learn.student import train_student
from docsearch.learn.teacher import TeacherVectors
from docsearch.models.distilled import Student, read_note, student_file, write_student
from docsearch.models.protocols import Embedder, ModelInput, Vectors
from docsearch.records import DistilledModel, DistillStep, PageId, StudentFigures
from docsearch.store.vectors import VectorTable

QUERIES = 20_000
"""Queries to learn from: more of them bring little."""
SECONDS = 1800.0
"""The large model reads queries for so long at most."""
FEWEST = 300
"""With fewer queries nothing can be learned."""
HELD_OUT = 400
KEEP = 0.9
"""The share of the large model's nDCG@10 that a student must keep to be used. Vectors are one signal of the
ranking among several, so a tenth less of theirs is hardly seen; published students keep 0.95 of theirs."""
_HELD_OUT_SHARE = 0.1
_BY_DOCUMENT_FROM = 20
"""With fewer documents, pages are held out instead of whole documents."""
_LEARNED_BETWEEN = 4
_NEAREST = 10
_TIMED = 5


@dataclass(frozen=True, slots=True)
class Split:
    """Queries to learn from, those of the user first, and queries to measure on."""

    learned: Sequence[CorpusQuery]
    held_out: Sequence[CorpusQuery]


class Distilling:
    """Distils one student, for the page vectors of the index that are the teacher's.

    Args:
        log: the searches of the index, which has the pages.
        teacher: the large model.
        folder: where students are kept.
        keep: what share of the teacher a student must keep to be used.
    """

    def __init__(self, log: ClickLog, teacher: Embedder, folder: Path, keep: float = KEEP) -> None:
        self.log = log
        self.index = log.index
        self.teacher = teacher
        self.folder = folder
        self.keep = keep
        self.vectors = TeacherVectors(folder, teacher)

    def run(
        self, *, queries: int = QUERIES, seconds: float = SECONDS, anyway: bool = False
    ) -> Iterator[DistillStep | DistilledModel]:
        """Tells how far it is; the last item is what came of it. Cut off, it goes on next time.

        Args:
            queries: how many to learn from, at most.
            seconds: how long the teacher may read queries now.
            anyway: use the student whatever it keeps.

        Raises:
            UsageError: there are no page vectors of the teacher, or too few queries.
            ModelUnavailable: the teacher fails.
            StorageFull: nothing can be written.
        """
        table = self._table()
        yield DistillStep("making queries from the pages", 0, 0, "")
        split = self.split(queries)
        texts = [query.text for query in _in_turn(split)]
        yield from self.vectors.read(texts, seconds)
        missed = [text for text in texts if text not in self.vectors]
        if missed:
            yield DistillStep("time is up", len(texts) - len(missed), len(texts), "queries were read")
        learned = [query for query in split.learned if query.text in self.vectors]
        if len(learned) < FEWEST:
            raise UsageError(
                f"too few queries to learn from: {len(learned)}, and {FEWEST} are needed",
                hint="run it again, it goes on; or index more pages",
            )
        texts, groups = [query.text for query in learned], [query.content for query in learned]
        student = yield from train_student(texts, self.vectors.of(texts), groups)
        yield DistillStep("measuring on queries it never saw", 0, 0, "")
        held_out = [query for query in split.held_out if query.text in self.vectors]
        figures = self._judge(student, held_out, table)
        note = self._kept(student, figures, len(learned), anyway=anyway)
        if note.in_use and not missed:
            self.vectors.forget()
        yield note

    def _table(self) -> VectorTable:
        table = self.index.vectors(self.teacher.fingerprint, self.teacher.dimensions)
        if not table.exists():
            raise UsageError(
                f"no page has a vector of '{self.teacher.name}' yet",
                hint=f"docsearch index --model {self.teacher.name} makes them",
            )
        return table

    def split(self, count: int) -> Split:
        """So many queries to learn from, at most, and others of other documents; the same in every run."""
        logged = logged_queries(self.log)
        made = corpus_queries(self.index, count + HELD_OUT)
        by_document = len(self.index.documents.live()) >= _BY_DOCUMENT_FROM
        found = {query.text: query for query in (*made, *logged)}
        held_out = [query for query in found.values() if _is_held_out(query, by_document=by_document)]
        held_out = held_out[:HELD_OUT]
        measured = {query.text for query in held_out}
        learned = [query for query in (*logged, *made) if query.text not in measured]
        learned = [query for query in learned if not _is_held_out(query, by_document=by_document)]
        return Split(list({query.text: query for query in learned}.values())[:count], held_out)

    def _kept(
        self, student: Student, figures: StudentFigures, learned: int, *, anyway: bool
    ) -> DistilledModel:
        """Keeps the student; one that is not good enough never takes the place of one in use."""
        good = anyway or figures.kept >= self.keep
        note = DistilledModel(
            self.teacher.name,
            self.teacher.fingerprint,
            self.teacher.dimensions,
            learned,
            time.time(),
            figures,
            good,
        )
        before = read_note(student_file(self.folder, note.fingerprint))
        if good or before is None or not before.in_use:
            write_student(self.folder, student, note)
        return note

    def _judge(self, student: Student, held_out: Sequence[CorpusQuery], table: VectorTable) -> StudentFigures:
        """How the student does on queries that were held out."""
        texts = [query.text for query in held_out]
        wanted, given = self.vectors.of(texts), student.encode(texts)
        stored = table.begin_vectors({query.page for query in held_out if query.page}).result()
        nearest = [_nearest(table, vectors) for vectors in (wanted, given)]
        own = [i for i, query in enumerate(held_out) if query.page in stored]
        hits = [[[page == held_out[i].page for page in found[i]] for i in own] for found in nearest]
        return StudentFigures(
            queries=len(texts),
            with_page=len(own),
            cosine=mean((wanted * given).sum(axis=1).tolist()),
            overlap10=mean([len({*a} & {*b}) / max(len(a), 1) for a, b in zip(*nearest, strict=True)]),
            first10=mean([float(bool(a) and a[0] in b) for a, b in zip(*nearest, strict=True)]),
            teacher_ndcg10=mean([ndcg10(hit, [1]) for hit in hits[0]]),
            student_ndcg10=mean([ndcg10(hit, [1]) for hit in hits[1]]),
            teacher_found10=mean([float(any(hit)) for hit in hits[0]]),
            student_found10=mean([float(any(hit)) for hit in hits[1]]),
            teacher_seconds=_timed(lambda text: self.teacher.embed_queries([ModelInput(text=text)]), texts),
            student_seconds=_timed(lambda text: student.encode([text]), texts),
        )


def _in_turn(split: Split) -> Iterator[CorpusQuery]:
    """Some to measure on among those to learn from, so that there are both whenever the time is up."""
    measured = iter(split.held_out)
    for number, query in enumerate(split.learned):
        if number % _LEARNED_BETWEEN == 0:
            yield from islice(measured, 1)
        yield query
    yield from measured


def _is_held_out(query: CorpusQuery, *, by_document: bool) -> bool:
    """The same in every run: by the content it was made from, or for one of the log by its words."""
    place = query.content if by_document or not query.content else f"{query.content} {query.page}"
    return zlib.crc32(f"held out {place or query.text}".encode()) / 2**32 < _HELD_OUT_SHARE


def _nearest(table: VectorTable, vectors: Vectors) -> list[list[PageId]]:
    """The pages nearest to each vector, best first."""
    asked = [table.begin_nearest(vector, _NEAREST) for vector in vectors]
    return [[page for page, _ in answer.result()] for answer in asked]


def _timed(read: Callable[[str], object], texts: Sequence[str]) -> float:
    """Seconds for one query, the middle of a few."""
    taken = []
    for text in texts[:_TIMED]:
        started = time.perf_counter()
        read(text)
        taken.append(time.perf_counter() - started)
    return median(taken) if taken else 0.0
