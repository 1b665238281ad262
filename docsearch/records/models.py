"""A model: what there is of it on this machine, and what it did when it was tried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model that docsearch knows, and what there is of it on this machine and in this index.

    Attributes:
        name: its row in models.toml; for a generator that is named by its file, the path of that file.
        role: 'embedder', 'reranker', 'late-interaction' or 'generator'.
        source: a name on the Hugging Face hub, or a folder; empty for what ships with docsearch.
        licence: as its makers call it; empty where that is not known.
        modalities: what it takes: 'text', 'image', 'text+image'.
        parameters: how many weights; 0 where that is not known.
        dimensions: length of a whole vector; 0 for models without vectors.
        note: a sentence for the person who chooses.
        memory_bytes: what it takes when it is loaded, as an estimate; 0 where that is not known.
        fits: whether this machine has that much memory, free or not.
        reason: why it does not fit, or what stands against it now; empty when nothing does.
        installed: whether all its files are here.
        folder: where they are; None when they are not here or came with docsearch.
        disk_bytes: what they take on disk, an unfinished download too.
        in_use: whether the settings name it.
        pages_embedded: pages of this index that have its vectors.
        pages_total: pages of this index.
        queries: what there is of an encoder distilled from it for queries, in words; empty for nothing.
        matryoshka: lengths to which its vectors may be cut, the longest first.
        warnings: what to know before it is used, as ends of sentences that begin with its name.
        tested: what was tried with it, and with which versions; empty where nothing was.
    """

    name: str
    role: str
    source: str
    licence: str
    modalities: tuple[str, ...]
    parameters: int
    dimensions: int
    note: str
    memory_bytes: int
    fits: bool
    reason: str
    installed: bool
    folder: Path | None
    disk_bytes: int
    in_use: bool
    pages_embedded: int = 0
    pages_total: int = 0
    queries: str = ""
    matryoshka: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()
    tested: str = ""


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """What a model did when it was loaded and tried out on two pages and a query.

    Attributes:
        name: its row in models.toml.
        role: as in `ModelState`.
        device: where it ran and in which number format, in words.
        modalities: what it takes.
        dimensions: length of the vectors it gave; 0 for models without vectors.
        load_seconds: from nothing to ready.
        page_seconds: for a page, by how it was shown: 'text', 'image', 'text+image'. Of a generator,
            for reading a short prompt.
        query_seconds: for a query; of a generator, for a token it writes; 0 for a reranker.
        memory_bytes: by how much this process grew, and what was taken of a GPU's memory.
        right: whether the page that answers the query came out before the one that does not; None for
            a model that takes no text, and for a generator.
        page_tokens: vectors that the longest page got from a late-interaction model; 0 for other models.
        attention: how it computes attention: 'sdpa', 'eager', 'flash_attention_2'; empty where it has none.
        visual_tokens: tokens that the model makes of a page's picture; 0 where that is not known.
        warnings: as in `ModelState`.
    """

    name: str
    role: str
    device: str
    modalities: tuple[str, ...]
    dimensions: int
    load_seconds: float
    page_seconds: Mapping[str, float]
    query_seconds: float
    memory_bytes: int
    right: bool | None
    page_tokens: int = 0
    attention: str = ""
    visual_tokens: int = 0
    warnings: tuple[str, ...] = ()
