"""Search by meaning: how often a query that shares few words with its page finds it.

Passages that the shipped models never learned from become documents of one page each. Of the queries
that belong to them those are asked whose words the passage hardly uses: at most a third of the content
words, by stem. Beside the whole search stands its full text alone (BM25), over the same index.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.program import add_home, complete_index, home_folder
from benchmarks.report import DEFAULT_DOCS, Figure, common_parser, emit, note, parse_args
from docsearch.library import Library
from docsearch.search.engine import Engine
from docsearch.search.fuse import FusionWeights
from docsearch.store.analyzer import Analyzer, tokens
from training.pairs import Pair, read_held_out

TRAIN = DEFAULT_DOCS.with_name("train")
LEFT_OUT = frozenset({"first_sentence", "xquad"})
"""Kinds of pairs whose queries are no queries, or not English."""
FEW = 1 / 3
"""The largest share of a query's content words that its passage may hold."""
DEPTH = 10


@dataclass(frozen=True, slots=True)
class Trial:
    """A query, how its pair was made, and whether a search found its page among the first ten."""

    pair: Pair
    found: dict[str, bool]


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--train", type=Path, default=TRAIN, metavar="DIR", help="folder of training pairs")
    parser.add_argument("--pages", type=int, default=6000, metavar="N", help="documents in the index (6000)")
    parser.add_argument("--queries", type=int, default=1000, metavar="N", help="queries to ask (1000)")
    parser.add_argument("--examples", type=int, default=5, metavar="N", help="queries to show (5)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draws others (0)")
    add_home(parser)
    options = parse_args(parser, argv, needs_docs=False)
    if not options.train.is_dir():
        parser.error(f"there is no folder {options.train}; name one with --train DIR")
    pairs = read_held_out(options.train)
    random.Random(options.seed).shuffle(pairs)
    passages = list(dict.fromkeys(pair.passage for pair in pairs))[: options.pages]
    reworded = list(few_words_shared(pairs, frozenset(passages)))[: options.queries]
    for pair in reworded[: options.examples]:
        note(f"{pair.kind}: {pair.query!a} -> {pair.passage[:80]!a}")
    with home_folder(options.home) as home:
        names = write_documents(passages, home / "documents")
        complete_index(home, home / "documents")
        with Library(home) as library:
            trials = list(ask_all(library, reworded, names))
    emit(figures(trials, len(passages)), table(trials), as_json=options.json)


def few_words_shared(pairs: Sequence[Pair], passages: frozenset[str]) -> Iterator[Pair]:
    """The pairs of these passages whose query has at least two content words, few of them in the passage."""
    analyzer = Analyzer()
    for pair in pairs:
        if pair.passage in passages and pair.kind not in LEFT_OUT:
            query = content_stems(pair.query, analyzer)
            shared = query & content_stems(pair.passage, analyzer)
            if len(query) > 1 and len(shared) <= FEW * len(query):
                yield pair


def content_stems(text: str, analyzer: Analyzer) -> frozenset[str]:
    """Stems of the words of an English text that are not function words."""
    words = {token.word for token in tokens(text)} - analyzer.stop_words["english"]
    return frozenset(analyzer.stem(word, "english") for word in words)


def write_documents(passages: Sequence[str], folder: Path) -> dict[str, str]:
    """A text file a passage; returns the name of each passage's file. Files that are there are kept."""
    folder.mkdir(mode=0o700, exist_ok=True)
    names = {passage: f"{number:05}.txt" for number, passage in enumerate(passages)}
    for passage, name in names.items():
        if not (folder / name).exists():
            (folder / name).write_text(passage, "utf-8")
    return names


def ask_all(library: Library, pairs: Sequence[Pair], names: dict[str, str]) -> Iterator[Trial]:
    """Asks every query of the whole search, and of full text alone."""
    plain = library.engine.variant(FusionWeights(document=0.0), rerank=False)
    searches = {"search": library.engine, "bm25": plain}
    for pair in pairs:
        wanted = names[pair.passage]
        yield Trial(pair, {name: wanted in found(engine, library, pair) for name, engine in searches.items()})


def found(engine: Engine, library: Library, pair: Pair) -> list[str]:
    """The names of the first documents found."""
    hits = engine.search(library.parse(pair.query), DEPTH).hits
    return [path.name for hit in hits for path in (hit.path, *hit.copies)]


def figures(trials: Sequence[Trial], pages: int) -> dict[str, Figure]:
    """Recall of the whole search and of BM25 alone, and how many times the one is the other."""
    ours, plain = (_share(trials, name) for name in ("search", "bm25"))
    return {
        "pages": pages,
        "queries": len(trials),
        "recall10": ours,
        "bm25_recall10": plain,
        "ratio": ours / plain if plain else None,
    }


def table(trials: Sequence[Trial]) -> list[list[object]]:
    """A row a kind of pair."""
    rows: list[list[object]] = [["kind", "queries", "recall@10", "BM25 recall@10"]]
    for kind, count in Counter(trial.pair.kind for trial in trials).most_common():
        of_kind = [trial for trial in trials if trial.pair.kind == kind]
        rows.append([kind, count, _share(of_kind, "search"), _share(of_kind, "bm25")])
    return rows


def _share(trials: Sequence[Trial], name: str) -> float:
    return sum(trial.found[name] for trial in trials) / len(trials)


if __name__ == "__main__":
    main()
