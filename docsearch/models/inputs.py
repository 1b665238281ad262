"""Shows inputs to models of Sentence Transformers: of the right kind, in batches that fit into memory.

They go to the library as pictures in memory or as text that is marked as text: given a bare string that
names an image file or address, it would open the file or fetch the address.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from docsearch.errors import ModelUnavailable
from docsearch.models.batches import (
    Batches,
    Eye,
    Ran,
    Rows,
    eye_of,
    smaller_input,
    text_tokens,
    tokens_that_fit,
)
from docsearch.models.device import Device, free_bytes, free_memory
from docsearch.models.pretrained import as_unavailable
from docsearch.models.protocols import BOTH, IMAGE, TEXT, ModelInput
from docsearch.models.registry import ModelRow

MOST_RATIO = 100
"""Sides of a picture that differ by more than this are made to: Qwen's processors refuse 200."""
TEMPLATE_TOKENS = 64
"""Left free for what a model's chat template puts around an input."""
MOST_TOKENS = 1 << 20
"""Larger limits mean that a model has none."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of showing inputs to a model.

    Attributes:
        rows: what it gave, by the place of the input; none for what it cannot be shown.
        shrunk: width and height at which pictures fitted that had to be made smaller, by their place.
    """

    rows: dict[int, Rows]
    shrunk: dict[int, tuple[int, int]]


class Inputs:
    """Shows inputs to a model of Sentence Transformers in batches that fit into its device's memory."""

    def __init__(self, model: Any, row: ModelRow, device: Device) -> None:
        self._model = model
        self._row = row
        config = getattr(model.transformers_model, "config", None)
        self._eye: Eye = eye_of(getattr(model[0], "processor", None), config)
        size = 4 if device.dtype == "float32" else 2
        budget = row.batch_tokens or tokens_that_fit(config, size, free_bytes(device))
        self.batches = Batches(budget, row.batch_size, free_memory)

    def show(
        self,
        inputs: Sequence[ModelInput],
        modalities: frozenset[str],
        work: Callable[[list[Any]], Rows],
        *,
        prefer: str,
        beside: int = 0,
    ) -> Shown:
        """What `work` gives for the library's values of the inputs, called with one kind of them at a time.

        Each of them is shown with `beside` other tokens. A picture that does not fit alone is made smaller.

        Raises:
            ModelUnavailable: the model fails.
        """
        shown = Shown({}, {})
        kinds = [given.kind(modalities, prefer=prefer) for given in inputs]
        for kind in sorted(set(filter(None, kinds))):  # some models refuse a batch of mixed kinds
            places = [i for i, k in enumerate(kinds) if k == kind]
            with as_unavailable(self._row):
                ran = self._run([inputs[i] for i in places], kind, work, beside)
            shown.rows.update(zip(places, ran.rows, strict=True))
            smaller = {places[i]: made.image for i, made in ran.smaller.items()}
            shown.shrunk.update({place: image.size for place, image in smaller.items() if image})
        return shown

    def _run(
        self, inputs: Sequence[ModelInput], kind: str, work: Callable[[list[Any]], Rows], beside: int
    ) -> Ran[ModelInput]:
        most = self._row.image_pixels
        shown = [replace(given, image=_picture(given, kind, most)) for given in inputs]
        if kind == BOTH:
            shown = [replace(given, text=self._beside_picture(given, beside)) for given in shown]
        return self.batches.run(
            shown,
            lambda given: beside + self.tokens(given, kind),
            lambda batch: work([library_value(given, kind, self._row, self._model) for given in batch]),
            lambda given: smaller_input(given, self._eye),
        )

    def _beside_picture(self, given: ModelInput, beside: int) -> str:
        """As much of the text as the model reads beside the picture and `beside` other tokens.

        Left to itself the library cuts into the tokens of the picture, and then refuses it.
        """
        limit, tokenizer = self._model.max_seq_length, self._model.tokenizer
        if not limit or limit > MOST_TOKENS or given.image is None:
            return given.text
        text = without_control(given.text, tokenizer)  # which makes more tokens of it
        prompts = text_tokens(self._row.page_prompt + self._row.query_prompt)
        room = limit - self._eye.tokens(given.image.size) - beside - prompts - TEMPLATE_TOKENS
        return beginning(text, room, tokenizer) if room > 0 else ""

    def tokens(self, given: ModelInput, kind: str) -> int:
        """About how many tokens the model makes of an input."""
        most = self._row.max_tokens or self._model.max_seq_length or 0
        text = 0 if kind == IMAGE else text_tokens(given.text, most)
        return text + (self._eye.tokens(given.image.size) if given.image and kind != TEXT else 0)


def finite(numbers: NDArray[np.float32], row: ModelRow, device: Device) -> NDArray[np.float32]:
    """What a model gave; raises ModelUnavailable when some of it is no number, as after an overflow."""
    if not np.isfinite(numbers).all():
        raise ModelUnavailable(
            f"model '{row.name}' gives what is no number in {device.dtype}",
            hint='set dtype = "float32" in its row of models.toml; if it stays so, its files are broken',
        )
    return numbers


def beginning(text: str, tokens: int, tokenizer: Any) -> str:
    """As much of a text as so many tokens are, one at least."""
    cut = tokenizer(
        text,
        add_special_tokens=False,
        truncation=True,
        max_length=min(max(tokens, 1), MOST_TOKENS),
        return_offsets_mapping=True,
    )
    return text[: max((end for _, end in cut["offset_mapping"]), default=0)]


def library_value(given: ModelInput, kind: str, row: ModelRow, model: Any) -> Any:
    """What the library is given.

    A model that takes text alone never takes a string for a path, and a language model among them would not
    find the text in a mapping.
    """
    text = without_control(given.text, getattr(model, "tokenizer", None))
    if kind == TEXT:
        return text if set(model.modalities) <= {TEXT, "message"} else {TEXT: text}
    assert given.image is not None
    picture = _at_most(given.image, row.image_pixels).convert("RGB")
    return {TEXT: text, IMAGE: picture} if kind == BOTH else {IMAGE: picture}


def without_control(text: str, tokenizer: Any) -> str:
    """The text with a space in everything that would be read as a token of control.

    Who writes of models writes such tokens. In a page they would stand for a picture that is not there.
    """
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    control = {token.content for token in added if token.special} | set(
        getattr(tokenizer, "all_special_tokens", ())
    )
    for token in sorted(control, key=len, reverse=True):
        if len(token) > 1 and token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def _picture(given: ModelInput, kind: str, pixels: int) -> Image.Image | None:
    """What is shown of the input's picture: nothing, or no more than so many pixels a side."""
    return None if given.image is None or kind == TEXT else _widened(_at_most(given.image, pixels))


def _widened(image: Image.Image) -> Image.Image:
    """The picture on white, where it is so long and thin that processors refuse it."""
    width, height = image.size
    least = math.ceil(max(image.size) / MOST_RATIO)
    if min(image.size) >= least:
        return image
    canvas = Image.new("RGB", (max(width, least), max(height, least)), "white")
    canvas.paste(image.convert("RGB"))
    return canvas


def _at_most(image: Image.Image, pixels: int) -> Image.Image:
    """The picture, made smaller when its longest side is longer than `pixels`; 0 for no limit."""
    if not pixels or max(image.size) <= pixels:
        return image
    picture = image.convert("RGB")
    picture.thumbnail((pixels, pixels), Image.Resampling.LANCZOS)
    return picture
