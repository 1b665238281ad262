"""Tiny models in folders laid out as those of models.toml are on the hub, built without a download."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docsearch.models.vision import mend_torchvision
from tests.models import tiny

FORBIDDEN = 'raise SystemExit("code of a model ran without leave")\n'
"""A module that nobody may import."""


def clip_in_a_subfolder(folder: Path) -> Path:
    """As sentence-transformers/clip-ViT-L-14: the model in 0_CLIPModel, its weights pickled."""
    import torch
    from safetensors.torch import load_file

    inside = tiny.tiny_clip(folder / "0_CLIPModel")
    torch.save(load_file(inside / "model.safetensors"), inside / "pytorch_model.bin")
    (inside / "model.safetensors").unlink()
    module = {"idx": 0, "name": "0", "path": inside.name, "type": "sentence_transformers.models.CLIPModel"}
    _write(folder / "modules.json", [module])
    _write(folder / "config_sentence_transformers.json", {"__version__": {"sentence_transformers": "2.0.0"}})
    return folder


def clip_with_code(folder: Path) -> Path:
    """As BAAI/BGE-VL-base: a CLIP whose config names a class of its own, which does not need to run."""
    tiny.tiny_clip(folder)
    _change(folder / "config.json", auto_map={"AutoModel": "modeling_own.CLIPModel"})
    (folder / "modeling_own.py").write_text(FORBIDDEN, "utf-8")
    return folder


def modernbert(folder: Path) -> Path:
    """As ibm-granite/granite-embedding-small-english-r2: a ModernBERT, its first token, made unit."""
    mend_torchvision()
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
    from transformers import BertTokenizerFast, ModernBertConfig, ModernBertModel

    torch.manual_seed(6)
    bare = folder / "bare"
    tokenizer = BertTokenizerFast(vocab=str(tiny.word_pieces(bare)), model_max_length=512)
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=512,
        global_attn_every_n_layers=3,
        local_attention=8,
        initializer_range=0.5,
        **{f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "cls", "sep")},
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
    )
    ModernBertModel(config).save_pretrained(bare)
    tokenizer.save_pretrained(bare)
    parts = [Transformer(str(bare)), Pooling(16, "cls"), Normalize()]
    SentenceTransformer(modules=parts, device="cpu").save_pretrained(str(folder / "saved"))
    return folder / "saved"


def static(folder: Path) -> Path:
    """As sentence-transformers/static-retrieval-mrl-en-v1: a vector for every token, and their mean."""
    mend_torchvision()
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    torch.manual_seed(5)
    words = {
        word: i for i, word in enumerate(tiny.word_pieces(folder / "words").read_text("utf-8").split("\n"))
    }
    tokenizer = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    module = StaticEmbedding(tokenizer, embedding_dim=16)
    SentenceTransformer(modules=[module], device="cpu").save_pretrained(str(folder / "saved"))
    return folder / "saved"


def saved_qwen3_vl(folder: Path) -> Path:
    """As Qwen/Qwen3-VL-Embedding-2B: saved by Sentence Transformers, last token, made unit."""
    mend_torchvision()
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    transformer = Transformer(str(tiny.tiny_qwen3_vl(folder / "bare")))
    pooling = Pooling(transformer.get_embedding_dimension(), "lasttoken")
    model = SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu")
    model.save_pretrained(str(folder / "saved"))
    return folder / "saved"


PAIR = (
    "{% for message in messages %}{{ message.role }}: "
    "{% if message.content is string %}{{ message.content }}"
    "{% else %}{% for part in message.content %}{{ part.text }}{% endfor %}{% endif %}\n{% endfor %}"
    "relevance:"
)


def bare_qwen2(folder: Path) -> Path:
    """A language model of Qwen 2, as transformers saves it, whose chat template takes query and document."""
    mend_torchvision()
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(6)
    tokenizer = tiny._qwen_tokenizer()
    tokenizer.chat_template = PAIR
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=64,
        max_position_embeddings=512,
        initializer_range=0.1,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def saved_qwen2_reranker(folder: Path) -> Path:
    """As mixedbread-ai/mxbai-rerank-base-v2: the word it would say next, saved by Sentence Transformers."""
    mend_torchvision()
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore

    transformer = Transformer(str(bare_qwen2(folder / "bare")), transformer_task="text-generation")
    vocabulary = transformer.tokenizer.get_vocab()
    score = LogitScore(vocabulary["1"], vocabulary["0"])
    CrossEncoder(modules=[transformer, score], device="cpu").save_pretrained(str(folder / "saved"))
    return folder / "saved"


OWN_CODE = """
import torch
from transformers import BertConfig, BertModel, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, SequenceClassifierOutput


class OwnConfig(BertConfig):
    model_type = "own_kind"


class OwnModel(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.bert = BertModel(config)
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, **kwargs):
        return BaseModelOutput(last_hidden_state=self.bert(input_ids, attention_mask).last_hidden_state * 2)


class OwnReranker(OwnModel):
    def forward(self, input_ids=None, attention_mask=None, **kwargs):
        states = super().forward(input_ids, attention_mask).last_hidden_state
        return SequenceClassifierOutput(logits=states[:, 0, :1])
"""


def own_code(folder: Path) -> Path:
    """As nvidia/llama-nemotron-embed-vl-1b-v2: of a kind that transformers does not know, with its code."""
    tiny.tiny_bert(folder)
    names = {"AutoConfig": "OwnConfig", "AutoModel": "OwnModel"}
    names["AutoModelForSequenceClassification"] = "OwnReranker"
    auto_map = {auto: f"modeling_own.{name}" for auto, name in names.items()}
    _change(folder / "config.json", auto_map=auto_map, model_type="own_kind", architectures=["OwnModel"])
    (folder / "modeling_own.py").write_text(OWN_CODE, "utf-8")
    return folder


OWN_PART = """
from sentence_transformers.base.modules import Transformer


class Reader(Transformer):
    pass
"""


def own_part(folder: Path) -> Path:
    """Saved by Sentence Transformers, its first part of a class that lies in the folder."""
    mend_torchvision()
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    transformer = Transformer(str(tiny.tiny_bert(folder / "bare")))
    pooling = Pooling(transformer.get_embedding_dimension(), "mean")
    saved = folder / "saved"
    SentenceTransformer(modules=[transformer, pooling], device="cpu").save_pretrained(str(saved))
    parts = json.loads((saved / "modules.json").read_text("utf-8"))
    _write(saved / "modules.json", [{**parts[0], "type": "own_part.Reader"}, *parts[1:]])
    (saved / "own_part.py").write_text(OWN_PART, "utf-8")
    return saved


def _change(file: Path, **values: Any) -> None:
    _write(file, {**json.loads(file.read_text("utf-8")), **values})


def _write(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content), "utf-8")


def llava_next(folder: Path) -> Path:
    """As BAAI/BGE-VL-MLLM-S1: a LLaVA-NeXT as transformers saves it, which cuts pictures into tiles."""
    mend_torchvision()
    import torch
    from transformers import (
        LlavaNextConfig,
        LlavaNextForConditionalGeneration,
        LlavaNextImageProcessorPil,
        LlavaNextProcessor,
    )

    torch.manual_seed(7)
    tokenizer = tiny._qwen_tokenizer()
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    words = {"model_type": "mistral", "vocab_size": len(tokenizer), "num_key_value_heads": 1, "head_dim": 16}
    eyes = {"model_type": "clip_vision_model", "image_size": 32, "patch_size": 8, "projection_dim": 32}
    config = LlavaNextConfig(
        text_config={**sizes, **words, "max_position_embeddings": 1024, "initializer_range": 0.2},
        vision_config={**sizes, **eyes},
        image_grid_pinpoints=[[32, 64], [64, 32]],
        image_token_index=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
    )
    LlavaNextForConditionalGeneration(config).save_pretrained(folder)
    pictures = LlavaNextImageProcessorPil(
        size={"shortest_edge": 32},
        crop_size={"height": 32, "width": 32},
        image_grid_pinpoints=[[32, 64], [64, 32]],
    )
    LlavaNextProcessor(
        pictures,
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=tiny.CHAT.replace("<|vision_start|><|image_pad|><|vision_end|>", "<|image_pad|>"),
        image_token="<|image_pad|>",
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    return folder
