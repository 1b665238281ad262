from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.ingest.textlayer import clean_text, usable_text

ENGLISH = (
    "The parties agree that all information disclosed under this agreement remains the property of the "
    "disclosing party and shall be returned or destroyed upon written request within thirty days. "
)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("a\x00b\x07c", "abc"),
        ("fiscal\xa0year\u202f2020", "fiscal year 2020"),
        ("of\ufb01ce", "office"),
        ("\ufee3\ufeae\ufea3\ufe92\ufe8e", "\u0645\u0631\u062d\u0628\u0627"),
        ("an exam-\nple", "an example"),
        ("so\xadft", "soft"),
        ("a sen\xad\ntence here", "a sentence here"),
        ("long and term: the long-\nterm plan", "long and term: the long-term plan"),
        ("Anne-\nMarie", "Anne-\nMarie"),
        ("1-\n2", "1-\n2"),
        ("left\u200bright\ufeff", "leftright"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("plain\tascii\n", "plain\tascii\n"),
    ],
)
def test_clean_text(raw: str, clean: str) -> None:
    assert clean_text(raw) == clean


@given(st.text())
def test_clean_text_is_always_storable(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode("utf-8")
    assert "\x00" not in cleaned
    assert clean_text(cleaned) == cleaned or "-\n" in text


@pytest.mark.parametrize(
    "text",
    [
        ENGLISH,
        "12 3",
        "本协议由甲乙双方于北京签订",
        "Договор аренды помещения",
        "1 Introduction ............................................................ 12",
        "Strč prst skrz krk",
    ],
)
def test_real_text_is_usable(text: str) -> None:
    assert usable_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "....____----",
        "\ufffd\ufffd\ufffd a \ufffd\ufffd",
        "\ue001\ue002\ue003\ue004\ue005",
        "(cid:12)(cid:33)(cid:4) a",
        "!\"#$%&'()+,/:;<>?@[\\]^`{|}~" * 3,
        "".join(chr(ord(c) - 29) if c.isalpha() else c for c in ENGLISH * 2),
    ],
)
def test_garbage_is_not_usable(text: str) -> None:
    assert not usable_text(text)
