from __future__ import annotations

from pathlib import Path

from docsearch.search.picture import MOST_TERMS, telling_terms
from docsearch.store.index import Index
from tests.stored import add_document


def test_the_rarest_known_words_of_a_picture_come_first(index: Index) -> None:
    add_document(index, Path("/library/a.pdf"), ["invoice zanzibar", "invoice cloves", "invoice"])
    assert telling_terms("Invoices for cloves, x 12 bananas, from Zanzibar: invoice", index) == (
        "clove",
        "zanzibar",
        "invoic",
    )
    assert telling_terms("", index) == ()


def test_misread_words_are_taken_for_the_nearest_known_ones(index: Index) -> None:
    add_document(index, Path("/library/a.pdf"), ["securities of Euroclear participants", "securities"])
    assert telling_terms("setrities Esroclear cf tbe", index) == ("euroclear", "secur")


def test_no_more_words_than_tell_pages_apart(index: Index) -> None:
    words = [f"{first}{second}zz" for first in "abcdefgh" for second in "abcdefgh"]
    add_document(index, Path("/library/a.pdf"), [" ".join(words), " ".join(words[:24])])
    telling = telling_terms(" ".join(words), index)
    assert len(telling) == MOST_TERMS
    assert set(telling) == set(words[24:])
