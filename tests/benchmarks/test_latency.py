from __future__ import annotations

from pathlib import Path

from benchmarks import latency
from benchmarks.enlarged import MadeDocument, enlarge, made_documents
from docsearch.library import Library
from tests.benchmarks.measuring import Measure

PAGES = [["one line\nanother line", "a third line\na fourth line"], ["something else\naltogether"]]


def test_figures_of_the_documents_and_of_more_pages(docs: Path, home: Path, measure: Measure) -> None:
    found = measure(latency.main, "--docs", docs, "--home", home, "--pages", "30", "--starts", "1")
    for place in (found, found["at_30_pages"]):
        assert place["cold_search_seconds"] > 0
        for times in (place, place["reranked"]):
            assert times["query_p95_ms"] >= times["query_p50_ms"] > 0
    assert found["help_seconds"] > 0
    assert (found["pages"], found["at_30_pages"]["pages"] >= 30) == (4, True)


def test_an_enlarged_index_is_searchable_by_words_and_vectors_and_kept(home: Path, tmp_path: Path) -> None:
    enlarge(home, tmp_path, 30)
    with Library(tmp_path) as library:
        assert library.status().pages_waiting_for_vectors == 0
        assert library.search(library.parse("revenue")).hits
        made = library.store.documents.live()
    enlarge(home, tmp_path, 30)
    with Library(tmp_path) as library:
        assert library.store.documents.live() == made


def test_the_same_seed_makes_the_same_documents() -> None:
    first, second, other = (_made(seed) for seed in (0, 0, 1))
    assert first == second != other
    assert sum(len(document.pages) for document in first) >= 20


def test_pages_are_mixed_from_lines_that_exist_but_for_exchanged_letters() -> None:
    known = {_letters(line) for document in PAGES for page in document for line in page.splitlines()}
    for document in _made(0):
        assert {_letters(line) for page in document.pages for line in page.splitlines()} <= known


def _letters(line: str) -> str:
    return "".join(sorted(line))


def _made(seed: int) -> list[MadeDocument]:
    return list(made_documents(PAGES, 20, seed))
