from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from docsearch.records import Box, OcrPage, Word
from docsearch.store.index import Index
from docsearch.store.recognised import pack_words, unpack_words

FRACTIONS = st.floats(0, 1)
WORDS = st.lists(
    st.builds(Word, st.text(st.characters(codec="utf-8")), st.builds(Box, *[FRACTIONS] * 4)), max_size=8
).map(tuple)


@given(WORDS)
def test_words_come_back_as_they_were_packed(words: tuple[Word, ...]) -> None:
    unpacked = unpack_words(pack_words(words))
    assert [word.text for word in unpacked] == [word.text.replace("\n", " ") for word in words]
    for before, after in zip(words, unpacked, strict=True):
        for side in ("x0", "y0", "x1", "y1"):
            assert abs(getattr(before.box, side) - getattr(after.box, side)) <= 0.5 / 65535 + 1e-12


def test_boxes_beyond_the_page_are_cut_at_its_edge() -> None:
    [word] = unpack_words(pack_words((Word("a", Box(-0.1, 0.5, 1.2, 2.0)),)))
    assert (word.box.x0, word.box.x1, word.box.y1) == (0.0, 1.0, 1.0)


def test_what_was_read_is_known_by_its_pixels_and_engine(index: Index) -> None:
    page = OcrPage("Receipt 12", (Word("Receipt", Box(0, 0, 1, 1)),))
    index.recognised.put("pixels", "engine", page)
    assert index.recognised.has("pixels", "engine")
    assert index.recognised.get("pixels", "engine") == page
    assert not index.recognised.has("pixels", "another engine")
    assert index.recognised.get("other pixels", "engine") is None


def test_words_of_a_page_outlive_neither_its_document_nor_the_other_way_round(index: Index) -> None:
    page = OcrPage("Receipt", (Word("Receipt", Box(0, 0, 1, 1)),))
    number = index.documents.begin("digest", 1)
    index.recognised.put("pixels", "engine", page)
    index.recognised.assign(number, 1, "pixels", "engine")
    assert index.recognised.words_of(number, 1) == page.words
    assert index.recognised.words_of(number, 2) is None
    index.documents.discard(number)
    assert index.recognised.words_of(number, 1) is None
    assert index.recognised.get("pixels", "engine") == page
