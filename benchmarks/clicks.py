"""Learning from clicks: made users open results of half of the judged queries, the other half is the test.

Queries are split by document, so that no page is on both sides. What is learned goes through the same
log, gate and states as a real user's clicks. Measured are the unseen half, and the clicked queries
asked again in both of their wordings; with careless users too; and how often the gate refuses what was
learned from clicks that are nothing but chance.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.program import add_home, complete_index, home_folder
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from benchmarks.samples import Samples, read_samples
from benchmarks.users import SHOWN, User, visit
from docsearch.errors import UsageError
from docsearch.evaluate.judged import JudgedQuery, page_id
from docsearch.evaluate.metrics import ndcg10
from docsearch.evaluate.stages import Names
from docsearch.learn.dataset import chosen_pages, in_order_of_groups, propensities
from docsearch.learn.fit import Strengths, choose, fit
from docsearch.library import Library
from docsearch.records import LearningOutcome, LoggedSearch, Query, SearchResult

DEPTH = 10
FRONT = "simulated"
NOISES = (0.0, 0.1, 0.3)
_SECONDS_APART = 60.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What one made user's clicks came to; nDCG@10 before and after."""

    noise: float
    seed: int
    clicks: int
    queries: int
    accepted: bool
    unseen: tuple[float, float]
    repeat: tuple[float, float]
    seconds: float


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    add_home(parser)
    parser.add_argument("--clicks", type=int, default=300, metavar="N", help="clicks to learn from (300)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="users for each share of noise (3)")
    parser.add_argument(
        "--random", type=int, default=100, metavar="N", help="rounds on clicks that are all chance (100)"
    )
    parser.add_argument("--finetune", action="store_true", help="also time the finetuning of the embedder")
    options = parse_args(parser, argv)
    samples = read_samples(options.docs)
    with home_folder(options.home) as home:
        complete_index(home, samples.documents)
        with Library(home) as library:
            bench = Bench(library, samples, options.clicks)
            trials = [bench.trial(seed, noise) for noise in NOISES for seed in range(options.seeds)]
            adapter_seconds, memory_ms = bench.fit_seconds(0), bench.memory_ms()
            finetune_seconds = bench.finetune_seconds(0) if options.finetune else None
            refused = sum(bench.refuses(1000 + seed) for seed in range(options.random))
            bench.clear()
    found = {
        **figures(trials),
        f"random_refused_of_{options.random}": refused,
        "adapter_seconds": adapter_seconds,
        "memory_ms": memory_ms,
        "finetune_seconds": finetune_seconds,
        "peak_rss_mb": _peak_mb(),
    }
    emit(found, table(trials), as_json=options.json)


class Bench:
    """Made users of one index. Raises UsageError when its log holds searches of real ones."""

    def __init__(self, library: Library, samples: Samples, clicks: int) -> None:
        self.library = library
        self.samples = samples
        self.clicks = clicks
        self.names = Names(library.store.files, samples.documents.resolve())
        self.plain = library.engine.variant(library.engine.weights, rerank=True)
        self.lists: dict[str, SearchResult] = {}
        self.before: dict[str, float] = {}
        if any(search.front != FRONT for search in library.store.clicks.all()):
            raise UsageError(
                f"the index in {library.folders.index} has searches of its own; name another --home"
            )

    def trial(self, seed: int, noise: float) -> Trial:
        """One user's clicks are logged and learned from; then both halves are asked."""
        clicked, unseen = self.halves(seed)
        made = self.log_clicks(clicked, seed, User(careless=noise))
        asked = [query for query in clicked if query.query in made]
        again = asked + [replace(q, query=q.original) for q in asked if q.original not in ("", q.query)]
        before = self.mean(unseen, learned=False), self.mean(again, learned=False)
        outcome, seconds = self.learn()
        after = self.mean(unseen, learned=True), self.mean(again, learned=True)
        trial = Trial(
            noise,
            seed,
            sum(made.values()),
            len(made),
            outcome.live,
            (before[0], after[0]),
            (before[1], after[1]),
            seconds,
        )
        note(f"{trial}  {'; '.join((*outcome.parts, *outcome.reasons))}")
        return trial

    def refuses(self, seed: int) -> bool:
        """Whether the gate refuses what is learned from clicks that are all chance."""
        clicked, _ = self.halves(seed)
        self.log_clicks(clicked, seed, User(careless=1.0))
        outcome, _ = self.learn()
        if not outcome.reasons:
            note(f"not refused, seed {seed}: {outcome}")
        return not outcome.live

    def halves(self, seed: int) -> tuple[list[JudgedQuery], list[JudgedQuery]]:
        """Queries whose documents give clicks, and the others."""
        documents = sorted({_document(query) for query in self.samples.judged.queries})
        drawn = np.random.default_rng(seed).permutation(len(documents))[: len(documents) // 2]
        first = {documents[place] for place in drawn}
        queries = self.samples.judged.queries
        return [q for q in queries if _document(q) in first], [
            q for q in queries if _document(q) not in first
        ]

    def log_clicks(self, queries: Sequence[JudgedQuery], seed: int, user: User) -> dict[str, int]:
        """Fills the log anew; how many clicks each query got. What users see has learned nothing."""
        self.clear()
        chance = np.random.default_rng(seed + 7)
        made: dict[str, int] = {}
        at, turns = time.time() - 86_400, 0
        order: list[int] = []
        while sum(made.values()) < self.clicks and turns < 20 * len(queries):
            order = order or chance.permutation(len(queries)).tolist()
            query = queries[order.pop()]
            at, turns = at + _SECONDS_APART, turns + 1
            logged = self._visited(query, user, chance, at)
            opened = sum(impression.opened for impression in logged.impressions) if logged else 0
            if logged and opened:
                self.library.store.clicks.put(logged)
                made[query.query] = made.get(query.query, 0) + opened
        return made

    def learn(self) -> tuple[LearningOutcome, float]:
        """A round from nothing; its outcome and seconds, the asking of queries not counted."""
        self.library.learning.states.promote(0)
        started = time.perf_counter()
        for event in self.library.learning.learn():
            if isinstance(event, LearningOutcome):
                return event, time.perf_counter() - started
            if event.what == "learning":
                started = time.perf_counter()
        raise AssertionError("a round ends with its outcome")

    def mean(self, queries: Sequence[JudgedQuery], *, learned: bool) -> float:
        """Mean nDCG@10, by the library's own search or without anything learned."""
        return float(np.mean([self.ndcg(query, learned=learned) for query in queries]))

    def ndcg(self, query: JudgedQuery, *, learned: bool) -> float:
        """nDCG@10 of one query; what has learned nothing is asked once."""
        if not learned and query.query in self.before:
            return self.before[query.query]
        engine = self.library.engine if learned else self.plain
        pages = [c.page for c in engine.rank(Query(raw=query.query, text=query.query)).candidates[:DEPTH]]
        names = self.names.of({page.doc for page in pages})
        found = [page_id(names[page.doc], page.page) for page in pages]
        value = ndcg10([query.relevant.get(page, 0) for page in found], [*query.relevant.values()])
        if not learned:
            self.before[query.query] = value
        return value

    def fit_seconds(self, seed: int) -> float:
        """What fitting weights and adapter takes once queries are asked, and choosing how strongly."""
        self.log_clicks(self.halves(seed)[0], seed, User())
        asker, log = self.library.learning.cycle.asker, self.library.clicks
        asked = list(asker.all(chosen_pages(log), propensities(log.index.clicks.all(chosen=True))))
        asked = in_order_of_groups(asked, asker.words)
        started = time.perf_counter()
        strengths, _ = choose(asked, asker.space)
        fit(asked, strengths if strengths.adapter else Strengths(0.1, 0.001), asker.space)
        return time.perf_counter() - started

    def memory_ms(self) -> float:
        """What remembering adds to a query, at the median: with all clicks of `fit_seconds` in the log."""
        memory = self.library.learning.live.memory
        assert memory is not None  # it is on unless the settings say otherwise
        taken = []
        for query in self.samples.judged.queries:
            terms = self.plain.terms(Query(raw=query.query, text=query.query))
            started = time.perf_counter()
            memory.known(terms)
            taken.append(time.perf_counter() - started)
        return 1000 * float(np.median(taken))

    def finetune_seconds(self, seed: int) -> float:
        """From the start of training the embedder on one user's clicks to the gate's verdict."""
        self.log_clicks(self.halves(seed)[0], seed, User())
        learning = self.library.learning
        started = time.perf_counter()
        learning.start_finetuning()
        while (training := learning.training()).state != "done":
            if training.state == "failed":
                raise UsageError(f"finetuning failed: {training.reason}")
            time.sleep(0.2)
        note(f"nDCG@10 of held-out queries while training: {training.ndcg10}")
        note(f"{learning.finish_finetuning()}")
        return time.perf_counter() - started

    def clear(self) -> None:
        """Forgets all clicks and what was learned."""
        self.library.store.clicks.forget_before(math.inf)
        self.library.learning.states.promote(0)

    def _visited(
        self, query: JudgedQuery, user: User, chance: np.random.Generator, at: float
    ) -> LoggedSearch | None:
        if query.query not in self.lists:
            self.lists[query.query] = self.plain.search(Query(raw=query.query, text=query.query), SHOWN)
        result = self.lists[query.query]
        logged = self.library.clicks.begin(result, FRONT)
        if logged is None:
            return None
        names = self.names.of({hit.page.doc for hit in result.hits})
        ids = [page_id(names[hit.page.doc], hit.page.page) for hit in result.hits]
        seen = visit(user, [query.relevant.get(page, 0) > 0 for page in ids], chance)
        shown = tuple(
            replace(i, seen=place < seen.looked_at, opened=int(place in seen.opened))
            for place, i in enumerate(logged.impressions)
        )
        return replace(logged, at=at, impressions=shown)


def figures(trials: Sequence[Trial]) -> dict[str, Figure]:
    """Means over users; for noise the figure after, to be compared with `unseen_before`."""
    clean = [trial for trial in trials if not trial.noise]
    unseen, repeat = _means(clean, "unseen"), _means(clean, "repeat")
    found: dict[str, Figure] = {
        "users": len(clean),
        "unseen_before": unseen[0],
        "unseen_after": unseen[1],
        "unseen_times": unseen[1] / unseen[0],
        "repeat_before": repeat[0],
        "repeat_after": repeat[1],
        "repeat_error_cut": 1 - (1 - repeat[1]) / (1 - repeat[0]),
    }
    for noise in sorted({trial.noise for trial in trials if trial.noise}):
        noisy = [trial for trial in trials if trial.noise == noise]
        found[f"noise{noise * 100:.0f}_after"] = _means(noisy, "unseen")[1]
        found[f"noise{noise * 100:.0f}_worst_change"] = min(t.unseen[1] - t.unseen[0] for t in noisy)
        found[f"noise{noise * 100:.0f}_repeat_change"] = (
            _means(noisy, "repeat")[1] - _means(noisy, "repeat")[0]
        )
    found["round_seconds"] = float(np.median([trial.seconds for trial in trials]))
    return found


def table(trials: Sequence[Trial]) -> list[list[object]]:
    """A row a user."""
    rows: list[list[object]] = [
        ["noise", "seed", "clicks", "queries", "accepted", "unseen before", "after", "again before", "after"]
    ]
    for t in trials:
        rows.append([t.noise, t.seed, t.clicks, t.queries, t.accepted, *t.unseen, *t.repeat])
    return rows


def _means(trials: Sequence[Trial], name: str) -> tuple[float, float]:
    before, after = zip(*(getattr(trial, name) for trial in trials), strict=True)
    return float(np.mean(before)), float(np.mean(after))


def _document(query: JudgedQuery) -> str:
    return min(query.relevant).rpartition("#")[0]


def _peak_mb() -> float:
    """Of this process, and of the largest it started."""
    own, others = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return (own + others) / 1024


if __name__ == "__main__":
    main()
