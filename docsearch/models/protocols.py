"""What a model can do, whoever made it and whatever runs it.

Queries and pages are embedded separately because most retrieval models give them different
prompts. A model says which inputs it takes (`modalities`); callers leave out the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

Vectors = NDArray[np.float32]
TEXT, IMAGE, BOTH = "text", "image", "text+image"
"""What a model takes."""


@dataclass(frozen=True, slots=True)
class ModelInput:
    """Text, a picture, or both. Text is always text: it is never taken for a path or an address."""

    text: str = ""
    image: Image | None = None

    def kind(self, modalities: frozenset[str], *, prefer: str) -> str:
        """As what a model is shown it: text, image, both where it takes both, or '' for not at all."""
        there = {TEXT: bool(self.text.strip()), IMAGE: self.image is not None}
        if all(there.values()) and BOTH in modalities:
            return BOTH
        order = (TEXT, IMAGE) if prefer == TEXT else (IMAGE, TEXT)
        return next((kind for kind in order if there[kind] and kind in modalities), "")


class Embedder(Protocol):
    """Maps queries and pages into one space where the dot product is the similarity."""

    @property
    def name(self) -> str:
        """The row of models.toml this model comes from."""

    @property
    def fingerprint(self) -> str:
        """Short hex digest of all that shapes a page vector: weights, prompts, pooling, image size."""

    @property
    def dimensions(self) -> int:
        """Length of every vector this model returns."""

    @property
    def modalities(self) -> frozenset[str]:
        """What it can embed: 'text', 'image', 'text+image' (both in one input)."""

    @property
    def image_pixels(self) -> int:
        """Longest side, in pixels, at which a page should be rendered for this model."""

    def embed_queries(self, queries: Sequence[ModelInput]) -> Vectors:
        """Unit vectors of shape (len(queries), dimensions)."""

    def embed_pages(self, pages: Sequence[ModelInput]) -> Vectors:
        """Unit vectors of shape (len(pages), dimensions); an empty page gives a zero vector."""


@runtime_checkable
class Shrinking(Protocol):
    """An embedder that makes pictures smaller when memory does not suffice, and says which."""

    def shrunk(self) -> dict[int, tuple[int, int]]:
        """Places in the last call, and the width and height in pixels at which their pictures fitted."""


class Reranker(Protocol):
    """Orders the head of the first-stage list by reading query and page together."""

    @property
    def name(self) -> str:
        """The row of models.toml this model comes from."""

    @property
    def modalities(self) -> frozenset[str]:
        """What a page may be given as: 'text', 'image', 'text+image'."""

    def score(self, query: ModelInput, pages: Sequence[ModelInput]) -> NDArray[np.float32]:
        """One score a page, shape (len(pages),); higher is more relevant. Any scale."""


class LateInteraction(Protocol):
    """Gives queries and pages a vector for every token, to be compared token by token (MaxSim)."""

    @property
    def name(self) -> str:
        """The row of models.toml this model comes from."""

    @property
    def fingerprint(self) -> str:
        """Short hex digest of all that shapes a page's vectors: weights, prompts, pooling, image size."""

    @property
    def dimensions(self) -> int:
        """Length of every token's vector."""

    @property
    def modalities(self) -> frozenset[str]:
        """What a page may be given as: 'text', 'image', 'text+image'. Queries are text."""

    @property
    def image_pixels(self) -> int:
        """Longest side, in pixels, at which a page should be rendered for this model."""

    def encode_queries(self, queries: Sequence[ModelInput]) -> list[Vectors]:
        """Unit vectors of each query, shape (tokens, dimensions); none for an empty one."""

    def encode_pages(self, pages: Sequence[ModelInput]) -> list[Vectors]:
        """Unit vectors of each page, shape (tokens, dimensions); none for one it cannot be shown."""


@dataclass(frozen=True, slots=True)
class Message:
    """Part of a conversation with a generator. Its text is data: nothing in it is read as a control token.

    Attributes:
        role: 'system', 'user' or 'assistant'.
        text: what is said.
        images: pictures shown before the text.
    """

    role: str
    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a generator writes.

    Attributes:
        tokens: the most it may write.
        temperature: 0 always takes the likeliest token.
        seed: with the same one, it writes the same.
    """

    tokens: int = 512
    temperature: float = 0.2
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Generation:
    """How far a generator has come: what it wrote since the last one, and counts of tokens so far.

    Attributes:
        text: new text; empty while it still reads the prompt.
        prompt_tokens: length of the prompt.
        cached_tokens: how many of them it knew from the prompt before.
        read_tokens: how many it has read, the cached ones among them.
        tokens: how many it wrote.
        reading_seconds: what reading the prompt took, up to the first token.
        cut_off: whether it ended because it may not write more.
    """

    text: str
    prompt_tokens: int
    cached_tokens: int
    read_tokens: int
    tokens: int
    reading_seconds: float = 0.0
    cut_off: bool = False


class Stop(Protocol):
    """Says when to stop; a `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether to stop now."""


class Generator(Protocol):
    """Continues a conversation, a few words at a time."""

    @property
    def name(self) -> str:
        """The row of models.toml this model comes from."""

    @property
    def modalities(self) -> frozenset[str]:
        """What it reads: 'text', 'image'."""

    @property
    def image_pixels(self) -> int:
        """Longest side, in pixels, at which a page should be shown to it."""

    @property
    def context(self) -> int:
        """How many tokens it holds, prompt and answer together."""

    def count(self, text: str) -> int:
        """How many tokens a text is."""

    def measure(self, messages: Sequence[Message]) -> int:
        """How many tokens a conversation is, with the model's own template around it."""

    def write(self, messages: Sequence[Message], sampling: Sampling, stop: Stop) -> Iterator[Generation]:
        """Reads the conversation and writes what follows it; ends early when `stop` is set.

        What it still knows of the conversation before is not read again.

        Raises:
            ModelUnavailable: the conversation does not fit, or the model fails.
        """

    def close(self) -> None:
        """Gives the memory back; the generator cannot be used after that."""
