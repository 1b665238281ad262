"""Distilled encoders of queries: how fast they are, and how much of the large model they keep.

No weights of a large model are at hand, so two teachers stand in for one. The transformer of two layers is
trained here for some minutes on pairs of query and passage, from the shipped token vectors on: it reads words
in their context and order, which its student cannot, but knows them as the student does, so it is easier to
follow than a real embedder. Latent semantic analysis of the corpus knows no language but which words of these
pages occur together, so nothing that is known of a word beforehand helps, and the words that only held-out
documents use cannot be known at all: it is harder to follow. A real embedder should lie between the two;
`models distill` measures where, and uses no student that keeps too little.

The corpus are passages that neither teacher nor shipped model saw. Beside the queries made of them for
the verdict, which are of documents the student never saw, stand people's own questions about these passages.
"""

from __future__ import annotations

import hashlib
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clustered import unit
from benchmarks.paraphrase import LEFT_OUT, TRAIN, write_documents
from benchmarks.program import add_home, home_folder
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from docsearch.config import IndexSettings, ModelSettings, OcrSettings, Settings
from docsearch.evaluate.metrics import ndcg10
from docsearch.ingest.pipeline import Indexer, Tier
from docsearch.learn.distill import Distilling
from docsearch.library import Library
from docsearch.models.distilled import read_student, student_file
from docsearch.models.protocols import Embedder, ModelInput, Vectors
from docsearch.models.starter.embedder import SHIPPED
from docsearch.models.starter.weights import StarterWeights
from docsearch.records import DistilledModel, DistillStep, PageId
from docsearch.store.vectors import VectorTable
from training.pairs import Pair, read_held_out, read_pairs

NAME = "transformer"
SETTINGS = Settings(
    index=IndexSettings(workers=1),
    ocr=OcrSettings(engine="off"),
    models=ModelSettings(embedder=NAME, device="cpu"),
)
WIDTH, LAYERS, HEADS = 256, 2, 4
QUERY_TOKENS, PASSAGE_TOKENS, PAGE_TOKENS = 32, 96, 256
BATCH, RATE, SCALE, PAIRS = 64, 5e-4, 20.0, 60_000
NEAREST, FEWEST = 10, 3
READS, LEARNS = "the model reads queries", "the small encoder learns"
MEASURES = "measuring on queries it never saw"


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--train", type=Path, default=TRAIN, metavar="DIR", help="folder of training pairs")
    parser.add_argument("--teacher", type=Path, metavar="DIR", help="a teacher trained here before")
    parser.add_argument(
        "--teacher-minutes", type=float, default=10, metavar="N", help="train it so long (10)"
    )
    parser.add_argument("--pages", type=int, default=3000, metavar="N", help="documents of the corpus (3000)")
    parser.add_argument("--queries", type=int, default=20_000, metavar="N", help="to learn from (20,000)")
    add_home(parser)
    options = parse_args(parser, argv, needs_docs=False)
    if not options.train.is_dir():
        parser.error(f"there is no folder {options.train}; name one with --train DIR")
    with home_folder(options.home) as home:
        teacher = options.teacher or home / NAME
        if not (teacher / "config.json").is_file():
            train_teacher(teacher, options.train, 60 * options.teacher_minutes)
        corpus = held_out_corpus(options.train, options.pages)
        emit(figures(home, teacher.resolve(), corpus, options.queries), as_json=options.json)


def held_out_corpus(train: Path, pages: int) -> list[Pair]:
    """Pairs of so many passages."""
    pairs = [pair for pair in read_held_out(train) if pair.kind not in LEFT_OUT]
    random.Random(0).shuffle(pairs)
    passages = set(list(dict.fromkeys(pair.passage for pair in pairs))[:pages])
    return [pair for pair in pairs if pair.passage in passages]


def figures(home: Path, teacher: Path, corpus: Sequence[Pair], queries: int) -> dict[str, Figure]:
    """Indexes the corpus with each teacher, distils it, and asks people's questions of both."""
    write_row(home, teacher)
    passages = list(dict.fromkeys(pair.passage for pair in corpus))
    names = write_documents(passages, home / "documents")
    found: dict[str, Figure] = {}
    with Library(home, SETTINGS) as library:
        for embedder in (library.chosen_models.named(NAME), LatentSemantics(passages)):
            note(f"{embedder.name}: {len(names)} documents")
            indexer = Indexer(library.store, SETTINGS, partial(_same, embedder))
            list(indexer.run([home / "documents"], tiers=(Tier.TEXT, Tier.VECTORS)))
            measured = of_teacher(library, embedder, corpus, names, queries)
            found |= {f"{embedder.name}_{name}": value for name, value in measured.items()}
    return found


def of_teacher(
    library: Library, teacher: Embedder, corpus: Sequence[Pair], names: Mapping[str, str], queries: int
) -> dict[str, Figure]:
    """Distils a teacher whose page vectors are there."""
    work = Distilling(library.clicks, teacher, library.folders.distilled)
    began, made = _distilled(work.run(queries=queries, seconds=3600.0, anyway=True))
    pages = {path.name: PageId(number, 1) for number, path in _paths(library)}
    asked = [pair for pair in corpus if names[pair.passage] in pages]
    own, texts = [pages[names[pair.passage]] for pair in asked], [pair.query for pair in asked]
    table = library.store.vectors(made.fingerprint, made.dimensions)
    student = read_student(student_file(library.folders.distilled, made.fingerprint))
    taught = _ndcg10(table, teacher.embed_queries([ModelInput(text=text) for text in texts]), own)
    learned, found = _ndcg10(table, student.encode(texts), own), made.figures
    return {
        "ms": 1000 * found.teacher_seconds,
        "student_ms": 1000 * found.student_seconds,
        "learned_from": made.learned_from,
        "reading_seconds": began[LEARNS] - began[READS],
        "training_seconds": began[MEASURES] - began[LEARNS],
        "cosine": found.cosine,
        "overlap10": found.overlap10,
        "first10": found.first10,
        "made_queries": found.with_page,
        "made_ndcg10": found.teacher_ndcg10,
        "made_student_ndcg10": found.student_ndcg10,
        "made_kept": found.kept,
        "questions": len(texts),
        "questions_ndcg10": taught,
        "questions_student_ndcg10": learned,
        "questions_kept": learned / taught if taught else None,
    }


def _same(embedder: Embedder) -> Embedder:
    return embedder


def write_row(home: Path, teacher: Path) -> None:
    """The teacher as a row of the user's own models."""
    keys = {"name": NAME, "role": "embedder", "source": str(teacher), "pooling": "mean"}
    lines = [*(f'{key} = "{value}"' for key, value in keys.items()), f"dimensions = {WIDTH}"]
    (home / "models.toml").write_text("\n".join(["[[model]]", *lines, f"max_tokens = {PAGE_TOKENS}", ""]))


def _distilled(
    steps: Iterator[DistillStep | DistilledModel],
) -> tuple[dict[str, float], DistilledModel]:
    """When each step began, and what came of them."""
    began: dict[str, float] = {}
    for step in steps:
        if isinstance(step, DistilledModel):
            return began, step
        if step.what not in began:
            note(step.what)
        began.setdefault(step.what, time.perf_counter())
    raise AssertionError("distilling ended without an outcome")


def _paths(library: Library) -> Iterator[tuple[int, Path]]:
    files = library.store.files.of_documents(library.store.documents.live())
    return ((number, file.path) for number, found in files.items() for file in found)


def _ndcg10(table: VectorTable, vectors: Vectors, own: Sequence[PageId]) -> float:
    """Of one relevant page a query, by the vectors alone."""
    gains = []
    for vector, page in zip(vectors, own, strict=True):
        found = [near for near, _ in table.nearest(vector, NEAREST)]
        gains.append(ndcg10([near == page for near in found], [1]))
    return float(np.mean(gains))


# -- the teachers ----------------------------------------------------------------------------------


class LatentSemantics:
    """An embedder by latent semantic analysis: words weighted by BM25, in the best few hundred dimensions."""

    name = "lsa"
    modalities, image_pixels = frozenset({"text"}), 0

    def __init__(self, passages: Sequence[str], dimensions: int = WIDTH) -> None:
        from scipy.sparse.linalg import svds

        self.dimensions = dimensions
        bags = [Counter(_words(passage)) for passage in passages]
        pages = Counter(word for bag in bags for word in bag)
        self.places = {word: place for place, word in enumerate(w for w, n in pages.items() if n >= FEWEST)}
        self.weights = np.array([np.log(1 + len(bags) / pages[word]) for word in self.places])
        self.length = sum(bag.total() for bag in bags) / len(bags)
        _, _, axes = svds(self._matrix(bags), k=self.dimensions, random_state=0)
        self.axes = axes.T
        self.fingerprint = hashlib.sha256(self.axes.tobytes()).hexdigest()[:16]

    def embed_queries(self, queries: Sequence[ModelInput]) -> Vectors:
        """Unit vectors; zeros for a query without known words."""
        return unit(self._matrix([Counter(_words(query.text)) for query in queries]) @ self.axes)

    def embed_pages(self, pages: Sequence[ModelInput]) -> Vectors:
        """The same for pages."""
        return self.embed_queries(pages)

    def _matrix(self, bags: Sequence[Counter[str]]) -> Any:
        """BM25 of each word of each text (k1 1.2, b 0.75), each text of unit length."""
        from scipy.sparse import csr_matrix

        rows, columns, values = [], [], []
        for row, bag in enumerate(bags):
            norm = 1.2 * (0.25 + 0.75 * bag.total() / self.length)
            known = [(self.places[w], n * 2.2 / (n + norm)) for w, n in bag.items() if w in self.places]
            weighed = np.array([value * self.weights[place] for place, value in known])
            rows += [row] * len(known)
            columns += [place for place, _ in known]
            values += (weighed / np.maximum(np.linalg.norm(weighed), 1e-9)).tolist()
        return csr_matrix((values, (rows, columns)), shape=(len(bags), len(self.places)))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def train_teacher(folder: Path, train: Path, seconds: float) -> None:
    """Trains a small transformer on pairs by contrast with the others of a batch, and saves it."""
    import torch

    from docsearch.models.vision import mend_torchvision

    mend_torchvision()
    torch.manual_seed(1)
    tokenizer, model = _untrained()
    pairs = read_pairs(train, PAIRS, random.Random(1))
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE)
    right, began, step = torch.arange(BATCH), time.monotonic(), 0
    while (spent := time.monotonic() - began) < seconds:
        batch = [pairs[(step * BATCH + i) % len(pairs)] for i in range(BATCH)]
        optimiser.param_groups[0]["lr"] = RATE * min(1, (step + 1) / 50) * max(0.05, 1 - spent / seconds)
        queries = _embedded(tokenizer, model, [pair.query for pair in batch], QUERY_TOKENS)
        passages = _embedded(tokenizer, model, [pair.passage for pair in batch], PASSAGE_TOKENS)
        scores = SCALE * queries @ passages.T
        contrast = torch.nn.functional.cross_entropy
        loss = (contrast(scores, right) + contrast(scores.T, right)) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 50 == 0:
            note(f"teacher: step {step}, loss {loss.item():.3f}, {spent:.0f} of {seconds:.0f} s")
        step += 1
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _untrained() -> tuple[Any, Any]:
    """Tokenizer and model; its token vectors are the shipped ones, turned at random into more dimensions."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    shipped = StarterWeights.read(SHIPPED)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=shipped.tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        model_max_length=PAGE_TOKENS,
    )
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=PAGE_TOKENS,
        pad_token_id=tokenizer.pad_token_id,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = BertModel(config, add_pooling_layer=False)
    tokens = shipped.dense_tokens()
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((WIDTH, WIDTH)))[0]
    turned = (tokens @ turn[:, : tokens.shape[1]].T).astype(np.float32)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight[: len(tokens)] = torch.from_numpy(
            0.05 * turned / turned.std()
        )
    return tokenizer, model


def _embedded(tokenizer: Any, model: Any, texts: Sequence[str], tokens: int) -> Any:
    """Unit vectors, shape (len(texts), WIDTH): the mean over tokens."""
    import torch

    given = tokenizer(
        list(texts),
        truncation=True,
        max_length=tokens,
        padding=True,
        return_tensors="pt",
        return_token_type_ids=False,
    )
    states = model(**given).last_hidden_state
    there = given["attention_mask"][..., None].float()
    return torch.nn.functional.normalize((states * there).sum(1) / there.sum(1).clamp(min=1), dim=1)


if __name__ == "__main__":
    main()
