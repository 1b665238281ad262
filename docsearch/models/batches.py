"""Batches that fit: inputs packed by how many tokens they are, and made smaller when memory runs out.

Packs, tries, and remembers what did not fit. Knows no model: what runs a batch is handed in.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from docsearch.models.protocols import ModelInput

T = TypeVar("T")
Rows = NDArray[np.float32]

LEAST_PIXELS = 256
"""No picture is made smaller than this on its longest side: nothing on a page can be read below."""
LEAST_CHARACTERS = 1000
"""No text is cut shorter than this."""
CPU_TOKENS, GPU_TOKENS = 4096, 16_384
"""A batch of so many tokens keeps the device busy; larger ones only take more memory."""
_BYTES_PER_TOKEN = 3
"""Of UTF-8: English has four or five in a token, scripts with a token a letter three."""
_SIGNS = (
    "out of memory",
    "out_of_memory",
    "out_of_device_memory",
    "out_of_host_memory",
    "not enough memory",
    "allocate memory",
    "alloc_failed",
    "invalid buffer size",
)


def pack(costs: Sequence[int], budget: int, most: int) -> list[list[int]]:
    """Places of the inputs in batches, the dearest first.

    A batch is padded to its dearest input, so that it costs as much as its length times that. It costs at
    most `budget`, unless one input alone costs more, has at most `most` inputs, and none that costs less
    than half of its dearest: padding would be most of the work.
    """
    batches: list[list[int]] = []
    for place in sorted(range(len(costs)), key=costs.__getitem__, reverse=True):
        if not batches or not _takes(batches[-1], costs, costs[place], budget, most):
            batches.append([])
        batches[-1].append(place)
    return batches


def _takes(batch: Sequence[int], costs: Sequence[int], cost: int, budget: int, most: int) -> bool:
    dearest, length = costs[batch[0]], len(batch) + 1
    return length <= most and length * dearest <= budget and 2 * cost >= dearest


@dataclass(frozen=True, slots=True)
class Ran(Generic[T]):
    """What came of a run.

    Attributes:
        rows: what the model gave for each input, in the order of the inputs.
        smaller: inputs that had to be made smaller, as they went in, by their place.
    """

    rows: tuple[Rows, ...]
    smaller: dict[int, T]


@dataclass(slots=True)
class Batches:
    """How many tokens a batch may have; less is remembered where memory did not suffice.

    Attributes:
        tokens: the most a batch may cost, padding included.
        most: the most inputs in a batch.
        give_back: frees memory that is kept for later use; called after memory ran out.
    """

    tokens: int
    most: int
    give_back: Callable[[], None] = field(default=lambda: None)
    _one: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)
    """Threads may share a model, and take turns by the batch."""

    def run(
        self,
        inputs: Sequence[T],
        cost: Callable[[T], int],
        work: Callable[[list[T]], Rows],
        smaller: Callable[[T], T | None],
    ) -> Ran[T]:
        """Runs `work`, which gives a row an input, over batches of the inputs.

        A batch that does not fit into memory is halved, and so is every one after it. An input that does
        not fit alone is replaced by what `smaller` makes of it, which is None when it cannot be smaller: then
        the error is raised.
        """
        shown = list(inputs)
        rows: list[Rows | None] = [None] * len(shown)
        waiting = deque(self._packed(shown, range(len(shown)), cost))
        changed: dict[int, T] = {}
        while waiting:
            places = waiting.popleft()
            found = self._tried(work, [shown[i] for i in places])
            if found is not None:
                for place, row in zip(places, found, strict=True):
                    rows[place] = row
                continue
            self.tokens = max(1, len(places) * cost(shown[places[0]]) // 2)
            if len(places) == 1:
                [place] = places
                changed[place] = shown[place] = _made_smaller(shown[place], smaller)
            left = [*places, *(place for batch in waiting for place in batch)]
            waiting = deque(self._packed(shown, left, cost))
        return Ran(tuple(row for row in rows if row is not None), changed)

    def _packed(
        self, inputs: Sequence[T], places: Sequence[int], cost: Callable[[T], int]
    ) -> Iterator[list[int]]:
        costs = [max(1, cost(inputs[place])) for place in places]
        for batch in pack(costs, self.tokens, self.most):
            yield [places[i] for i in batch]

    def _tried(self, work: Callable[[list[T]], Rows], batch: list[T]) -> Rows | None:
        """What the model gave; None when memory ran out, after it was given back."""
        try:
            with self._one:
                return work(batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        self.give_back()  # here nothing holds the tensors of the failed batch any more
        return None


class TooLarge(RuntimeError):
    """One input does not fit into memory, however small it is made."""


def _made_smaller(given: T, smaller: Callable[[T], T | None]) -> T:
    made = smaller(given)
    if made is None:
        raise TooLarge("out of memory: not even one small page fits")
    return made


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or NumPy says that memory did not suffice.

    CUDA and XPU raise `torch.OutOfMemoryError`, a RuntimeError; so does MPS raise one ("MPS backend out of
    memory", "Invalid buffer size"), and the CPU ("DefaultCPUAllocator: can't allocate memory", on Windows
    "not enough memory"). cuBLAS says CUBLAS_STATUS_ALLOC_FAILED, Level Zero OUT_OF_DEVICE_MEMORY.
    """
    if isinstance(error, MemoryError):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in said for sign in _SIGNS)


@dataclass(frozen=True, slots=True)
class Eye:
    """How many tokens a model makes of a picture.

    Attributes:
        fixed: tokens of every picture; 0 for a model that sees larger ones with more.
        side: pixels of the square that becomes a token.
        least_pixels: a smaller picture is enlarged to so many pixels.
        most_pixels: a larger one is made smaller; 0 for no limit.
    """

    fixed: int = 2048
    side: int = 32
    least_pixels: int = 0
    most_pixels: int = 0

    def tokens(self, size: tuple[int, int]) -> int:
        """Tokens of a picture of this width and height in pixels."""
        if self.fixed:
            return self.fixed
        tokens = math.prod(max(1, round(length / self.side)) for length in size)
        least, most = (math.ceil(pixels / self.side**2) for pixels in (self.least_pixels, self.most_pixels))
        return min(max(tokens, least), most or tokens)

    def shrinks(self, size: tuple[int, int]) -> tuple[int, int]:
        """A size that gives about half the tokens of this one, beginning with what the model sees of it."""
        pixels = size[0] * size[1]
        seen = min(pixels, self.most_pixels or pixels)
        scale = math.sqrt(seen / pixels / 2)
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def eye_of(processor: Any, config: Any) -> Eye:
    """The eye of a model of transformers, from its processor and configuration; None for what it lacks."""
    of_tile, tiles = (getattr(processor, name, None) for name in ("num_image_token", "max_input_tiles"))
    if isinstance(of_tile, int) and isinstance(tiles, int):  # Nemotron's
        return Eye(of_tile * (tiles + bool(getattr(processor, "use_thumbnail", False))))
    pictures = getattr(processor, "image_processor", processor)
    patch, merged = getattr(pictures, "patch_size", None), getattr(pictures, "merge_size", None)
    if isinstance(patch, int) and isinstance(merged, int):
        size = getattr(pictures, "size", None)
        least, most = (_edge(size, name) for name in ("shortest_edge", "longest_edge"))
        return Eye(0, patch * merged, least, most)
    vision = getattr(config, "vision_config", None)
    side, patch = getattr(vision, "image_size", None), getattr(vision, "patch_size", None)
    if isinstance(side, int) and isinstance(patch, int) and patch:
        return Eye((side // patch) ** 2 + 1)
    return Eye()


def _edge(size: Any, name: str) -> int:
    """A limit of the pixels of a whole picture: Qwen's processors call it an edge."""
    value = size.get(name) if hasattr(size, "get") else None
    return value if isinstance(value, int) else 0


def tokens_that_fit(config: Any, bytes_per_number: int, free_bytes: int | None) -> int:
    """How many tokens a batch should have on a device with so much memory left; None is the processor's own.

    Half of it is for what a layer works with: six states and three times the inner layer, for text and, four
    patches a token, for pictures. More than `GPU_TOKENS` make no GPU faster.
    """
    if free_bytes is None:
        return CPU_TOKENS
    numbers = max(_numbers(_part(config, "text_config")), 4 * _numbers(_part(config, "vision_config")))
    return max(1, min(GPU_TOKENS, int(free_bytes / 2 / (2 * numbers * bytes_per_number))))


def _part(config: Any, name: str) -> Any:
    return getattr(config, name, config)


def _numbers(config: Any) -> int:
    """Numbers that a token is in the middle of a layer."""
    width = getattr(config, "hidden_size", None) or 2048
    inner = getattr(config, "intermediate_size", None) or 4 * width
    return int(6 * width + 3 * inner)


def text_tokens(text: str, most: int = 0) -> int:
    """About how many tokens a text is; a model reads at most `most` of them, 0 for all."""
    tokens = len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN + 1
    return min(tokens, most) if most else tokens


def smaller_input(given: ModelInput, eye: Eye) -> ModelInput | None:
    """The input with half the picture, then with half the text; None when both are as small as may be."""
    image = given.image
    if image is not None and not eye.fixed and max(image.size) > LEAST_PIXELS:
        return ModelInput(given.text, image.resize(eye.shrinks(image.size), Image.Resampling.LANCZOS))
    if len(given.text) > LEAST_CHARACTERS:
        return ModelInput(given.text[: len(given.text) // 2], image)
    return None
