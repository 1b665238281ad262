"""From the click log to queries in numbers: what was chosen, what it weighs, and how queries are grouped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from docsearch.config import LearnSettings, SearchSettings
from docsearch.learn.adapt import Adapter
from docsearch.learn.clicks import ClickLog
from docsearch.learn.dataset import Asker, Chosen, chosen_pages, in_order_of_groups, propensities
from docsearch.learn.fit import Fitted, blocks
from docsearch.learn.live import LearnedSearch
from docsearch.learn.state import State
from docsearch.records import Impression, LoggedSearch, PageId
from docsearch.search.engine import Engine
from docsearch.search.fuse import FusionWeights
from docsearch.search.parse import parse
from docsearch.search.rerank import PassageReranker
from docsearch.store.index import Index
from tests.stored import add_document
from tests.unit.learn.made import asked
from tests.unit.search.test_engine import BagOfLetters

SIGNALS = ("text", "document", "meaning", "passage", "pairs", "heading", "figures")


@pytest.fixture
def engine(index: Index) -> Engine:
    for number, topic in enumerate(("coffee", "copper", "cotton", "sugar")):
        texts = [f"Inventories of {topic} {number}", f"Profit from {topic}", f"Notes on {topic} for 2021"]
        add_document(index, Path(f"/library/{topic}.pdf"), texts, title=f"Northwind {topic}")
    return Engine(index, SearchSettings(candidates=20), reranker=PassageReranker(index))


@pytest.fixture
def log(engine: Engine) -> ClickLog:
    return ClickLog(engine.index, LearnSettings())


@pytest.fixture
def search(engine: Engine, log: ClickLog) -> Callable[..., LoggedSearch]:
    """Asks at a time of its own, and does something with pages by rank."""

    def search_it(words: str, at: float, **done: dict[str, int]) -> LoggedSearch:
        begun = log.begin(engine.search(parse(words)), "screen")
        assert begun is not None
        shown = tuple(replace(i, **done.get(f"hit{i.rank}", {})) for i in begun.impressions)  # type: ignore[arg-type]
        logged = replace(begun, at=at, impressions=shown)
        log.put(logged)
        return logged

    return search_it


Search = Callable[..., LoggedSearch]
OPENED, WRONG = {"opened": 1}, {"verdict": -1}


def test_all_searches_for_a_query_together_say_what_was_chosen(search: Search, log: ClickLog) -> None:
    search("notes", 2.0, hit2=OPENED)
    search("notes", 3.0, hit1={"verdict": 1}, hit2=OPENED)
    shown = search("profit copper", 1.0, hit1=OPENED, hit2=WRONG)
    first, second = chosen_pages(log)
    assert (first.query, first.at, second.query, second.at) == ("profit copper", 1.0, "notes", 2.0)
    assert first.wanted == {log.page_of(shown.impressions[0]): 1.0}
    assert first.refused == {log.page_of(shown.impressions[1])}
    assert sorted(second.wanted.values()) == [2.0, 2.0]
    assert sorted(second.ranks) == [1, 2, 2]


def test_what_was_called_wrong_is_not_wanted(search: Search, log: ClickLog) -> None:
    search("notes", 1.0, hit2=OPENED)
    search("notes", 2.0, hit2=WRONG)
    assert chosen_pages(log) == []


def test_earlier_searches_can_be_left_out(search: Search, log: ClickLog) -> None:
    search("notes", 1.0, hit1=OPENED)
    search("profit", 2.0, hit1=OPENED)
    assert [chosen.query for chosen in chosen_pages(log, since=1.0)] == ["profit"]


def test_pages_that_are_gone_teach_nothing(search: Search, log: ClickLog) -> None:
    logged = search("notes", 1.0, hit1=OPENED)
    log.index.files.forget([logged.impressions[0].path])
    assert chosen_pages(log) == []


def seen(ranks: int, shown: int = 10) -> LoggedSearch:
    impressions = tuple(Impression(r, f"{r}", 1, Path("/a"), seen=r <= ranks) for r in range(1, shown + 1))
    return LoggedSearch("0" * 32, 1.0, "q", "screen", 0, impressions)


def test_how_likely_a_rank_is_looked_at_is_what_the_log_says() -> None:
    found = propensities([seen(5)] * 100 + [seen(10)] * 100 + [seen(0)] * 50)
    assert found[1] == found[5] == 1.0
    assert found[6] == found[10] == pytest.approx(105 / 205)
    assert propensities([]) == {}


def test_little_is_known_from_a_few_searches_and_no_rank_is_hopeless() -> None:
    assert propensities([seen(5)])[10] == pytest.approx(5 / 6)
    assert propensities([seen(1)] * 1000)[10] == 0.2


# -- asking again ----------------------------------------------------------------------------------


def test_a_query_in_numbers_is_what_the_engine_says(engine: Engine) -> None:
    asker = Asker(engine, SIGNALS)
    one = asker.ask("profit from copper")
    candidates = engine.rank(parse("profit from copper")).candidates
    assert one is not None
    assert one.pages == tuple(candidate.page for candidate in candidates)
    assert one.signals.sum(axis=1) == pytest.approx([candidate.score for candidate in candidates])
    assert (one.vector.shape, one.vectors.shape) == ((0,), (len(one.pages), 0))
    assert asker.ask("profit from copper") is one


def test_queries_that_cannot_be_asked_are_left_out(engine: Engine) -> None:
    asker = Asker(engine, SIGNALS)
    queries = ["zebra", "after:yesterweek profit", "", "notes"]
    found = list(asker.all([Chosen(query, 1.0, {PageId(1, 3): 1.0}) for query in queries], {}))
    assert [one.query for one in found] == ["notes"]


def test_a_page_found_far_down_counts_more(engine: Engine) -> None:
    chosen = Chosen("notes", 4.0, {PageId(1, 3): 1.0}, {PageId(2, 3)}, [1, 8])
    [one] = Asker(engine, SIGNALS).all([chosen], {1: 1.0, 8: 0.25})
    assert (one.counts, one.at, one.wanted) == (2.5, 4.0, chosen.wanted)
    assert one.refused == {PageId(2, 3)}


Vectors = dict[PageId, np.ndarray]


def with_vectors(engine: Engine) -> tuple[Engine, Vectors]:
    """The same engine with an embedder, and vectors of two pages of each document."""
    model, index = BagOfLetters(), engine.index
    pages = [PageId(document, page) for document in sorted(index.documents.live()) for page in (1, 2)]
    vectors = np.random.default_rng(1).normal(size=(len(pages), 26)).astype(np.float16).astype(np.float32)
    table = index.vectors(model.fingerprint, model.dimensions)
    table.append(table.as_rows(pages, vectors))
    seeing = Engine(
        index,
        engine.settings,
        embedder=lambda: model,
        reranker=engine.reranker,
        weights=FusionWeights(meaning=0.15),
    )
    return seeing, dict(zip(pages, vectors, strict=True))


def test_vectors_are_those_of_the_embedder_less_the_mean(engine: Engine) -> None:
    seeing, stored = with_vectors(engine)
    asker = Asker(seeing, SIGNALS)
    assert asker.space is not None
    assert asker.space.fingerprint == "letters"
    assert asker.space.mean == pytest.approx(np.mean(list(stored.values()), axis=0), abs=1e-3)
    one = asker.ask("notes profit")
    assert one is not None
    for page, vector in zip(one.pages, one.vectors, strict=True):
        expected = stored[page] - asker.space.mean if page in stored else np.zeros(26)
        assert vector == pytest.approx(expected, abs=1e-3)
    assert any(page not in stored for page in one.pages)
    assert one.weight > 0


def test_what_is_learned_is_measured_as_it_is_served(engine: Engine) -> None:
    seeing, stored = with_vectors(engine)
    asker = Asker(seeing, SIGNALS)
    assert asker.space is not None
    chance = np.random.default_rng(2)
    left, right = ((chance.normal(size=shape) / 20).astype(np.float32) for shape in ((26, 3), (3, 26)))
    adapter = Adapter("letters", left, right, asker.space.mean)
    factors = dict(zip(SIGNALS, chance.uniform(0.2, 2.0, len(SIGNALS)), strict=True))
    search = LearnedSearch(State(1, 0, 0.0, factors, 0, adapter, {}, {}), None)
    serving = seeing.variant(seeing.weights, rerank=True)
    serving.learned = lambda: search
    for query in ("notes profit", "inventories of copper", "how much profit from sugar in 2021"):
        one = asker.ask(query)
        assert one is not None
        measured = dict(
            zip(one.pages, Fitted(np.array([*factors.values()]), adapter).scores(one), strict=True)
        )
        served = {c.page: c.score for c in serving.rank(parse(query)).candidates}
        known = [page for page in one.pages if page in stored]
        assert len(known) > 2
        assert [served[page] for page in known] == pytest.approx([measured[page] for page in known], abs=0.01)
        assert [served[p] for p in served if p not in stored] == pytest.approx(
            [measured[p] for p in served if p not in stored], abs=1e-6
        )


def test_without_vectors_there_is_no_space(engine: Engine) -> None:
    assert Asker(engine, SIGNALS).space is None
    empty = Engine(engine.index, engine.settings, embedder=BagOfLetters, weights=FusionWeights(meaning=0.15))
    assert Asker(empty, SIGNALS).space is None


# -- groups ----------------------------------------------------------------------------------------


def test_wordings_of_one_query_stand_together_where_the_first_stands(engine: Engine) -> None:
    queries = [
        "copper profit",
        "sugar notes",
        "profit of the copper",
        "cotton",
        "notes on sugar",
        "copper profit?",
    ]
    some = [asked([2.0, 1.0], {0: 1.0}, query, float(at)) for at, query in enumerate(queries)]
    found = in_order_of_groups(some[::-1], Asker(engine, SIGNALS).words)
    assert [one.query for one in found] == [queries[n] for n in (0, 2, 5, 1, 4, 3)]
    assert [one.group for one in found] == [0, 0, 0, 1, 1, 2]


def test_no_wording_of_a_query_helps_to_answer_another(engine: Engine) -> None:
    wordings = ["copper profit", "profit of copper", "the profit from copper"] * 4
    others = [f"word{letter}" for letter in "abcdefgh"]
    some = [
        asked([2.0, 1.0], {0: 1.0}, query, float(at))
        for at, query in enumerate([*others[:3], *wordings, *others[3:]])
    ]
    found = in_order_of_groups(some, Asker(engine, SIGNALS).words)
    for rest, block in blocks(found):
        assert not (
            any("copper" in one.query for one in rest) and any("copper" in one.query for one in block)
        )


def test_queries_without_words_are_groups_of_their_own(engine: Engine) -> None:
    some = [asked([2.0, 1.0], {0: 1.0}, "after:never", float(at)) for at in range(2)]
    found = in_order_of_groups(some, Asker(engine, SIGNALS).words)
    assert [one.group for one in found] == [0, 1]
