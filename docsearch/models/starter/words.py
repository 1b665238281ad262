"""Splits text into the starter's tokens, remembering every word it has split before.

Most words of a page have been seen on pages before it: looking them up is several times faster
than running the tokenizer over whole pages.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_CHARACTERS = 20_000
"""Text beyond this is not read: no page a person laid out holds more."""
REMEMBERED = 200_000
UNKNOWN = "[UNK]"
WORD = re.compile(r"\w+|[^\w\s]")

Bag = tuple[NDArray[np.int64], NDArray[np.float32]]
"""The different tokens of a text, ascending, and the square root of how often each occurs."""


class WordPieces:
    """Texts to bags of tokens. Characters the tokenizer does not know are left out."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._unknown = tokenizer.token_to_id(UNKNOWN)
        self._pieces: dict[str, tuple[int, ...]] = {}

    def bags(self, texts: Sequence[str]) -> list[Bag]:
        """One bag a text; an empty bag for a text without known tokens."""
        words = [Counter(WORD.findall(text[:MAX_CHARACTERS])) for text in texts]
        pieces = self._known({word for counts in words for word in counts})
        return [_bag(counts, pieces) for counts in words]

    def _known(self, words: set[str]) -> dict[str, tuple[int, ...]]:
        """A table that holds at least these words."""
        if len(self._pieces) > REMEMBERED:
            self._pieces = {}
        pieces = self._pieces
        new = sorted(words - pieces.keys())
        for word, encoding in zip(
            new, self._tokenizer.encode_batch_fast(new, add_special_tokens=False), strict=True
        ):
            pieces[word] = tuple(i for i in encoding.ids if i != self._unknown)
        return pieces


def _bag(words: Counter[str], pieces: dict[str, tuple[int, ...]]) -> Bag:
    counts: dict[int, int] = {}
    for word, count in words.items():
        for token in pieces[word]:
            counts[token] = counts.get(token, 0) + count
    tokens = np.fromiter(counts.keys(), np.int64, len(counts))
    order = np.argsort(tokens)
    weights = np.sqrt(np.fromiter(counts.values(), np.float32, len(counts)))
    return tokens[order], weights[order]
