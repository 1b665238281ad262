"""A round that trains a model: what it is given, and whether what comes of it is put into use.

The newest third of the queries is never learned from. On these the trained model must be surely better
than what the rest of learning reaches from the same older queries without it; the gate is the same.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from docsearch.config import whole_file
from docsearch.errors import UsageError
from docsearch.learn.cycle import Cycle, Judged
from docsearch.learn.dataset import Asker, chosen_pages, in_order_of_groups, propensities
from docsearch.learn.examples import Asked, mean_ndcg, ndcg
from docsearch.learn.fit import Fitted, Strengths, choose, fit
from docsearch.learn.gate import compared, judge
from docsearch.learn.guard import guard_set, make_queries
from docsearch.learn.job import (
    HeldOutQuery,
    JudgedPage,
    TrainingExample,
    TrainingPage,
    suited_job,
    write_job,
)
from docsearch.learn.process import RESULT
from docsearch.learn.state import QUERY_MODEL, RERANKER
from docsearch.models.registry import ModelRow, Role
from docsearch.records import LearningOutcome, PageId
from docsearch.search.engine import Engine
from docsearch.store.index import Index

PAIRS_FROM = 200
"""Training needs so many pairs, those from made queries included."""
CHOSEN_FROM = 30
"""And so many queries with a chosen page."""
OLDER_SHARE = 2 / 3
MADE = 300
_MADE_SEED = 2
_SHORT_LIST = 20
_ROUND = "round.json"


@dataclass(frozen=True, slots=True)
class Split:
    """Queries to learn from and later ones to measure on; all wordings of one on the same side."""

    older: Sequence[Asked]
    later: Sequence[Asked]


class Finetuning:
    """Prepares and judges the training of one model.

    Args:
        cycle: the round that needs no training.
        row: the model.
        folder: where the job lies; its own, deleted when the round is over.
        device: where to train.
    """

    def __init__(self, cycle: Cycle, row: ModelRow, folder: Path, device: str) -> None:
        self.cycle = cycle
        self.row = row
        self.folder = folder
        self.device = device

    def prepare(self) -> int:
        """Writes the job; how many pairs it has. One that was begun before is thrown away.

        Raises UsageError when there is too little to learn from.
        """
        split = self._split(self.cycle.asker)
        index = self.cycle.log.index
        clicks = [e for a in split.older for e in self._examples(a, index)]
        made = list(self._made(index))
        if len(split.older) + len(split.later) < CHOSEN_FROM or len(clicks) + len(made) < PAIRS_FROM:
            queries, pairs = len(split.older) + len(split.later), len(clicks) + len(made)
            raise UsageError(
                f"too little to train on: {queries} queries with a chosen page, {pairs} pairs",
                hint=f"{CHOSEN_FROM} queries and {PAIRS_FROM} pairs are needed; docsearch learn needs fewer",
            )
        job = suited_job(self.row, len(clicks) + len(made), device=self.device)
        job = replace(job, clicks=len(clicks), made=len(made))
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)
        asked = {"older": [a.query for a in split.older], "later": [a.query for a in split.later]}
        with whole_file(self.folder / _ROUND) as file:
            file.write(json.dumps(asked).encode())
        write_job(self.folder, job, [*clicks, *made], [self._held_out(a, index) for a in split.later])
        return len(clicks) + len(made)

    def finish(self, tuned: Engine, *, promote: bool = True) -> LearningOutcome:
        """Judges the trained model, which `tuned` searches with, and puts it into use when it is better."""
        older, later = self._round()
        guards = list(self._guards(tuned))
        ours = Asker(tuned, self.cycle.signals)
        before, _, _ = self._fitted(self.cycle.asker, older, later)
        after, fitted, strengths = self._fitted(ours, older, later)
        plain = list(self._guards(self.cycle.engine))
        verdict = judge(
            compared(
                before,
                after,
                guards=len(guards),
                guard_before=self.cycle.mean_now(plain),
                guard_after=mean_ndcg(guards, [fitted.scores(a) for a in guards]),
            )
        )
        parts = (f"a finetuned {self.row.role}",)
        models = {QUERY_MODEL if self.row.role is Role.EMBEDDER else RERANKER: self.folder / RESULT}
        judged = Judged(verdict, fitted, strengths, len(older) + len(later), parts, models)
        return self.cycle.settle(judged, promote=promote)

    def drop(self) -> None:
        """Deletes the job with the page texts in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _fitted(
        self, asker: Asker, older: Sequence[str], later: Sequence[str]
    ) -> tuple[list[float], Fitted, Strengths]:
        """nDCG@10 of later queries by what is fitted to the older ones; the fit, and how it was held."""
        asked = {a.query: a for a in self._asked(asker)}
        known = [asked[query] for query in older if query in asked]
        strengths, _ = choose(known, asker.space)
        fitted = fit(known, strengths, asker.space)
        values = [ndcg(asked[q], fitted.scores(asked[q])) if q in asked else 0.0 for q in later]
        return values, fitted, strengths

    def _asked(self, asker: Asker) -> list[Asked]:
        log = self.cycle.log
        return list(asker.all(chosen_pages(log), propensities(log.index.clicks.all(chosen=True))))

    def _guards(self, engine: Engine) -> list[Asked]:
        cycle = self.cycle
        asker = cycle.asker if engine is cycle.engine else Asker(engine, cycle.signals)
        return list(asker.all(guard_set(cycle.states.folder, cycle.log.index), {}))

    def _split(self, asker: Asker) -> Split:
        asked = in_order_of_groups(self._asked(asker), asker.words)
        border = round(OLDER_SHARE * len(asked))
        return Split(asked[:border], asked[border:])

    def _round(self) -> tuple[list[str], list[str]]:
        try:
            stored = json.loads((self.folder / _ROUND).read_text("utf-8"))
            return [str(q) for q in stored["older"]], [str(q) for q in stored["later"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"there is no training round in {self.folder}") from error

    # -- what training reads -------------------------------------------------------------------

    def _examples(self, asked: Asked, index: Index) -> list[TrainingExample]:
        """A pair for each chosen page, with pages that stood above it or were called wrong as wrong ones."""
        pages = _training_pages(index, {*asked.wanted, *asked.refused, *asked.pages[:_SHORT_LIST]})
        wrong = [*asked.refused, *(p for p in asked.pages[:_SHORT_LIST] if p not in asked.wanted)]
        negatives = tuple(pages[page] for page in dict.fromkeys(wrong) if page in pages)
        return [
            TrainingExample(asked.query, pages[page], negatives[:8], value * asked.counts)
            for page, value in asked.wanted.items()
            if page in pages
        ]

    def _made(self, index: Index) -> list[TrainingExample]:
        """Pairs from the user's own pages, so that those are still found; none of the guard set."""
        guarded = {a.query for a in guard_set(self.cycle.states.folder, index)}
        made = [m for m in make_queries(index, MADE, _MADE_SEED) if m[0] not in guarded]
        places = {}
        for query, content, page in made:
            document = index.documents.by_content(content)
            if document is not None:
                places[query] = PageId(document.id, page)
        pages = _training_pages(index, set(places.values()))
        return [TrainingExample(query, pages[page]) for query, page in places.items() if page in pages]

    def _held_out(self, asked: Asked, index: Index) -> HeldOutQuery:
        shown = list(dict.fromkeys([*asked.wanted, *asked.pages[:_SHORT_LIST]]))
        pages = _training_pages(index, set(shown))
        candidates = (
            JudgedPage(pages[p].path, pages[p].page, pages[p].text, asked.wanted.get(p, 0.0))
            for p in shown
            if p in pages
        )
        return HeldOutQuery(asked.query, tuple(candidates))


def _training_pages(index: Index, pages: set[PageId]) -> dict[PageId, TrainingPage]:
    """Where the pages lie and what stands on them, of those that are still there."""
    texts = index.pages.texts(pages)
    files = index.files.of_documents({page.doc for page in pages})
    found = {}
    for page in pages:
        with suppress(KeyError):
            found[page] = TrainingPage(files[page.doc][0].path, page.page, texts[page][0])
    return found
