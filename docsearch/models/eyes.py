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
from docsearch.models.protocols import Stop


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

    def look(self, image: Any) -> Picture:
        """A picture as the model will read it; close it."""
        mtmd, rgb = self._mtmd, image.convert("RGB")
        data = rgb.tobytes()
        pixels = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        bitmap = mtmd.mtmd_bitmap_init(rgb.width, rgb.height, pixels)
        chunks = mtmd.mtmd_input_chunks_init()
        try:
            code = mtmd.mtmd_tokenize(
                self._context, chunks, ctypes.byref(self._marker()), self._array(bitmap), 1
            )
        finally:
            mtmd.mtmd_bitmap_free(bitmap)
        if code:
            mtmd.mtmd_input_chunks_free(chunks)
            raise ModelUnavailable(f"the model cannot look at a page (llama.cpp: {code})")
        return Picture(mtmd, self._context, chunks)

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
    """A picture in a prompt."""

    def __init__(self, mtmd: Any, context: Any, chunks: Any) -> None:
        self._mtmd = mtmd
        self._context = context
        self._chunks = chunks

    @property
    def size(self) -> int:
        """How many tokens of context it takes."""
        return sum(int(self._mtmd.mtmd_input_chunk_get_n_tokens(chunk)) for chunk in self._each())

    def read(self, llama_context: Any, position: int, batch: int, stop: Stop) -> int | None:
        """Reads it into the context from a position on; the position after it, or None when stopped."""
        after = ctypes.c_int32(position)
        for chunk in self._each():
            code = self._mtmd.mtmd_helper_eval_chunk_single(
                self._context, llama_context, chunk, position, 0, batch, True, ctypes.byref(after)
            )
            if stop.is_set():
                return None
            if code:
                raise ModelUnavailable(f"the model failed to read a page's picture (llama.cpp: {code})")
            position = after.value
        return position

    def close(self) -> None:
        """Gives the memory back."""
        if self._chunks:
            self._mtmd.mtmd_input_chunks_free(self._chunks)
        self._chunks = None

    def _each(self) -> Iterator[Any]:
        for number in range(self._mtmd.mtmd_input_chunks_size(self._chunks)):
            yield self._mtmd.mtmd_input_chunks_get(self._chunks, number)
