"""Pictures for a generator that sees: the part of llama.cpp that its `mmproj` file brings (mtmd).

Is handed the bindings; imports no library. A picture becomes a stretch of the prompt: the tokens that
frame it and the embeddings between them.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docsearch.errors import ModelUnavailable


class Eyes:
    """Turns pictures into what a model reads; raises ModelUnavailable when the file does not fit it."""

    def __init__(self, mtmd: Any, mmproj: Path, model: Any, threads: int) -> None:
        self._mtmd = mtmd
        params = mtmd.mtmd_context_params_default()
        params.print_timings = False
        params.n_threads = threads
        params.warmup = False
        self._context = mtmd.mtmd_init_from_file(os.fsencode(mmproj), model, params)
        if not self._context:
            raise ModelUnavailable(
                f"{mmproj.name} does not let this model see", hint="take the mmproj file that belongs to it"
            )
        if not mtmd.mtmd_support_vision(self._context):
            self.close()
            raise ModelUnavailable(f"{mmproj.name} is not for pictures")

    def look(self, image: Any) -> list[list[int] | Picture]:
        """A picture as the model will read it: what it sees, and tokens around that. Close the pictures."""
        mtmd, rgb = self._mtmd, image.convert("RGB")
        data = rgb.tobytes()
        pixels = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        bitmap = mtmd.mtmd_bitmap_init(rgb.width, rgb.height, pixels)
        chunks = _Chunks(mtmd)
        try:
            code = mtmd.mtmd_tokenize(
                self._context, chunks.handle, ctypes.byref(self._marker()), self._array(bitmap), 1
            )
        finally:
            mtmd.mtmd_bitmap_free(bitmap)
        if code:
            chunks.close()
            raise ModelUnavailable(f"the model cannot look at a page (llama.cpp: {code})")
        parts = [self._part(chunk, chunks) for chunk in chunks.each()]
        if any(token < 0 for part in parts if isinstance(part, list) for token in part):
            chunks.close()
            raise ModelUnavailable(
                "the model lacks tokens that its mmproj file frames pictures with",
                hint="take the mmproj file that belongs to it",
            )
        return parts

    def _part(self, chunk: Any, chunks: _Chunks) -> list[int] | Picture:
        if self._mtmd.mtmd_input_chunk_get_type(chunk) != self._mtmd.MTMD_INPUT_CHUNK_TYPE_TEXT:
            return Picture(self._mtmd, self._context, chunk, chunks)
        count = ctypes.c_size_t()
        tokens = self._mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
        return list(tokens[: count.value])

    def close(self) -> None:
        """Gives the memory back."""
        if self._context:
            self._mtmd.mtmd_free(self._context)
        self._context = None

    def _marker(self) -> Any:
        """Where the picture goes in a text that is nothing else."""
        text = self._mtmd.mtmd_input_text()
        self._text = self._mtmd.mtmd_default_marker()
        text.text = self._text
        text.text_len = len(self._text)
        text.add_special = False
        text.parse_special = True
        return text

    def _array(self, bitmap: Any) -> Any:
        return (self._mtmd.mtmd_bitmap_p_ctypes * 1)(bitmap)


class Picture:
    """What a model sees, in a prompt."""

    def __init__(self, mtmd: Any, context: Any, chunk: Any, chunks: _Chunks) -> None:
        self._mtmd = mtmd
        self._context = context
        self._chunk = chunk
        self._chunks = chunks
        self._size = int(mtmd.mtmd_input_chunk_get_n_tokens(chunk))

    @property
    def size(self) -> int:
        """How many tokens of context it takes."""
        return self._size

    def read(self, llama_context: Any, position: int, batch: int) -> int:
        """Reads it into the context from a position on; returns the position after it."""
        after = ctypes.c_int32(position)
        code = self._mtmd.mtmd_helper_eval_chunk_single(
            self._context, llama_context, self._chunk, position, 0, batch, False, ctypes.byref(after)
        )
        if code:
            raise ModelUnavailable(f"the model failed to read a page's picture (llama.cpp: {code})")
        return after.value

    def close(self) -> None:
        """Gives back the memory of all that was made of its page; may be called again."""
        self._chunks.close()


class _Chunks:
    """What llama.cpp made of a page."""

    def __init__(self, mtmd: Any) -> None:
        self._mtmd = mtmd
        self.handle = mtmd.mtmd_input_chunks_init()

    def each(self) -> Iterator[Any]:
        for number in range(self._mtmd.mtmd_input_chunks_size(self.handle)):
            yield self._mtmd.mtmd_input_chunks_get(self.handle, number)

    def close(self) -> None:
        if self.handle:
            self._mtmd.mtmd_input_chunks_free(self.handle)
        self.handle = None
