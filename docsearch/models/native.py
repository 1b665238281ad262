"""Models whose repositories bring code of their own, run by the classes of transformers instead.

Layers and weights are those of the makers. What their code does besides is written anew here, from what is
known of it, so that none of it has to run: a head that scores, words around an input, attention both ways.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sentence_transformers.base.modules import InputModule
from torch import cat, full_like, nn
from transformers import (
    PreTrainedModel,
    Qwen2_5OmniProcessor,
    Qwen2_5OmniThinkerConfig,
    Qwen2_5OmniThinkerModel,
    Qwen2VLConfig,
    Qwen2VLModel,
    Qwen2VLPreTrainedModel,
    Qwen2VLProcessor,
)

from docsearch.errors import ModelUnavailable
from docsearch.models.inputs import beginning
from docsearch.models.protocols import IMAGE, TEXT

Values = str | Mapping[str, Any]
"""An input: its text, or text and picture by these names."""


class Reader(InputModule):  # type: ignore[misc]  # untyped library
    """A model of transformers and its processor, as the first part of a model of Sentence Transformers."""

    modalities: tuple[Any, ...] = (TEXT, IMAGE)

    def __init__(self, model: PreTrainedModel, processor: Any) -> None:
        super().__init__()
        self.model = model
        self.processor = processor

    @property
    def tokenizer(self) -> Any:
        """What makes tokens of text."""
        return self.processor.tokenizer

    @property
    def max_seq_length(self) -> int:
        """The most tokens of an input that are read."""
        return int(self.tokenizer.model_max_length)

    @max_seq_length.setter
    def max_seq_length(self, tokens: int) -> None:
        self.tokenizer.model_max_length = tokens

    def save(self, output_path: str, *_: Any, **__: Any) -> None:
        """Writes what is read again as it was: the model under the name its makers gave it."""
        self.model.save_pretrained(output_path)
        self.processor.save_pretrained(output_path)

    def processed(self, texts: list[str], images: list[Any]) -> dict[str, Any]:
        """Tokens and pixels, padded on the left."""
        self.tokenizer.padding_side = "left"
        found = self.processor(text=texts, images=images or None, padding=True, return_tensors="pt")
        return dict(found)


class WithoutAdapters:
    """A model that is trained whole or not at all: adapters to it would not be found when it is opened."""

    def add_adapter(self, *_: Any, **__: Any) -> None:
        """Raises ModelUnavailable."""
        raise ModelUnavailable(
            f"{type(self).__name__} cannot be trained with LoRA", hint="train another model"
        )


class JinaVLForRanking(WithoutAdapters, Qwen2VLPreTrainedModel):  # type: ignore[misc]  # untyped library
    """A Qwen2-VL that ends in a score: two layers over the state of the last token."""

    def __init__(self, config: Qwen2VLConfig) -> None:
        super().__init__(config)
        width = config.get_text_config().hidden_size
        self.model = Qwen2VLModel(config)
        self.score = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))
        self.post_init()

    def forward(self, **inputs: Any) -> Any:
        """Scores, shape (inputs, 1), on the scale before a sigmoid."""
        states = self.model(**inputs, use_cache=False).last_hidden_state
        return self.score(states[:, -1])


class JinaReranker(Reader):
    """jina-reranker-m0: the page, then the query, then the token whose state is scored."""

    SCORED = 100
    """A token that no text has there: half of a letter."""
    QUERY_TOKENS = 512
    FRAME_TOKENS = 32
    """What stands around page and query is shorter."""
    PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"

    def preprocess(
        self, inputs: Sequence[tuple[Values, Values]], prompt: str | None = None, **_: Any
    ) -> dict[str, Any]:
        """Features of pairs of a query and a page."""
        texts = [self._written(query, page, prompt or "") for query, page in inputs]
        images = [page[IMAGE] for _, page in inputs if isinstance(page, Mapping) and IMAGE in page]
        features = self.processed(texts, images)
        ends = {"input_ids": self.SCORED, "attention_mask": 1, "mm_token_type_ids": 0}
        for name in ends.keys() & features.keys():
            rows = features[name]
            features[name] = cat([rows, full_like(rows[:, :1], ends[name])], dim=1)
        return features

    def forward(self, features: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Adds the scores."""
        return {**features, "scores": self.model(**features)}

    def _written(self, query: Values, page: Values, prompt: str) -> str:
        asked = beginning(prompt + _text(query), self.QUERY_TOKENS, self.tokenizer)
        if isinstance(page, Mapping) and IMAGE in page:
            shown = self.PICTURE
        else:
            room = self.max_seq_length - self.QUERY_TOKENS - self.FRAME_TOKENS
            shown = beginning(_text(page), room, self.tokenizer)
        return f"**Document**:\n{shown}\n**Query**:\n{asked}"


class NVOmniEmbedModel(WithoutAdapters, Qwen2_5OmniThinkerModel):  # type: ignore[misc]  # untyped library
    """The part of Qwen2.5-Omni that reads, whose tokens look both ways."""

    def __init__(self, config: Qwen2_5OmniThinkerConfig) -> None:
        config.text_config.is_causal = False
        super().__init__(config)
        for layer in self.language_model.layers:
            layer.self_attn.is_causal = False  # counts where no mask is needed


class OmniEmbedder(Reader):
    """omni-embed-nemotron-3b: what is shown stands in a talk, the prompt before its text."""

    modalities = (TEXT, IMAGE, (IMAGE, TEXT))

    def preprocess(self, inputs: Sequence[Values], prompt: str | None = None, **_: Any) -> dict[str, Any]:
        """Features of texts, pictures, or both; the prompt stands before the text, or alone."""
        talks = [[{"role": "user", "content": _content(given, prompt or "")}] for given in inputs]
        texts = self.processor.apply_chat_template(talks, add_generation_prompt=False, tokenize=False)
        images = [given[IMAGE] for given in inputs if isinstance(given, Mapping) and IMAGE in given]
        if not images:
            texts = [beginning(text, self.max_seq_length, self.tokenizer) for text in texts]
        return self.processed(texts, images)

    def forward(self, features: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Adds a vector a token."""
        states = self.model(**features, use_cache=False).last_hidden_state
        return {**features, "token_embeddings": states}

    def get_embedding_dimension(self) -> int:
        """Length of a token's vector."""
        return int(self.model.config.text_config.hidden_size)


def open_jina(folder: Path, **how: Any) -> JinaReranker:
    """The reranker in a folder, opened as `how` says; raises ValueError when weights are missing."""
    names = {r"^visual\.": "model.visual.", r"^model\.(?!language_model|visual)": "model.language_model."}
    model = _whole(JinaVLForRanking, folder, key_mapping=names, **how)
    return JinaReranker(model, Qwen2VLProcessor.from_pretrained(folder, local_files_only=True))


def open_omni(folder: Path, **how: Any) -> OmniEmbedder:
    """The embedder in a folder, opened as `how` says; raises ValueError when weights are missing."""
    stored = json.loads((folder / "config.json").read_text("utf-8"))
    config = Qwen2_5OmniThinkerConfig.from_dict({k: v for k, v in stored.items() if k != "auto_map"})
    names = {r"^model\.(?!language_model|visual|audio_tower)": "language_model.", r"^model\.": ""}
    model = _whole(NVOmniEmbedModel, folder, config=config, key_mapping=names, **how)
    return OmniEmbedder(model, Qwen2_5OmniProcessor.from_pretrained(folder, local_files_only=True))


def _whole(kind: type[PreTrainedModel], folder: Path, **how: Any) -> PreTrainedModel:
    model, told = kind.from_pretrained(folder, local_files_only=True, output_loading_info=True, **how)
    if missing := sorted(told["missing_keys"]):
        raise ValueError(f"its files have no weights for {missing[0]} and {len(missing) - 1} others")
    return model


def _text(given: Values) -> str:
    return given if isinstance(given, str) else given.get(TEXT, "")


def _content(given: Values, prompt: str) -> list[dict[str, Any]]:
    said = [{"type": TEXT, TEXT: prompt + _text(given)}]
    if isinstance(given, Mapping) and IMAGE in given:
        said.append({"type": IMAGE, IMAGE: given[IMAGE]})
    return said
