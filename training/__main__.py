"""Makes all models that ship: `python -m training --data FOLDER`.

The embedder's weights are written into the package; the reranker's are printed, for `RerankWeights`.
"""

from __future__ import annotations

import argparse

from training import train_reranker, train_starter


def main() -> None:
    """Trains the embedder, then the reranker with it."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--data", required=True, help="folder with *.jsonl.gz and corpus/")
    data = parser.parse_args().data
    train_starter.main(["--data", data])
    train_reranker.main(["--data", data])


if __name__ == "__main__":
    main()
