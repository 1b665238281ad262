"""Opens folders of models with Sentence Transformers, as their rows say, from files on this machine only.

Whose code may run, the number format, the attention, the limits on pictures: all of it is settled here. How
inputs are shown to a model is not known here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from docsearch.errors import ModelUnavailable, SettingsError
from docsearch.models import conv3d
from docsearch.models.batches import is_out_of_memory
from docsearch.models.device import Device
from docsearch.models.protocols import BOTH, IMAGE, TEXT
from docsearch.models.registry import FLASH, ModelRow, Role
from docsearch.models.vision import mend_torchvision

_NATIVE = MappingProxyType({Role.EMBEDDER: "NVOmniEmbedModel", Role.RERANKER: "JinaVLForRanking"})
"""What `native` runs: the classes that the weights were made for."""


def open_embedder(row: ModelRow, folder: Path, device: Device) -> Any:
    """The library's model for the files in a folder.

    Raises:
        ModelUnavailable: it does not load here, or needs code of its own that is not trusted.
        SettingsError: the row says of it what is not so.
    """
    with opening(row):
        from sentence_transformers import SentenceTransformer

        if runs_natively(row, folder) or (row.pooling and not (folder / "modules.json").is_file()):
            parts = _embedding_parts(row, folder, device)
            return checked(SentenceTransformer(modules=parts, device=device.name), row)
        return checked(SentenceTransformer(str(folder), **options(row, device)), row)


def open_reranker(row: ModelRow, folder: Path, device: Device) -> Any:
    """The library's cross-encoder for the files in a folder; raises as `open_embedder` does."""
    with opening(row):
        from sentence_transformers import CrossEncoder

        if runs_natively(row, folder) or (
            not _scores_itself(folder) and (row.score_tokens or _is_language_model(folder))
        ):
            parts = _scoring_parts(row, folder, device)
            made = CrossEncoder(modules=parts, device=device.name, **_saved_prompts(folder))
            return checked(made, row)
        given = options(row, device)
        return checked(CrossEncoder(str(folder), max_length=row.max_tokens or None, **given), row)


def options(row: ModelRow, device: Device) -> dict[str, Any]:
    """What the library is told about a model of any kind; call it while `opening`."""
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()  # talk and progress bars would land on the user's screen
    logging.disable_progress_bar()
    return {
        "device": device.name,
        "trust_remote_code": row.trust_remote_code,
        "local_files_only": True,
        "model_kwargs": {"dtype": getattr(torch, device.dtype), **_attention(row, device)},
    }


def checked(model: Any, row: ModelRow) -> Any:
    """The model, ready for use, with the row's limits on its inputs.

    Raises SettingsError when the row says what is not so.
    """
    if row.max_tokens:
        if model.max_seq_length == math.inf:
            raise SettingsError(f"model '{row.name}': key 'max_tokens': the model has no such limit")
        model.max_seq_length = row.max_tokens
    for modality in row.modalities:
        if not model.supports((IMAGE, TEXT) if modality == BOTH else modality):
            raise SettingsError(f"model '{row.name}': key 'modalities': the model does not take {modality}")
    if row.min_pixels or row.max_pixels:
        _limit_pixels(model, row)
    conv3d.as_products(model)
    return model


def attention_of(model: Any) -> str:
    """The attention that a model of the library runs with; empty when it has none."""
    config = getattr(model.transformers_model, "config", None)
    return str(getattr(config, "_attn_implementation", None) or "")


@contextmanager
def opening(row: ModelRow) -> Iterator[None]:
    """While a model is opened: refuses one whose code is not trusted; errors are as in `as_unavailable`."""
    check_trust(row)
    with as_unavailable(row):
        mend_torchvision()
        yield


@contextmanager
def as_unavailable(row: ModelRow) -> Iterator[None]:
    """What the libraries raise becomes ModelUnavailable."""
    try:
        yield
    except ImportError as error:
        raise _lacking(row, error) from error
    except (OSError, ValueError, RuntimeError, KeyError, AttributeError, TypeError) as error:
        if not row.trust_remote_code and "trust_remote_code" in str(error):
            raise _untrusted(row) from error
        raise ModelUnavailable(
            f"model '{row.name}' does not run: {_first_line(error)}", hint=_hint(error)
        ) from error


def _embedding_parts(row: ModelRow, folder: Path, device: Device) -> list[Any]:
    """The parts of an embedder for a folder that holds a bare transformer."""
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    if runs_natively(row, folder):
        from docsearch.models.native import open_omni

        transformer = open_omni(folder, **options(row, device)["model_kwargs"])
    else:
        transformer = _transformer(row, folder, device)
    return [transformer, Pooling(transformer.get_embedding_dimension(), row.pooling or "mean"), Normalize()]


def _scoring_parts(row: ModelRow, folder: Path, device: Device) -> list[Any]:
    """The parts of a reranker for a folder that holds a bare language model: which word it would say next."""
    if runs_natively(row, folder):
        from docsearch.models.native import open_jina

        return [open_jina(folder, **options(row, device)["model_kwargs"])]
    from sentence_transformers.cross_encoder.modules import LogitScore

    if not row.score_tokens:
        raise SettingsError(
            f"model '{row.name}': key 'score_tokens' is missing: its folder holds a bare language model"
        )
    task = "any-to-any" if {IMAGE, BOTH} & set(row.modalities) else "text-generation"
    transformer = _transformer(row, folder, device, transformer_task=task)
    known = transformer.tokenizer.get_vocab()
    for token in row.score_tokens:
        if token not in known:
            raise SettingsError(f"model '{row.name}': key 'score_tokens': the model has no token '{token}'")
    return [transformer, LogitScore(*(known[token] for token in row.score_tokens))]


def architectures(folder: Path) -> tuple[str, ...]:
    """The classes of transformers, or of their makers, that the weights in a folder were made for."""
    try:
        found = json.loads((folder / "config.json").read_bytes()).get("architectures") or []
        return tuple(map(str, found))
    except (OSError, ValueError, AttributeError, TypeError):
        return ()


def runs_natively(row: ModelRow, folder: Path) -> bool:
    """Whether `native` stands in for the model's own code: that is known, and not trusted to run."""
    return not row.trust_remote_code and _NATIVE.get(row.role) in architectures(folder)


def _is_language_model(folder: Path) -> bool:
    """Whether a folder of transformers holds a model that goes on writing, and scores nothing."""
    return any(it.endswith(("ForCausalLM", "ForConditionalGeneration")) for it in architectures(folder)[:1])


def _scores_itself(folder: Path) -> bool:
    """Whether a folder says of which parts its model is, and for which words it is asked where that counts.

    That of Qwen3-VL-Reranker names a folder for the words that is not there (its discussion 11 on the hub).
    """
    try:
        parts = json.loads((folder / "modules.json").read_bytes())
        asked = [part["path"] for part in parts if part["type"].endswith(".LogitScore")]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return all((folder / path / "config.json").is_file() for path in asked)


def _saved_prompts(folder: Path) -> dict[str, Any]:
    """The words that a model was saved with, to stand before its inputs, as the library is told them."""
    try:
        saved = json.loads((folder / "config_sentence_transformers.json").read_bytes())
        return {"prompts": saved.get("prompts"), "default_prompt_name": saved.get("default_prompt_name")}
    except (OSError, ValueError, AttributeError):
        return {}


def _transformer(row: ModelRow, folder: Path, device: Device, **task: str) -> Any:
    """The transformer in a folder, as it was saved, or for a task."""
    from sentence_transformers.base.modules import Transformer

    weights = options(row, device)["model_kwargs"]
    remote = {"trust_remote_code": row.trust_remote_code, "local_files_only": True}
    if (folder / "sentence_bert_config.json").is_file():
        return Transformer.load(str(folder), model_kwargs=weights, **remote)
    return Transformer(
        str(folder),
        model_kwargs={**weights, **remote},
        processor_kwargs=dict(remote),
        config_kwargs=dict(remote),
        **task,
    )


def _attention(row: ModelRow, device: Device) -> dict[str, str]:
    if row.attention == FLASH and (
        find_spec("flash_attn") is None or not device.name.startswith("cuda") or device.dtype == "float32"
    ):
        raise ModelUnavailable(
            f"model '{row.name}': {FLASH} needs the package flash_attn, an NVIDIA GPU and half precision",
            hint='pip install flash-attn, or set attention = "sdpa" in its row of models.toml',
        )
    return {"attn_implementation": row.attention} if row.attention else {}


def _limit_pixels(model: Any, row: ModelRow) -> None:
    """Sets the limits of an image processor that counts the pixels of a whole picture, as Qwen's do.

    They call the fewest its shortest edge and the most its longest one.
    """
    processor: Any = getattr(model[0], "processor", None)
    processor = getattr(processor, "image_processor", processor)
    known = getattr(getattr(type(processor), "valid_kwargs", None), "__annotations__", {})
    size = dict(getattr(processor, "size", None) or {})
    if "max_pixels" not in known or not {"shortest_edge", "longest_edge"} <= size.keys():
        key = "max_pixels" if row.max_pixels else "min_pixels"
        raise SettingsError(f"model '{row.name}': key '{key}': its image processor knows no such limit")
    most = row.max_pixels or max(size["longest_edge"], row.min_pixels)
    least = min(row.min_pixels or size["shortest_edge"], most)
    processor.size = type(processor.size)(shortest_edge=least, longest_edge=most)


def check_trust(row: ModelRow) -> None:
    """Raises ModelUnavailable for a model that runs only with code of its own, which is not trusted."""
    if row.needs_remote_code and not row.trust_remote_code:
        raise _untrusted(row)


def warnings(row: ModelRow, folder: Path | None, *, gpu: bool) -> tuple[str, ...]:
    """What to know before the model is used, as ends of sentences that begin with its name.

    Args:
        row: the model.
        folder: where its files are; None while they are not here.
        gpu: whether it would run on an NVIDIA GPU.
    """
    kind = (conv3d.model_type(folder) if folder else "") or row.architecture
    own = "runs only with code of its own" if row.needs_remote_code and not row.trust_remote_code else ""
    return tuple(filter(None, (own, conv3d.warning(kind, gpu=gpu))))


def _untrusted(row: ModelRow) -> ModelUnavailable:
    turn_on = (
        "set trust_remote_code = true in its row of models.toml"
        if Path(row.source).is_absolute()
        else f"docsearch models pull {row.name} --trust-remote-code"
    )
    return ModelUnavailable(
        f"model '{row.name}' runs only with code that comes with it, which is not trusted",
        hint=f"read that code first; then: {turn_on}",
    )


def _lacking(row: ModelRow, error: ImportError) -> ModelUnavailable:
    package = _missing_package(error)
    if not package:
        return ModelUnavailable(f"model '{row.name}' does not run: {_first_line(error)}")
    brings = "'docsearch[vision]'" if package == "torchvision" else package
    return ModelUnavailable(f"model '{row.name}' needs the package {package}", hint=f"pip install {brings}")


def _missing_package(error: ImportError) -> str:
    """The package that is not installed; transformers names torchvision in a text of its own."""
    name = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and name and find_spec(name) is None:
        return name
    return "torchvision" if "torchvision" in str(error).lower() and find_spec("torchvision") is None else ""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _hint(error: Exception) -> str:
    if is_out_of_memory(error):
        return "take a smaller model, or set a smaller image_pixels or max_tokens in its row, or device = cpu"
    return "check the files of the model and its row in models.toml"
