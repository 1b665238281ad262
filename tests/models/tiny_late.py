"""Late-interaction models of real architectures, with few random weights, built without a download."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docsearch.models.vision import mend_torchvision
from tests.models import tiny

DIMENSIONS = 16
"""Of the models of transformers; those that Sentence Transformers puts together have 128."""


def tiny_colqwen2(folder: Path) -> Path:
    """A ColQwen2 as transformers saves it: a token for every 16 x 16 pixels of a picture."""
    mend_torchvision()
    import torch
    from transformers import (
        ColQwen2Config,
        ColQwen2ForRetrieval,
        ColQwen2Processor,
        Qwen2VLImageProcessorPil,
    )

    torch.manual_seed(4)
    tokenizer = tiny._qwen_tokenizer()
    ids = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{token}|>")
        for name, token in (
            ("image", "image_pad"),
            ("video", "video_pad"),
            ("vision_start", "vision_start"),
            ("vision_end", "vision_end"),
        )
    }
    rope = {"rope_type": "default", "mrope_section": [4, 2, 2], "rope_theta": 10000.0}
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "intermediate_size": 64,
        "max_position_embeddings": 2048,
        "rope_parameters": rope,
        "initializer_range": 0.3,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
    }
    vision = {
        "depth": 2,
        "embed_dim": 32,
        "hidden_size": 32,
        "num_heads": 2,
        "mlp_ratio": 2,
        "patch_size": 8,
        "initializer_range": 0.3,
    }
    parts = {"model_type": "qwen2_vl", "text_config": text, "vision_config": vision, **ids}
    config = ColQwen2Config(vlm_config=parts, embedding_dim=DIMENSIONS)
    ColQwen2ForRetrieval(config).save_pretrained(folder)
    size = {"shortest_edge": 32 * 32, "longest_edge": 128 * 128}
    pictures = Qwen2VLImageProcessorPil(size=size, patch_size=8, merge_size=2, temporal_patch_size=2)
    ColQwen2Processor(pictures, tokenizer).save_pretrained(folder)
    return folder


def tiny_colmodernvbert(folder: Path) -> Path:
    """A ColModernVBERT as transformers saves it: a token for every tile of 32 x 32 pixels."""
    mend_torchvision()
    import torch
    from transformers import (
        ColModernVBertConfig,
        ColModernVBertForRetrieval,
        ColModernVBertProcessor,
        Idefics3ImageProcessorPil,
    )

    torch.manual_seed(5)
    tokenizer = _idefics_tokenizer()
    pictures = Idefics3ImageProcessorPil(size={"longest_edge": 128}, max_image_size={"longest_edge": 32})
    processor = ColModernVBertProcessor(pictures, tokenizer, image_seq_len=1)
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    text = {
        "model_type": "modernbert",
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 2048,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "cls_token_id": tokenizer.bos_token_id,
        "sep_token_id": tokenizer.eos_token_id,
        "initializer_range": 0.3,
        **small,
    }
    vision = {"model_type": "siglip_vision_model", "image_size": 32, "patch_size": 8, **small}
    parts = {
        "model_type": "modernvbert",
        "text_config": text,
        "vision_config": vision,
        "image_token_id": processor.image_token_id,
    }
    config = ColModernVBertConfig(vlm_config=parts, embedding_dim=DIMENSIONS)
    ColModernVBertForRetrieval(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def tiny_colpali(folder: Path) -> Path:
    """A ColPali as transformers saves it: 16 tokens for every picture, which is made a square."""
    mend_torchvision()
    import torch
    from transformers import ColPaliConfig, ColPaliForRetrieval, ColPaliProcessor, SiglipImageProcessorPil

    torch.manual_seed(7)
    pictures = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    pictures.image_seq_length = 16
    processor = ColPaliProcessor(pictures, _idefics_tokenizer())
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    words = {"vocab_size": len(processor.tokenizer), "num_key_value_heads": 1, "head_dim": 16}
    parts = {
        "model_type": "paligemma",
        "text_config": {"model_type": "gemma", **small, **words, "initializer_range": 0.3},
        "vision_config": {
            "model_type": "siglip_vision_model",
            **small,
            "image_size": 32,
            "patch_size": 8,
            "vision_use_head": False,
        },
        "projection_dim": 32,
        "image_token_index": processor.image_token_id,
    }
    ColPaliForRetrieval(ColPaliConfig(vlm_config=parts, embedding_dim=DIMENSIONS)).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def tiny_colbert(folder: Path) -> Path:
    """A ColBERT for text as Sentence Transformers saves it, 128 numbers a token."""
    return _put_together(tiny.tiny_bert(folder / "bare"), folder / "saved")


def tiny_late_qwen3_vl(folder: Path) -> Path:
    """A Qwen3-VL for late interaction as Sentence Transformers saves it: text, picture, or both at once."""
    return _put_together(tiny.tiny_qwen3_vl(folder / "bare"), folder / "saved")


def _put_together(bare: Path, target: Path) -> Path:
    """A transformer with a projection of random numbers."""
    import torch
    from sentence_transformers import MultiVectorEncoder

    torch.manual_seed(6)
    MultiVectorEncoder(str(bare), device="cpu").save_pretrained(str(target))
    return target


def _idefics_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pictured = ["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>"]
    tiles = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<pad>", "<unk>", "<s>", "</s>", "<|begin_of_text|>", *pictured, *tiles],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(tiny.WORDS)], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
