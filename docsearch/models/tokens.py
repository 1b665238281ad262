"""Text to tokens of a llama.cpp model and back. Is handed the bindings; imports no library."""

from __future__ import annotations

import ctypes
from typing import Any

_PIECE_BYTES = 256


class Vocabulary:
    """The vocabulary of a loaded model."""

    def __init__(self, llama: Any, model: Any) -> None:
        self._llama = llama
        self._vocabulary = llama.llama_model_get_vocab(model)

    @property
    def begin(self) -> int | None:
        """The token that texts begin with, where the model wants one."""
        token = int(self._llama.llama_vocab_bos(self._vocabulary))
        wanted = self._llama.llama_vocab_get_add_bos(self._vocabulary)
        return token if wanted and token >= 0 else None

    def borders(self) -> tuple[str, str]:
        """How the tokens are written that texts begin and end with; empty where there are none."""
        begin = self._llama.llama_vocab_bos(self._vocabulary)
        end = self._llama.llama_vocab_eos(self._vocabulary)
        return self._written(begin), self._written(end)

    def tokens(self, text: str, *, control: bool) -> list[int]:
        """The tokens of a text; only with `control` may they be control tokens."""
        data = text.encode("utf-8", "replace")
        room = len(data) + 8
        while True:
            tokens = (self._llama.llama_token * room)()
            found = self._llama.llama_tokenize(
                self._vocabulary, data, len(data), tokens, room, False, control
            )
            if found >= 0:
                return list(tokens[:found])
            room = -found

    def piece(self, token: int) -> bytes:
        """What a token says; nothing for control tokens."""
        buffer = ctypes.create_string_buffer(_PIECE_BYTES)
        length = self._llama.llama_token_to_piece(self._vocabulary, token, buffer, _PIECE_BYTES, 0, False)
        return buffer.raw[: max(length, 0)]

    def ends(self, token: int) -> bool:
        """Whether an answer ends with this token."""
        return bool(self._llama.llama_vocab_is_eog(self._vocabulary, token))

    def _written(self, token: int) -> str:
        if token < 0:
            return ""
        text: bytes = self._llama.llama_vocab_get_text(self._vocabulary, token)
        return text.decode("utf-8", "replace")
