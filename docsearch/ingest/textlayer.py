"""Tidies the text a file carries with its pages, and tells usable text from garbage.

Pure. Knows strings and languages' habits, no file formats.
"""

from __future__ import annotations

import re
import unicodedata

_ODD = re.compile(
    r"[^\t\n\x20-\x7e\xa1-\xac\xae-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\u2fff\u3001-\ud7ff"
    r"\ue000-\ufaff\ufe00-\ufe6f\uff00-\U0010ffff]"
)
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)
_WIDE_SPACE = re.compile(r"[\u2000-\u200a\u202f\u205f\u3000]")
_PRESENTATION = re.compile(r"[\ufb00-\ufdff\ufe70-\ufefc]+")
_SOFT_HYPHEN = re.compile(r"\xad(\n)")
_LINE_END_HYPHEN = re.compile(r"-\n[^\W\d_]")
_BROKEN_WORD = re.compile(r"([^\W\d_]+)-\n([^\W\d_A-Z]+)(?![^\W\d_]) ?")
_LETTERS = re.compile(r"[^\W\d_]+")
_UNKNOWN = re.compile(r"\(cid:\d+\)|[\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]+")
_FAINT = re.compile(r"[\s._\-–—…·•*=]+")
_ALPHANUMERIC = re.compile(r"[^\W_]+")
_CONSONANTS = b"bcdfghjklmnpqrstvwxz"
_NOT_LETTERS = bytes(sorted(set(range(256)) - set(b"abcdefghijklmnopqrstuvwxyz")))

SAMPLE_CHARACTERS = 800
"""How much of a page's text is looked at to judge it."""
MAX_UNKNOWN_SHARE = 0.2
"""More unknown or private characters than this, and the text layer is garbage."""
MIN_WORD_SHARE = 0.3
"""Fewer letters and digits than this among the visible characters (leader dots apart) is noise."""
MIN_VOWEL_SHARE = 0.2
"""Real pages in Latin script have 0.28 to 0.45; text shifted by a font without a mapping has 0.13."""
MIN_LATIN_LETTERS = 100
"""Fewer Latin letters than this say nothing about their vowels."""


def clean_text(text: str) -> str:
    """The text without control characters, with ordinary spaces and letters and whole words.

    Surrogates, NUL and direction marks go; ligatures and Arabic presentation forms become the letters
    they show; a word broken by a hyphen at a line end is joined.
    """
    text = text.replace("\xa0", " ")
    if _ODD.search(text):
        text = _plain_letters(text)
    return _join_broken_words(text) if _LINE_END_HYPHEN.search(text) else text


def usable_text(text: str) -> bool:
    """Whether a page's text can be searched: False for none, for noise and for unmapped glyphs.

    Judged on `SAMPLE_CHARACTERS` from the middle of the text.
    """
    start = max(0, (len(text) - SAMPLE_CHARACTERS) // 2)
    sample = text[start : start + SAMPLE_CHARACTERS]
    ink = len(_FAINT.sub("", sample))
    if ink == 0:
        return False
    unknown = sum(map(len, _UNKNOWN.findall(sample)))
    return (
        unknown <= MAX_UNKNOWN_SHARE * ink
        and letters_in(sample) >= MIN_WORD_SHARE * ink
        and _has_vowels(sample)
    )


def letters_in(text: str) -> int:
    """How many letters and digits the text holds."""
    return sum(map(len, _ALPHANUMERIC.findall(text)))


def _plain_letters(text: str) -> str:
    text = _WIDE_SPACE.sub(" ", text)
    text = _PRESENTATION.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return _INVISIBLE.sub("", _SOFT_HYPHEN.sub("-\\1", text))


def _join_broken_words(text: str) -> str:
    """Join "exam-/ple", but keep "long-/term": both halves of a compound stand alone elsewhere."""
    words = _LETTERS.findall(text.lower())

    def joined(match: re.Match[str]) -> str:
        left, right = match.groups()
        is_compound = words.count(left.lower()) > 1 and words.count(right) > 1
        keep = is_compound and (left + right).lower() not in words
        return f"{left}-{right}\n" if keep else f"{left}{right}\n"

    return _BROKEN_WORD.sub(joined, text)


def _has_vowels(text: str) -> bool:
    plain = unicodedata.normalize("NFD", text.lower()).encode("ascii", "ignore")
    latin = plain.translate(None, delete=_NOT_LETTERS)
    vowels = latin.translate(None, delete=_CONSONANTS)
    return len(latin) < MIN_LATIN_LETTERS or len(vowels) >= MIN_VOWEL_SHARE * len(latin)
