"""Tidies the text a file carries with its pages, and tells usable text from garbage.

Pure. Knows strings and languages' habits, no file formats.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)
_WIDE_SPACE = re.compile(r"[\u2000-\u200a\u202f\u205f\u3000]")
_PRESENTATION = re.compile(r"[\ufb00-\ufdff\ufe70-\ufefc]+")
_SOFT_HYPHEN = re.compile(r"\xad(\n)")
_LINE_END_HYPHEN = re.compile(r"-\n[^\W\d_]")
_LAST_WORD = re.compile(r"[^\W\d_]+$")
_FIRST_WORD = re.compile(r"[^\W\d_]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_UNKNOWN = re.compile(r"\(cid:\d+\)|[\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]+")
_FAINT = re.compile(r"[\s._\-–—…·•*=]+")
_FAINT_BYTES = b" \t\n\r\v\f._-*="
_ALPHANUMERIC = re.compile(r"[^\W_]+")
_CONSONANTS = b"bcdfghjklmnpqrstvwxz"
_NOT_ALPHANUMERIC = bytes(code for code in range(256) if not (code < 128 and chr(code).isalnum()))
_NOT_LETTERS = bytes(code for code in range(256) if not ord("a") <= code <= ord("z"))

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
    if not _is_plain(text):
        text = _plain_letters(text)
    return _join_broken_words(text) if _LINE_END_HYPHEN.search(text) else text


def usable_text(text: str) -> bool:
    """Whether a page's text can be searched: False for none, for noise and for unmapped glyphs.

    Judged on `SAMPLE_CHARACTERS` from the middle of the text.
    """
    start = max(0, (len(text) - SAMPLE_CHARACTERS) // 2)
    sample = text[start : start + SAMPLE_CHARACTERS]
    plain = sample.encode("ascii", "ignore")
    if len(plain) < 0.9 * len(sample):
        ink, unknown = len(_FAINT.sub("", sample)), sum(map(len, _UNKNOWN.findall(sample)))
        known = letters_in(sample)
    else:
        ink, unknown = len(plain.translate(None, delete=_FAINT_BYTES)), 5 * plain.count(b"(cid:")
        known = len(plain.translate(None, delete=_NOT_ALPHANUMERIC))
    is_noise = ink == 0 or unknown > MAX_UNKNOWN_SHARE * ink or known < MIN_WORD_SHARE * ink
    return not is_noise and _has_vowels(sample)


def letters_in(text: str) -> int:
    """How many letters and digits the text holds."""
    return sum(map(len, _ALPHANUMERIC.findall(text)))


def _is_plain(text: str) -> bool:
    """Whether nothing needs replacing, by quick means that may say no too often."""
    if not text.replace("\n", "").replace("\t", "").isprintable():
        return False
    if text.isascii():
        return True
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return not _PRESENTATION.search(text)
    return True


def _plain_letters(text: str) -> str:
    text = _WIDE_SPACE.sub(" ", text)
    text = _PRESENTATION.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return _INVISIBLE.sub("", _SOFT_HYPHEN.sub("-\\1", text))


def _join_broken_words(text: str) -> str:
    """Join "exam-/ple" and "long-/term", the latter with its hyphen."""
    words = _LETTERS.findall(text.lower())
    first, *rest = text.split("-\n")
    pieces = [first]
    for piece in rest:
        pieces += (_joint(pieces[-1], piece, words), piece)
    return "".join(pieces)


def _joint(before: str, after: str, words: Sequence[str]) -> str:
    """What belongs in place of a hyphen at a line end.

    A compound keeps its hyphen: both halves stand alone elsewhere among the page's `words`, and the
    joined word does not. On filings, manuals and papers that is right for 9 of 10 line ends.
    """
    left, right = _LAST_WORD.search(before[-40:]), _FIRST_WORD.match(after)
    if not left or not right or not right[0][0].islower():
        return "-\n"
    start, end = left[0].lower(), right[0].lower()
    is_compound = words.count(start) > 1 and words.count(end) > 1
    return "-" if is_compound and start + end not in words else ""


def _has_vowels(text: str) -> bool:
    plain = unicodedata.normalize("NFD", text.lower()).encode("ascii", "ignore")
    latin = plain.translate(None, delete=_NOT_LETTERS)
    vowels = latin.translate(None, delete=_CONSONANTS)
    return len(latin) < MIN_LATIN_LETTERS or len(vowels) >= MIN_VOWEL_SHARE * len(latin)
