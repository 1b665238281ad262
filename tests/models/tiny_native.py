"""Tiny models whose makers' code docsearch does not run: it builds them from the classes of transformers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docsearch.models.vision import mend_torchvision
from tests.models import tiny
from tests.models.tiny_rows import FORBIDDEN

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 64,
    "max_position_embeddings": 2048,
    "rope_parameters": {"rope_type": "default", "mrope_section": [4, 2, 2], "rope_theta": 10000.0},
    "initializer_range": 0.3,
}


def jina(folder: Path, *, old_names: bool = True) -> Path:
    """As jinaai/jina-reranker-m0: a Qwen2-VL whose head is two layers, and code that must not run.

    Its weights have the names they had before transformers 4.52, as those on the hub, or those of today.
    """
    mend_torchvision()
    import torch
    from transformers import Qwen2VLConfig, Qwen2VLModel, Qwen2VLProcessor, Qwen2VLVideoProcessor

    torch.manual_seed(8)
    tokenizer = tiny._qwen_tokenizer()
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2, "patch_size": 8}
    config = Qwen2VLConfig(
        text_config={**SIZES, "vocab_size": len(tokenizer), "bos_token_id": None, "eos_token_id": None},
        vision_config={**vision, "initializer_range": 0.3},
        **_special(tokenizer, "image", "video", "vision_start", "vision_end"),
        tie_word_embeddings=False,
    )
    head = torch.nn.Sequential(torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    weights = {f"model.{name}": weight for name, weight in Qwen2VLModel(config).state_dict().items()}
    weights |= {f"score.{name}": weight for name, weight in head.state_dict().items()}
    _write(folder, config, weights, "JinaVLForRanking", "qwen2_vl", old_names=old_names)
    films = Qwen2VLVideoProcessor(patch_size=8, merge_size=2, temporal_patch_size=2)
    Qwen2VLProcessor(_pictures(), tokenizer, films).save_pretrained(folder)
    return folder


def omni(folder: Path, *, old_names: bool = True) -> Path:
    """As nvidia/omni-embed-nemotron-3b: what reads of a Qwen2.5-Omni, and code that must not run."""
    mend_torchvision()
    import torch
    from transformers import (
        Qwen2_5OmniProcessor,
        Qwen2_5OmniThinkerConfig,
        Qwen2_5OmniThinkerModel,
        Qwen2VLVideoProcessor,
        WhisperFeatureExtractor,
    )

    torch.manual_seed(9)
    sounds = {
        "audio_token": "<|AUDIO|>",
        "audio_bos_token": "<|audio_bos|>",
        "audio_eos_token": "<|audio_eos|>",
    }
    tokenizer = tiny._qwen_tokenizer(**sounds)
    ear = {"d_model": 32, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
    eye = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "patch_size": 8}
    config = Qwen2_5OmniThinkerConfig(
        text_config={**SIZES, "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id},
        audio_config={**ear, "num_mel_bins": 8, "output_dim": 32},
        vision_config={**eye, "out_hidden_size": 32, "window_size": 32, "fullatt_block_indexes": [1]},
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
        image_token_index=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        video_token_index=tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        **_special(tokenizer, "vision_start", "vision_end"),
    )
    model = Qwen2_5OmniThinkerModel(config)
    weights = {f"model.{name}": weight for name, weight in model.state_dict().items()}
    weights["lm_head.weight"] = torch.zeros(len(tokenizer), 32)
    _write(folder, config, weights, "NVOmniEmbedModel", "nvomniembed", old_names=old_names)
    films = Qwen2VLVideoProcessor(patch_size=8, merge_size=2, temporal_patch_size=2)
    heard = WhisperFeatureExtractor(feature_size=8)
    Qwen2_5OmniProcessor(_pictures(), films, heard, tokenizer, chat_template=tiny.CHAT).save_pretrained(
        folder
    )
    return folder


def _pictures() -> Any:
    from transformers import Qwen2VLImageProcessorPil

    size = {"shortest_edge": 32 * 32, "longest_edge": 128 * 128}
    return Qwen2VLImageProcessorPil(size=size, patch_size=8, merge_size=2, temporal_patch_size=2)


def _special(tokenizer: Any, *names: str) -> dict[str, int]:
    pads = {"image": "image_pad", "video": "video_pad"}
    return {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{pads.get(name, name)}|>") for name in names
    }


def _write(
    folder: Path, config: Any, weights: dict[str, Any], made_for: str, kind: str, *, old_names: bool
) -> None:
    """Config and weights as a class of the makers' own saves them."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    content = {
        **config.to_dict(),
        "architectures": [made_for],
        "model_type": kind,
        "auto_map": {"AutoModel": f"modeling.{made_for}"},
    }
    (folder / "config.json").write_text(json.dumps(content), "utf-8")
    (folder / "modeling.py").write_text(FORBIDDEN, "utf-8")
    named = {_old(name) if old_names else name: weight.contiguous() for name, weight in weights.items()}
    save_file(named, folder / "model.safetensors", {"format": "pt"})


def _old(name: str) -> str:
    return re.sub(r"^model\.(visual|audio_tower)\.", r"\1.", name.replace("model.language_model.", "model."))
