"""Makes small GGUF models that llama.cpp loads in a moment, and that say what a test wants them to say.

Each is a Llama of one layer whose attention and feed-forward parts are zero, so that the next token
depends on the last one alone: the output matrix is a table of what follows what.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = (
    "{% for message in messages %}{% if message['role'] == 'system' %}{{ raise_exception('no system') }}"
    "{% endif %}<|im_start|>{{ message['role'] }}\n{{ message['content'] | trim }}<|im_end|>\n{% endfor %}"
    "{{ '<|im_start|>model\n' }}"
)
CONTROL = ("<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>")
START, END = 3, 4
_WIDTH = 512
_HEADS = 8
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_NEWLINE = len(CONTROL) + ord("\n")


def speaking_gguf(
    path: Path,
    says: Sequence[str],
    *,
    template: str = CHATML,
    context: int = 8192,
    ends: bool = True,
    layers: int = 1,
) -> Path:
    """A model that answers everything with these pieces, one token each (all different, of three letters
    or more); without `ends` it says them for ever. More `layers` make it slower, not wiser."""
    import gguf

    pieces = [piece.replace(" ", "\u2581") for piece in says]
    tokens = [*CONTROL, *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *pieces]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(context)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(64)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(_kinds(len(tokens)))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    if template:
        writer.add_chat_template(template)
    _add_tensors(writer, _follows(len(tokens), len(pieces), ends), layers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _kinds(tokens: int) -> list[int]:
    control = [_UNKNOWN, *[_CONTROL] * (len(CONTROL) - 1)]
    return [*control, *[_BYTE] * 256, *[_NORMAL] * (tokens - len(control) - 256)]


def _follows(tokens: int, pieces: int, ends: bool) -> dict[int, int]:
    """What comes after each token: after a line break the first piece, then one after the other."""
    first = tokens - pieces
    chain = [_NEWLINE, *range(first, tokens), END if ends else first]
    return dict(pairwise(chain))


def _add_tensors(writer: object, follows: dict[int, int], layers: int) -> None:
    tokens = max(max(follows), max(follows.values())) + 1
    embedding = np.zeros((tokens, _WIDTH), np.float32)
    embedding[range(tokens), range(tokens)] = 1.0
    output = np.zeros((tokens, _WIDTH), np.float32)
    for before, after in follows.items():
        output[after, before] = 1.0
    add = writer.add_tensor  # type: ignore[attr-defined]
    add("token_embd.weight", embedding)
    add("output_norm.weight", np.ones(_WIDTH, np.float32))
    add("output.weight", output)
    for layer in range(layers):
        for name in ("attn_norm", "ffn_norm"):
            add(f"blk.{layer}.{name}.weight", np.ones(_WIDTH, np.float32))
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"blk.{layer}.{name}.weight", np.zeros((_WIDTH, _WIDTH), np.float32))
        for name, shape in (("gate", (64, _WIDTH)), ("up", (64, _WIDTH)), ("down", (_WIDTH, 64))):
            add(f"blk.{layer}.ffn_{name}.weight", np.zeros(shape, np.float32))


def seeing_gguf(path: Path) -> Path:
    """The file that lets such a model see: a vision encoder of one layer with Gemma's projector."""
    import gguf

    writer = gguf.GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "gemma3")
    sizes = {"image_size": 64, "patch_size": 16, "embedding_length": 32, "feed_forward_length": 64}
    for name, value in {
        **sizes,
        "projection_dim": _WIDTH,
        "block_count": 1,
        "attention.head_count": 2,
    }.items():
        writer.add_uint32(f"clip.vision.{name}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    writer.add_bool("clip.use_gelu", True)
    random = np.random.default_rng(1)
    layer = {f"attn_{name}": (32, 32) for name in ("q", "k", "v", "out")}
    weights = {
        "v.patch_embd": (32, 3, 16, 16),
        "v.post_ln": (32,),
        "v.blk.0.ln1": (32,),
        "v.blk.0.ln2": (32,),
        "v.blk.0.ffn_up": (64, 32),
        "v.blk.0.ffn_down": (32, 64),
        **{f"v.blk.0.{name}": shape for name, shape in layer.items()},
    }
    for name, shape in weights.items():
        writer.add_tensor(f"{name}.weight", random.standard_normal(shape).astype(np.float32) * 0.02)
        writer.add_tensor(f"{name}.bias", np.zeros(shape[0], np.float32))
    writer.add_tensor("v.position_embd.weight", np.zeros((16, 32), np.float32))
    writer.add_tensor("mm.input_projection.weight", np.zeros((32, _WIDTH), np.float32))
    writer.add_tensor("mm.soft_emb_norm.weight", np.ones(32, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
