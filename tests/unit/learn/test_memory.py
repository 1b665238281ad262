"""Click memory through the engine, over a real index: what was opened stands first when it is asked again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.config import LearnSettings, SearchSettings
from docsearch.learn.clicks import ClickLog
from docsearch.learn.live import LearnedSearch
from docsearch.learn.memory import OPENED, Memory, recalled
from docsearch.records import Candidate, PageId, SearchResult
from docsearch.search.engine import Engine
from docsearch.search.parse import parse
from docsearch.search.rerank import PassageReranker
from docsearch.store.index import Index
from tests.stored import add_document, file_state, root_of

Place = tuple[str, int]
TOPICS = ("coffee", "copper", "cotton", "sugar", "timber", "wheat", "wool", "zinc")
ASKED = "northwind raw inventories counted"


@pytest.fixture
def engine(index: Index) -> Engine:
    """Over eight reports of three pages each, with the memory of what was opened."""
    for number, topic in enumerate(TOPICS):
        texts = [
            f"Inventories of raw {topic} at Northwind, inventories {number} times counted",
            f"Table of the stock: {topic} in tonnes",
            f"Notes on raw {topic} for 2021 and other years",
        ]
        add_document(index, Path(f"/library/{topic}.pdf"), texts, title=f"Northwind {topic}")
    made = Engine(index, SearchSettings(results=50), reranker=PassageReranker(index))
    memory = Memory(ClickLog(index, LearnSettings()), lambda query: made.terms(query))
    made.learned = lambda: LearnedSearch(None, memory)
    return made


@pytest.fixture
def log(engine: Engine) -> ClickLog:
    return ClickLog(engine.index, LearnSettings())


def places(result: SearchResult) -> list[Place]:
    return [(hit.path.name, hit.page.page) for hit in result.hits]


def found(engine: Engine, words: str) -> list[Place]:
    return places(engine.search(parse(words)))


@pytest.fixture
def choose(engine: Engine, log: ClickLog) -> Callable[..., None]:
    """Asks for something and does something with one of the pages."""

    def choose_it(words: str, place: Place, *, verdict: int | None = None) -> None:
        result = engine.search(parse(words))
        search = log.begin(result, "screen")
        assert search is not None
        assert log.put(search)
        rank = places(result).index(place) + 1
        assert log.mark(search.id, rank, opened=int(verdict is None), verdict=verdict)

    return choose_it


Choose = Callable[..., None]
TARGET = ("wool.pdf", 1)


def test_what_was_opened_stands_first_at_once(engine: Engine, choose: Choose) -> None:
    before = found(engine, ASKED)
    assert before[0] != TARGET
    choose(ASKED, TARGET)
    after = found(engine, ASKED)
    assert after[0] == TARGET
    assert [place for place in after if place != TARGET] == [place for place in before if place != TARGET]


def test_it_stands_first_already_in_the_first_order(engine: Engine, choose: Choose) -> None:
    choose(ASKED, TARGET)
    first, *_ = engine.stream(parse(ASKED))
    assert places(first)[0] == TARGET
    assert first.hits[0].scores[OPENED] > 0


def test_a_page_far_down_needs_a_second_click_to_stand_first(engine: Engine, choose: Choose) -> None:
    far = ("wool.pdf", 3)
    ranks = [found(engine, ASKED).index(far)]
    for _ in range(4):
        choose(ASKED, far)
        ranks.append(found(engine, ASKED).index(far))
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] > ranks[2] == 0


@pytest.mark.parametrize(
    "words", ["counted inventories northwind raw", "which raw inventories has Northwind counted?"]
)
def test_other_words_for_the_same_find_it_too(engine: Engine, choose: Choose, words: str) -> None:
    assert found(engine, words)[0] != TARGET
    choose(ASKED, TARGET)
    assert found(engine, words)[0] == TARGET


@pytest.mark.parametrize("words", ["northwind copper", "table of the stock", "raw notes for other years"])
def test_other_questions_are_answered_as_before(engine: Engine, choose: Choose, words: str) -> None:
    before = found(engine, words)
    choose(ASKED, TARGET)
    assert found(engine, words) == before


def test_another_number_is_another_question(engine: Engine, choose: Choose) -> None:
    before = found(engine, "raw notes 2022")
    choose("raw notes 2021", ("wool.pdf", 3))
    assert found(engine, "raw notes 2021")[0] == ("wool.pdf", 3)
    assert found(engine, "raw notes 2022") == before


def test_a_page_that_shares_no_word_joins_when_it_was_opened(engine: Engine, log: ClickLog) -> None:
    """As when it was found by its vector, or the words of the page have changed."""
    result = engine.search(parse("table stock tonnes zinc"))
    search = log.begin(result, "screen")
    assert search is not None
    shown = next(i for i in search.impressions if i.path.name == "zinc.pdf" and i.page == 2)
    assert ("zinc.pdf", 2) not in found(engine, "raw wool notes")
    log.put(replace(search, query="raw wool notes", impressions=(replace(shown, opened=1),)))
    assert found(engine, "raw wool notes").index(("zinc.pdf", 2)) < 3
    assert ("zinc.pdf", 2) not in found(engine, '"raw wool" notes')
    assert ("zinc.pdf", 2) not in found(engine, "raw wool notes -tonnes")
    assert ("zinc.pdf", 2) not in found(engine, "raw wool notes file:wool.pdf")
    assert ("zinc.pdf", 2) in found(engine, "raw wool notes file:zinc.pdf")


def test_a_wrong_verdict_takes_it_away(engine: Engine, choose: Choose) -> None:
    before = found(engine, ASKED)
    choose(ASKED, TARGET)
    choose(ASKED, TARGET, verdict=-1)
    assert found(engine, ASKED) == before


def test_a_wrong_verdict_on_other_words_takes_it_away_too(engine: Engine, choose: Choose) -> None:
    before = found(engine, ASKED)
    choose(ASKED, TARGET)
    choose("counted inventories, northwind raw", TARGET, verdict=-1)
    assert found(engine, ASKED) == before


def test_opened_again_after_a_wrong_verdict_it_is_back(engine: Engine, choose: Choose) -> None:
    choose(ASKED, TARGET)
    choose(ASKED, TARGET, verdict=-1)
    choose(ASKED, TARGET)
    assert found(engine, ASKED)[0] == TARGET


def test_a_right_verdict_counts_as_more_than_a_click(engine: Engine, choose: Choose) -> None:
    choose(ASKED, ("zinc.pdf", 1))
    choose(ASKED, TARGET, verdict=1)
    assert found(engine, ASKED)[0] == TARGET


def test_when_clicks_disagree_the_one_more_often_opened_stands_first(engine: Engine, choose: Choose) -> None:
    other = ("zinc.pdf", 1)
    for place in (other, TARGET, TARGET, TARGET):
        choose(ASKED, place)
    after = found(engine, ASKED)
    assert after[0] == TARGET
    assert after.index(other) < 4


def test_what_is_forgotten_is_forgotten_at_once(engine: Engine, choose: Choose, log: ClickLog) -> None:
    before = found(engine, ASKED)
    choose(ASKED, TARGET)
    assert found(engine, ASKED) != before
    log.index.clicks.forget_before(float("inf"))
    assert found(engine, ASKED) == before


def test_what_another_process_logs_is_seen_at_once(engine: Engine, log: ClickLog) -> None:
    search = log.begin(engine.search(parse(ASKED)), "cli")
    assert search is not None
    rank = found(engine, ASKED).index(TARGET) + 1
    other = Index(engine.index.folder)
    elsewhere = ClickLog(other, LearnSettings())
    elsewhere.put(search)
    elsewhere.mark(search.id, rank, opened=1)
    other.close()
    assert found(engine, ASKED)[0] == TARGET


def test_a_file_that_moved_keeps_its_place_and_its_verdicts(engine: Engine, choose: Choose) -> None:
    index, moved = engine.index, ("renamed.pdf", 1)
    before = found(engine, ASKED)
    choose(ASKED, TARGET)
    [document] = [d for d in index.documents.get(index.documents.live()).values() if "wool" in d.title]
    index.files.forget([Path("/library/wool.pdf")])
    state = file_state(Path("/library/renamed.pdf"), document.content)
    index.files.put(root_of(index), state, document.id, document.title)
    assert found(engine, ASKED)[0] == moved

    choose(ASKED, moved, verdict=-1)
    assert found(engine, ASKED).index(moved) == before.index(TARGET)


def test_a_file_that_was_read_again_keeps_its_place(engine: Engine, choose: Choose) -> None:
    for _ in range(3):
        choose(ASKED, TARGET)
    path = Path("/library/wool.pdf")
    engine.index.files.forget([path])
    texts = ["Inventories of raw wool at Northwind, counted again", "Table"]
    add_document(engine.index, path, texts, title="Northwind wool")
    assert found(engine, ASKED)[0] == TARGET

    engine.index.files.forget([path])
    add_document(engine.index, path, ["Nothing of that kind"], title="Sheep")
    assert found(engine, ASKED)[0] == TARGET, "it is still the first page of that file"
    engine.index.files.forget([path])
    assert TARGET not in found(engine, ASKED)


def test_a_deleted_file_is_not_remembered(engine: Engine, choose: Choose) -> None:
    choose(ASKED, TARGET)
    engine.index.files.forget([Path("/library/wool.pdf")])
    assert all(name != "wool.pdf" for name, _ in found(engine, ASKED))


def test_a_first_document_in_another_language_changes_nothing(engine: Engine, choose: Choose) -> None:
    """The terms of queries are other ones then, those of past queries too."""
    choose(ASKED, TARGET)
    german = (
        "Die Bestände an Kupfer und die Rohstoffe der Gesellschaft sind in der Tabelle und im Anhang nicht"
    )
    for number in range(60):
        add_document(engine.index, Path(f"/library/{number}.pdf"), [f"{german} {number}"])
    assert "german" in engine.index.vocabulary.languages()
    assert found(engine, ASKED)[0] == TARGET


def test_a_filter_that_is_none_any_more_does_no_harm(engine: Engine, choose: Choose, log: ClickLog) -> None:
    choose(ASKED, TARGET)
    [search] = log.index.clicks.latest(1)
    log.put(replace(search, id="b" * 32, query="raw inventories after:yesterweek"))
    assert found(engine, ASKED)[0] == TARGET


# -- putting pages in their place ------------------------------------------------------------------


def pages_of(candidates: list[Candidate]) -> list[int]:
    return [candidate.page.page for candidate in candidates]


def listed(*scores: float) -> list[Candidate]:
    return [Candidate(PageId(1, number), {}, score) for number, score in enumerate(scores, 1)]


def test_the_surer_the_higher() -> None:
    candidates = listed(*range(20, 0, -1))
    ranks = [
        pages_of(recalled(candidates, {PageId(1, 15): s}, bool)).index(15) for s in (0.01, 0.5, 0.9, 1.0)
    ]
    assert ranks == sorted(ranks, reverse=True)
    assert (ranks[0], ranks[-1]) == (14, 0)


def test_what_stands_below_the_reranked_head_stays_below_it() -> None:
    """The scores of a model that reranked the head may be far smaller than those it left below."""
    candidates = listed(0.9, 0.5, 0.1, 12.0, 11.0, 10.0)
    assert pages_of(recalled(candidates, {PageId(1, 5): 0.9}, bool)) == [5, 1, 2, 3, 4, 6]
    assert pages_of(recalled(candidates, {PageId(1, 3): 0.9}, bool)) == [3, 1, 2, 4, 5, 6]


def test_a_known_page_joins_only_where_it_may() -> None:
    known = {PageId(9, 9): 1.0}
    assert pages_of(recalled(listed(2.0, 1.0), known, lambda page: True)) == [9, 1, 2]
    assert recalled(listed(2.0, 1.0), known, lambda page: False) == listed(2.0, 1.0)
    assert pages_of(recalled([], known, lambda page: True)) == [9]


@given(
    st.lists(st.floats(-50, 50), max_size=15),
    st.dictionaries(st.integers(1, 20), st.floats(0.01, 1), max_size=4),
)
def test_no_page_is_lost_and_the_others_keep_their_order(scores: list[float], sure: dict[int, float]) -> None:
    candidates = listed(*scores)
    known = {PageId(1, number): value for number, value in sure.items()}
    after = pages_of(recalled(candidates, known, lambda page: True))
    assert sorted(after) == sorted({*pages_of(candidates), *sure})
    assert [p for p in after if p not in sure] == [p for p in pages_of(candidates) if p not in sure]
