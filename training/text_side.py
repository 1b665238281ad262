"""Learns the starter's tokenizer and token vectors from query-passage pairs."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from docsearch.models.vision import mend_torchvision

mend_torchvision()
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import MatryoshkaLoss, MultipleNegativesRankingLoss
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from docsearch.models.protocols import ModelInput
from docsearch.models.starter.embedder import StarterEmbedder
from docsearch.models.starter.module import StarterModule
from docsearch.models.starter.weights import StarterWeights
from docsearch.models.starter.words import WordPieces
from training.pairs import Pair

VOCABULARY = 30_000
BATCH = 2048
LEARNING_RATE = 0.2
WARM_UP = 0.1
MATRYOSHKA = (256, 128, 64)
DIRECTIONS = ("query_to_doc", "doc_to_query")
SCALE = 20.0


def train_tokenizer(texts: Iterator[str]) -> Tokenizer:
    """A lower-casing WordPiece tokenizer."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=40))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY,
        min_frequency=3,
        limit_alphabet=600,
        special_tokens=["[UNK]"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def train_tokens(
    weights: StarterWeights, pairs: Sequence[Pair], epochs: int, seed: int
) -> NDArray[np.float32]:
    """Token vectors after contrastive training with in-batch negatives, shape (vocabulary, dimensions)."""
    torch.manual_seed(seed)
    module = StarterModule(weights)
    model = SentenceTransformer(modules=[module], device="cpu")
    contrast = MultipleNegativesRankingLoss(
        model, scale=SCALE, directions=DIRECTIONS, partition_mode="per_direction"
    )
    loss = MatryoshkaLoss(model, contrast, list(MATRYOSHKA))
    words = WordPieces(weights.tokenizer)
    queries, passages = words.bags([p.query for p in pairs]), words.bags([p.passage for p in pairs])
    optimiser = torch.optim.Adam([module.tokens.weight], lr=LEARNING_RATE)
    steps = epochs * (len(pairs) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    for step, batch in enumerate(_batches(len(pairs), epochs, seed)):
        sides = [module.text_features([bags[i] for i in batch]) for bags in (queries, passages)]
        value = loss(sides, torch.zeros(len(batch)))
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        schedule.step()
        if step % 20 == 0:
            print(f"step {step}/{steps} loss {value.item():.3f}", flush=True)
    return np.asarray(module.tokens.weight.detach().numpy())


def recall_at(embedder: StarterEmbedder, pairs: Sequence[Pair], k: int) -> float:
    """Share of the queries whose own passage is among the `k` best of all these passages."""
    queries = embedder.embed_queries([ModelInput(text=p.query) for p in pairs])
    pages = embedder.embed_pages([ModelInput(text=p.passage) for p in pairs])
    found = 0
    for part in np.array_split(np.arange(len(pairs)), len(pairs) // BATCH + 1):
        scores = queries[part] @ pages.T
        own = scores[np.arange(len(part)), part]
        found += int(((scores > own[:, None]).sum(axis=1) < k).sum())
    return found / len(pairs)


def _batches(pairs: int, epochs: int, seed: int) -> Iterator[list[int]]:
    rng = random.Random(seed)
    for _ in range(epochs):
        order = rng.sample(range(pairs), pairs)
        for start in range(0, pairs - BATCH + 1, BATCH):
            yield order[start : start + BATCH]


def _rate(step: int, steps: int) -> float:
    warm_up = max(1, int(steps * WARM_UP))
    return (step + 1) / warm_up if step < warm_up else max(0.02, (steps - step) / (steps - warm_up))
