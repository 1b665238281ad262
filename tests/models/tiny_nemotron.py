"""Tiny models laid out as NVIDIA's llama-nemotron ones: for Sentence Transformers, with code of their own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from docsearch.models.vision import mend_torchvision
from tests.models import tiny

CODE = Path(__file__).with_name("code")
PAIR = (
    "question:{{ (messages | selectattr('role', 'eq', 'query') | first).content[0].text }} "
    "passage:{{ (messages | selectattr('role', 'eq', 'document') | first).content[0].text }}"
)
"""What the library looks at to see that query and page are both read."""


def embedder(folder: Path) -> Path:
    """As nvidia/llama-nemotron-embed-vl-1b-v2."""
    last = {"method": "forward", "method_output_name": ["hidden_states", -1]}
    _build(folder, "LlamaNemotronVLModel", "AutoModel", "")
    _write(
        folder / "sentence_bert_config.json",
        {
            "transformer_task": "feature-extraction",
            "modality_config": dict.fromkeys(("text", "image", "image+text"), last),
            "module_output_name": "token_embeddings",
        },
    )
    parts = ["base.modules.transformer.Transformer", "sentence_transformer.modules.pooling.Pooling"]
    _modules(folder, "SentenceTransformer", [*parts, "sentence_transformer.modules.normalize.Normalize"])
    (folder / "1_Pooling").mkdir()
    _write(folder / "1_Pooling" / "config.json", {"embedding_dimension": 32, "pooling_mode": "mean"})
    return folder


def reranker(folder: Path) -> Path:
    """As nvidia/llama-nemotron-rerank-vl-1b-v2."""
    scored = {"method": "forward", "method_output_name": "logits"}
    _build(folder, "LlamaNemotronVLForSequenceClassification", "AutoModelForSequenceClassification", PAIR)
    _write(
        folder / "sentence_bert_config.json",
        {
            "transformer_task": "sequence-classification",
            "modality_config": {
                **dict.fromkeys(("text", "image", "image+text"), scored),
                "message": {**scored, "format": "structured"},
            },
            "module_output_name": "scores",
        },
    )
    _modules(folder, "CrossEncoder", ["base.modules.transformer.Transformer"])
    return folder


def _build(folder: Path, made_for: str, auto: str, template: str) -> None:
    """Code, weights, tokenizer and processor, as transformers finds them."""
    mend_torchvision()
    import importlib.util

    import torch

    folder.mkdir(parents=True)
    for name in ("modeling_nemotron.py", "processing_nemotron.py"):
        shutil.copy(CODE / f"{name}.txt", folder / name)
    spec = importlib.util.spec_from_file_location("modeling_nemotron", folder / "modeling_nemotron.py")
    assert spec is not None
    assert spec.loader is not None
    code: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(code)
    tokenizer = tiny._qwen_tokenizer(start="<img>", context="<IMG_CONTEXT>", end="</img>")
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = code.LlamaNemotronVLConfig(
        vision_config={**small, "image_size": 32, "patch_size": 8},
        llm_config={**small, "vocab_size": len(tokenizer), "initializer_range": 0.3},
        img_context_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
    )
    torch.manual_seed(10)
    getattr(code, made_for)(config).save_pretrained(folder)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(folder)
    classes = {"AutoConfig": "modeling_nemotron.LlamaNemotronVLConfig", auto: f"modeling_nemotron.{made_for}"}
    _change(folder / "config.json", auto_map=classes)
    processor = "LlamaNemotronVLRerankProcessor" if template else "LlamaNemotronVLProcessor"
    where = {"AutoProcessor": f"processing_nemotron.{processor}"}
    _write(folder / "processor_config.json", {"processor_class": processor, "auto_map": where})
    if template:
        (folder / "chat_template.jinja").write_text(template, "utf-8")


def _modules(folder: Path, kind: str, types: list[str]) -> None:
    """What Sentence Transformers reads first: the parts, and the words before queries and pages."""
    names = ["", *(f"{i}_{made.rpartition('.')[2]}" for i, made in enumerate(types) if i)]
    parts = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.{made}"}
        for i, (path, made) in enumerate(zip(names, types, strict=True))
    ]
    _write(folder / "modules.json", parts)
    prompts = {"query": "query: ", "document": "passage: "} if kind == "SentenceTransformer" else {}
    _write(folder / "config_sentence_transformers.json", {"model_type": kind, "prompts": prompts})


def _change(file: Path, **values: Any) -> None:
    _write(file, {**json.loads(file.read_text("utf-8")), **values})


def _write(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content), "utf-8")
