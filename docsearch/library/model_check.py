"""Tries a model out: loads it, shows it two pages and a query, and tells what it did and what that took."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from docsearch.config import Settings
from docsearch.models.device import GeneratorOptions
from docsearch.models.load import device_for, load_embedder, load_generator, load_late, load_reranker
from docsearch.models.local import local_files
from docsearch.models.memory import taken_bytes
from docsearch.models.pretrained import attention_of, warnings
from docsearch.models.protocols import Message, ModelInput, Sampling
from docsearch.models.registry import ModelRow, Registry, Role
from docsearch.records import ModelCheck
from docsearch.search.late import maxsim

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

_QUERY = "When must the tenant pay the rent?"
_PAGES = (
    "House lease. The tenant pays the rent of 1,250 euros on the third working day of every month. "
    "Rent that comes late is charged with interest.",
    "Feeding of llamas. Grown llamas eat two kilograms of hay a day, and in winter some oats. "
    "Fresh water must stand in every field.",
)
"""The first answers the query."""
_TIMES = 3
_LINE, _SHARE = 52, 40
"""Characters in a line of the drawn page, and lines that would fill it."""
_TOKENS = 24


def check_model(row: ModelRow, registry: Registry, settings: Settings) -> ModelCheck:
    """Loads a model and tries it out.

    Raises:
        ModelUnavailable, MissingExtra: it is not here, does not fit or does not run.
        SettingsError: its row does not say what it is.
    """
    device = settings.models.device
    match row.role:
        case Role.EMBEDDER:
            found = _check_embedder(row, registry, device)
        case Role.RERANKER:
            found = _check_reranker(row, registry, device)
        case Role.LATE_INTERACTION:
            found = _check_late(row, registry, device)
        case Role.GENERATOR:
            return _check_generator(row)
    on_gpu = device_for(row, device).name.startswith("cuda")
    return replace(found, warnings=warnings(row, local_files(row).folder, gpu=on_gpu))


@dataclass(frozen=True, slots=True)
class _Loaded:
    """How long loading took, and what memory was taken before it."""

    seconds: float
    before: int

    @property
    def grown(self) -> int:
        return max(0, taken_bytes() - self.before)


def _load(load: Callable[[], T]) -> tuple[T, _Loaded]:
    before, started = taken_bytes(), time.perf_counter()
    model = load()
    return model, _Loaded(time.perf_counter() - started, before)


def _check_embedder(row: ModelRow, registry: Registry, device: str) -> ModelCheck:
    model, loaded = _load(lambda: load_embedder(row.name, registry, device))
    pages = {kind: _shown(kind, model.image_pixels) for kind in sorted(model.modalities)}
    vectors = model.embed_pages(pages["text+image" if "text+image" in pages else next(iter(pages))])
    query = [ModelInput(_QUERY)]
    answers, other = (vectors @ model.embed_queries(query)[0]).tolist()
    reads = bool(model.modalities & {"text", "text+image"})
    return ModelCheck(
        row.name,
        row.role.value,
        device_for(row, device).describe(),
        tuple(pages),
        vectors.shape[1],
        loaded.seconds,
        {kind: _timed(partial(model.embed_pages, shown)) / len(_PAGES) for kind, shown in pages.items()},
        _timed(partial(model.embed_queries, query)) if reads else 0.0,
        loaded.grown,
        answers > other if reads else None,
        **_how(model, pages.get("image", ())),
    )


def _check_reranker(row: ModelRow, registry: Registry, device: str) -> ModelCheck:
    model, loaded = _load(lambda: load_reranker(row.name, registry, device))
    query = ModelInput(_QUERY)
    pages = {kind: _shown(kind, row.image_pixels) for kind in sorted(model.modalities)}
    answers, other = model.score(query, pages["text" if "text" in pages else next(iter(pages))]).tolist()
    return ModelCheck(
        row.name,
        row.role.value,
        device_for(row, device).describe(),
        tuple(pages),
        0,
        loaded.seconds,
        {kind: _timed(partial(model.score, query, shown)) / len(_PAGES) for kind, shown in pages.items()},
        0.0,
        loaded.grown,
        answers > other,
        **_how(model, pages.get("image", ())),
    )


def _check_late(row: ModelRow, registry: Registry, device: str) -> ModelCheck:
    model, loaded = _load(lambda: load_late(row.name, registry, device))
    pages = {kind: _shown(kind, model.image_pixels) for kind in sorted(model.modalities)}
    best = next(kind for kind in ("text+image", "image", "text") if kind in pages)
    encoded = model.encode_pages(pages[best])
    query = [ModelInput(_QUERY)]
    answers, other = maxsim(model.encode_queries(query)[0], encoded).tolist()
    return ModelCheck(
        row.name,
        row.role.value,
        device_for(row, device).describe(),
        tuple(pages),
        model.dimensions,
        loaded.seconds,
        {kind: _timed(partial(model.encode_pages, shown)) / len(_PAGES) for kind, shown in pages.items()},
        _timed(partial(model.encode_queries, query)),
        loaded.grown,
        answers > other,
        max(map(len, encoded)),
        **_how(model, pages.get("image", ())),
    )


def _check_generator(row: ModelRow) -> ModelCheck:
    model, loaded = _load(lambda: load_generator(row, GeneratorOptions()))
    try:
        said = Message("user", f"{_PAGES[0]}\n\n{_QUERY}")
        started = time.perf_counter()
        steps = list(model.write([said], Sampling(_TOKENS), Event()))
        written = max(steps[-1].tokens, 1)
        reading = steps[-1].reading_seconds
        writing = time.perf_counter() - started - reading
        return ModelCheck(
            row.name,
            row.role.value,
            "llama.cpp",
            tuple(sorted(model.modalities)),
            0,
            loaded.seconds,
            {"text": reading},
            writing / written,
            loaded.grown,
            None,
        )
    finally:
        model.close()


def _how(model: object, pictures: Sequence[ModelInput]) -> dict[str, Any]:
    """How a model of Sentence Transformers ran: its attention, and the most tokens that a picture was."""
    inner = getattr(model, "model", None)
    count: Callable[[ModelInput], int] | None = getattr(model, "visual_tokens", None)
    return {
        "attention": "" if inner is None else attention_of(inner),
        "visual_tokens": max(map(count, pictures), default=0) if count else 0,
    }


def _timed(run: Callable[[], object]) -> float:
    """Seconds of a run, the middle one of three; the first, which sets things up, is left out."""
    run()
    taken = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started)
    return median(taken)


def _shown(kind: str, pixels: int) -> Sequence[ModelInput]:
    """The pages as a model is shown them."""
    return [
        ModelInput(text if "text" in kind else "", _drawn(text, pixels or 1024) if "image" in kind else None)
        for text in _PAGES
    ]


def _drawn(text: str, pixels: int) -> Image:
    """A page with this text at its head, its longest side at so many pixels."""
    from textwrap import fill

    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("RGB", (round(pixels / 2**0.5), pixels), "white")
    font = ImageFont.load_default(size=max(8, pixels / _SHARE))
    ImageDraw.Draw(page).multiline_text((pixels / 16, pixels / 16), fill(text, _LINE), "black", font)
    return page
