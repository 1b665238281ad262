"""Makes the starter's weights: `python -m training.train_starter --data FOLDER`.

Takes about five minutes on two CPU cores. The seed is fixed; the same data gives the same weights up to
the rounding of the machine.
"""

from __future__ import annotations

import argparse
import random
import time
from itertools import chain, islice
from pathlib import Path

import numpy as np

from docsearch.models.starter.picture import describe
from docsearch.models.starter.weights import TOKENIZER_FILE, WEIGHTS_FILE, StarterWeights, quantise
from training.pairs import Pair, read_pairs, read_texts
from training.text_side import recall_at, train_tokenizer, train_tokens

TEXT_DIMENSIONS = 256
IMAGE_DIMENSIONS = 127
HELD_OUT = 2_000
TOKENIZER_DOCUMENTS = 12_000


def main() -> None:
    """Trains both sides and writes the weights folder."""
    arguments = _arguments()
    rng = random.Random(arguments.seed)
    start = time.perf_counter()
    pairs = read_pairs(arguments.data, arguments.pairs, rng)
    held_out, pairs = pairs[:HELD_OUT], pairs[HELD_OUT:]
    print(f"{len(pairs)} pairs, {time.perf_counter() - start:.0f} s", flush=True)
    weights = _untrained(arguments.data, pairs, arguments.out, arguments.seed)
    print(f"tokenizer, {time.perf_counter() - start:.0f} s", flush=True)
    tokens, scales = quantise(train_tokens(weights, pairs, arguments.epochs, arguments.seed))
    _write(arguments.out, tokens, scales, weights.mean, weights.projection)
    print(f"text, {time.perf_counter() - start:.0f} s")
    for k in (1, 10):
        print(f"held-out recall@{k} among {len(held_out)}: {recall_at(arguments.out, held_out, k):.3f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with *.jsonl.gz and corpus/")
    parser.add_argument("--out", type=Path, default=Path("docsearch/models/starter"))
    parser.add_argument("--pairs", type=int, default=200_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


def _untrained(data: Path, pairs: list[Pair], out: Path, seed: int) -> StarterWeights:
    documents = (text[:20_000] for _, text in islice(read_texts(data), 0, None, 4))
    texts = chain(
        (p.query + "\n" + p.passage for p in pairs[:60_000]), islice(documents, TOKENIZER_DOCUMENTS)
    )
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(texts)
    tokenizer.save(str(out / TOKENIZER_FILE), pretty=False)
    generator = np.random.default_rng(seed)
    tokens = generator.normal(0, 1, (tokenizer.get_vocab_size(), TEXT_DIMENSIONS)).astype(np.float32)
    length = describe_length()
    projection = generator.normal(0, 1, (length, IMAGE_DIMENSIONS)).astype(np.float32)
    _write(out, *quantise(tokens), np.zeros(length, np.float32), projection)
    return StarterWeights.read(out)


def describe_length() -> int:
    """Numbers in a picture description."""
    from PIL import Image

    sample = Image.linear_gradient("L")
    description = describe(sample)
    assert description is not None
    return len(description)


def _write(out: Path, tokens, scales, mean, projection) -> None:
    np.savez(
        out / WEIGHTS_FILE,
        tokens=tokens,
        scales=scales.astype(np.float16),
        mean=mean.astype(np.float16),
        projection=projection.astype(np.float16),
    )


if __name__ == "__main__":
    main()
