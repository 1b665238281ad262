"""Models as they are trained: loaded from the job's base, with all weights or LoRA's to be trained.

Built from what docsearch itself runs, so that a page has the vector the index holds and a query is put to
the model in the same words. Nothing is fetched.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder, SentenceTransformer

from docsearch.learn.job import Job, Method
from docsearch.models.device import Device, choose_device
from docsearch.models.inputs import library_value
from docsearch.models.load import load_embedder, load_reranker
from docsearch.models.protocols import TEXT, Embedder, ModelInput, Vectors
from docsearch.models.registry import ModelRow, Registry, Runtime
from docsearch.models.sentence import CrossEncoderReranker, SentenceTransformersEmbedder
from docsearch.models.versions import model_folder

_ADAPTER = "adapter_config.json"


def training_device(job: Job) -> Device:
    """Where the model is trained; its number format is what the device computes with."""
    if job.base.runtime is Runtime.STARTER:
        return Device()
    return choose_device(job.device, job.base.dtype)


def base_row(job: Job) -> ModelRow:
    """The base as it is loaded: weights that are trained need 32 bits, small steps are lost in fewer."""
    pixels = job.image_pixels or job.base.image_pixels
    dtype = "float32" if job.method is Method.FULL else job.base.dtype
    return dataclasses.replace(job.base, dtype=dtype, image_pixels=pixels)


def open_embedder(job: Job) -> tuple[Embedder, SentenceTransformer]:
    """The base, and the model inside it that is trained. Raises ModelUnavailable."""
    row = base_row(job)
    base = load_embedder(row.name, Registry((row,)), training_device(job).name)
    if isinstance(base, SentenceTransformersEmbedder):
        return base, base.model
    from docsearch.models.starter.embedder import SHIPPED
    from docsearch.models.starter.module import starter_model

    return base, starter_model(Path(row.source) if row.source else SHIPPED)


def open_reranker(job: Job) -> tuple[CrossEncoderReranker, CrossEncoder]:
    """The base, and the model inside it that is trained. Raises ModelUnavailable."""
    row = base_row(job)
    base = load_reranker(row.name, Registry((row,)), training_device(job).name)
    assert isinstance(base, CrossEncoderReranker)
    return base, base.model


def choose_weights(model: Any, job: Job) -> None:
    """Marks the weights that are to be trained; with LoRA adds them."""
    if job.method is Method.LORA:
        _add_lora(model, job)
    for name, weight in model.named_parameters():
        if job.base.runtime is Runtime.STARTER and job.sides is not job.sides.BOTH:
            weight.requires_grad = name.endswith("tokens.weight")
        if weight.requires_grad:
            weight.data = weight.data.float()


def _add_lora(model: Any, job: Job) -> None:
    from peft import LoraConfig

    inner = model.transformers_model
    model.add_adapter(LoraConfig(r=job.rank, lora_alpha=2 * job.rank, target_modules="all-linear"))
    inner.enable_input_require_grads()  # cached losses run parts of the model without gradients


def query_inputs(model: Any, row: ModelRow, queries: Sequence[str]) -> list[Any]:
    """Queries as the library is given them: text that is never taken for a path."""
    return [library_value(ModelInput(query), TEXT, row, model) for query in queries]


def query_vectors(model: SentenceTransformer, row: ModelRow, queries: Sequence[str]) -> Vectors:
    """Unit vectors, shape (len(queries), dimensions), of the model as it is now."""
    vectors: NDArray[np.float32] = np.asarray(
        model.encode_query(
            query_inputs(model, row, queries),
            prompt=row.query_prompt or None,
            batch_size=row.batch_size,
            normalize_embeddings=True,
            show_progress_bar=False,
        ),
        np.float32,
    )
    return vectors


def as_it_is_now(base: Embedder, model: SentenceTransformer, row: ModelRow) -> Embedder:
    """An embedder with the weights that the model has now. What Sentence Transformers runs is that itself."""
    if isinstance(base, SentenceTransformersEmbedder):
        return base
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder, create_model_card=False)
        return load_embedder(row.name, Registry((dataclasses.replace(row, source=folder),)))


def prompts(model: Any, row: ModelRow) -> tuple[str, str]:
    """What is put before a query and before a page: the row's words, or the model's own."""
    own = model.prompts or {}
    page = next((own[name] for name in ("document", "passage", "corpus") if own.get(name)), "")
    return row.query_prompt or own.get("query") or "", row.page_prompt or page


def save_model(model: Any, row: ModelRow, folder: Path) -> None:
    """Writes a Sentence Transformers folder without a card. LoRA's weights name the base they belong to."""
    model.save_pretrained(str(folder), create_model_card=False)
    if row.runtime is Runtime.STARTER:
        return
    for file in folder.rglob(_ADAPTER):
        settings = json.loads(file.read_text("utf-8"))
        if Path(str(settings.get("base_model_name_or_path"))) == model_folder(row):
            settings["base_model_name_or_path"] = row.source
            file.write_text(json.dumps(settings, indent=2), "utf-8")
