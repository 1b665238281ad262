"""Makes the starter's weights: `python -m training.train_starter --data FOLDER`.

Takes about twenty minutes on two shared CPU cores. The seed is fixed: the same data gives the same
weights up to the rounding of the machine. `--sides` with nothing after it only measures what is there.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np
from PIL import Image

from docsearch.models.starter.embedder import StarterEmbedder
from docsearch.models.starter.picture import describe
from docsearch.models.starter.weights import StarterWeights, quantise, write_weights
from training.pairs import Pair, read_held_out, read_pairs, read_texts
from training.picture_side import fit_projection
from training.text_side import MATRYOSHKA, recall_at, train_tokenizer, train_tokens

TEXT_DIMENSIONS = 128
IMAGE_DIMENSIONS = 127
TOKENIZER_DOCUMENTS = 12_000
TOKENIZER_PAIRS = 60_000


def main(argv: Sequence[str] | None = None) -> None:
    """Trains the sides that are asked for and writes the weights folder."""
    arguments = _arguments(argv)
    start = time.perf_counter()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if "text" in arguments.sides:
        train_text(arguments.data, arguments.out, arguments.pairs, arguments.epochs, arguments.seed)
        print(f"text side, {time.perf_counter() - start:.0f} s", flush=True)
    if "pictures" in arguments.sides:
        train_pictures(arguments.data, arguments.out, arguments.seed)
        print(f"picture side, {time.perf_counter() - start:.0f} s", flush=True)
    print_recall(arguments.data, arguments.out)


def train_text(data: Path, out: Path, limit: int, epochs: int, seed: int) -> None:
    """Tokenizer and token vectors from query-passage pairs."""
    pairs = read_pairs(data, limit, random.Random(seed))
    print(f"{len(pairs)} pairs", flush=True)
    weights = _untrained(data, pairs, out, seed)
    tokens, scales = quantise(train_tokens(weights, pairs, epochs, seed))
    write_weights(out, weights.tokenizer, tokens, scales, weights.mean, weights.projection)


def print_recall(data: Path, out: Path) -> None:
    """Recall of the weights in `out` on held-out pairs, for every length of vector."""
    pairs = read_held_out(data)
    print(f"{len(pairs)} held-out queries, {len({pair.passage for pair in pairs})} passages")
    for dimensions in MATRYOSHKA:
        embedder = StarterEmbedder(out, dimensions=dimensions)
        first, tenth = (recall_at(embedder, pairs, k) for k in (1, 10))
        print(f"{dimensions} dimensions: recall@1 {first:.3f}, recall@10 {tenth:.3f}", flush=True)


def train_pictures(data: Path, out: Path, seed: int) -> None:
    """The picture projection from pages drawn on the spot; the text side in `out` stays as it is."""
    weights = StarterWeights.read(out)
    texts = [text for _, text in islice(read_texts(data), 0, 30_000, 15)]
    mean, projection = fit_projection(texts, IMAGE_DIMENSIONS, seed)
    write_weights(out, weights.tokenizer, weights.tokens, weights.scales, mean, projection)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with *.jsonl.gz and corpus/")
    parser.add_argument("--out", type=Path, default=Path("docsearch/models/starter"))
    parser.add_argument("--sides", nargs="*", choices=("text", "pictures"), default=["text", "pictures"])
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args(argv)


def _untrained(data: Path, pairs: Sequence[Pair], out: Path, seed: int) -> StarterWeights:
    """The trained tokenizer with random token vectors and a random projection."""
    documents = (text[:20_000] for _, text in islice(read_texts(data), 0, None, 4))
    passages = (f"{pair.query}\n{pair.passage}" for pair in pairs[:TOKENIZER_PAIRS])
    tokenizer = train_tokenizer(chain(passages, islice(documents, TOKENIZER_DOCUMENTS)))
    generator = np.random.default_rng(seed)
    tokens = generator.normal(0, 1, (tokenizer.get_vocab_size(), TEXT_DIMENSIONS)).astype(np.float32)
    sample = describe(Image.linear_gradient("L"))
    assert sample is not None
    projection = generator.normal(0, 1, (len(sample), IMAGE_DIMENSIONS)).astype(np.float32)
    write_weights(out, tokenizer, *quantise(tokens), np.zeros_like(sample), projection)
    return StarterWeights.read(out)


if __name__ == "__main__":
    main()
