"""MaxSim over stored token vectors; pages that have none keep their places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from docsearch.config import SearchSettings
from docsearch.models.late import LateModel
from docsearch.models.protocols import LateInteraction, ModelInput, Vectors
from docsearch.records import Candidate, PageId
from docsearch.search.engine import Engine
from docsearch.search.late import LateReranker, maxsim
from docsearch.search.parse import parse
from docsearch.search.rerank import PassageReranker
from docsearch.store.index import Index
from docsearch.store.token_vectors import Span
from tests.stored import add_document

TEXTS = ["rent and water", "rent for the flat", "rent, rent, rent", "rent of llamas"]


class LetterTokens:
    """A late-interaction model: a word's vector says which letters it has. Counts how often it is asked."""

    name, fingerprint, dimensions, image_pixels = "letters", "print", 26, 64
    modalities = frozenset({"text"})
    asked = 0

    def encode_queries(self, queries: Sequence[ModelInput]) -> list[Vectors]:
        self.asked += 1
        return self.encode_pages(queries)

    def encode_pages(self, pages: Sequence[ModelInput]) -> list[Vectors]:
        return [np.stack([_letters(word) for word in page.text.split()]) for page in pages]


def _letters(word: str) -> NDArray[np.float32]:
    counts = np.array([word.count(chr(97 + n)) for n in range(26)], np.float32)
    return np.asarray(counts / np.maximum(np.linalg.norm(counts), 1e-9), np.float32)


@pytest.fixture
def model() -> LetterTokens:
    return LetterTokens()


@pytest.fixture
def stored(index: Index) -> PageId:
    """The first page of a document of four."""
    return PageId(add_document(index, Path("/library/lease.pdf"), TEXTS), 1)


def late(model: LateInteraction) -> LateModel:
    return LateModel(model.name, model.fingerprint, model.dimensions, model.modalities, lambda: model)


def keep(index: Index, model: LetterTokens, document: int, pages: Sequence[int]) -> None:
    """Stores the token vectors of some pages; the others of the file have none."""
    [known] = index.documents.get([document]).values()
    vectors = index.token_vectors.of(model.fingerprint, model.dimensions)
    vectors.begin(model.name)
    made = [
        model.encode_pages([ModelInput(text)])[0] if page in pages else np.zeros((0, 26), np.float32)
        for page, text in enumerate(TEXTS, 1)
    ]
    vectors.write(Span(known, 1, len(TEXTS)), made)


def ranked(index: Index, model: LetterTokens, query: str) -> list[tuple[int, float, dict[str, float]]]:
    reranker = LateReranker(index, late(model), PassageReranker(index))
    engine = Engine(index, SearchSettings(), reranker=reranker)
    candidates: list[Candidate] = engine.rank(parse(query)).candidates
    return [(c.page.page, c.score, dict(c.scores)) for c in candidates]


def test_pages_are_ordered_by_the_best_match_of_every_word(
    index: Index, stored: PageId, model: LetterTokens
) -> None:
    keep(index, model, stored.doc, [1, 2, 3, 4])
    found = ranked(index, model, "llamas rent")
    assert found[0][0] == 4
    assert found[0][1] == pytest.approx(2, abs=0.01)
    assert [score for _, score, _ in found] == sorted((s for _, s, _ in found), reverse=True)
    assert all(scores == {"letters": score} for _, score, scores in found)


def test_pages_without_vectors_keep_the_places_that_they_had(
    index: Index, stored: PageId, model: LetterTokens
) -> None:
    before = [page for page, *_ in ranked(index, model, "llamas rent")]
    assert before[0] == 4
    keep(index, model, stored.doc, [p for p in (1, 2, 3) if p != before[1]])
    after = ranked(index, model, "flat rent")
    words_only = [page for page, *_ in ranked(index, LetterTokens2(), "flat rent")]
    places = {page: place for place, (page, *_) in enumerate(after)}
    for page in (4, before[1]):
        assert places[page] == words_only.index(page)
    scores = [score for _, score, _ in after]
    assert scores == sorted(scores, reverse=True)


class LetterTokens2(LetterTokens):
    """Another model, of which no vectors are stored."""

    fingerprint = "another"


@pytest.mark.parametrize("pages", [[], [2]])
def test_the_model_is_not_asked_while_it_could_change_nothing(
    index: Index, stored: PageId, model: LetterTokens, pages: list[int]
) -> None:
    plain = ranked(index, model, "rent flat")
    keep(index, model, stored.doc, pages)
    assert ranked(index, model, "rent flat") == plain
    assert model.asked == 0


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(1, 4), st.integers(0, 99))
def test_maxsim_is_the_sum_of_the_largest_products(lengths: list[int], words: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    query = random.normal(size=(words, 3)).astype(np.float32)
    pages = [random.normal(size=(length, 3)).astype(np.float16) for length in lengths]
    expected = [sum(max(float(q @ t) for t in page.astype(np.float32)) for q in query) for page in pages]
    assert maxsim(query, pages) == pytest.approx(expected, rel=1e-4, abs=1e-4)
