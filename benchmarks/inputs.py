"""What the embedder should be shown of a page: its text and its picture, the picture alone, or the text.

All pages are embedded once in each way that the model takes. Judged queries are asked of the vectors alone
and of the whole search with them; pictures of pages, distorted, are asked of the whole search. A row of
models.toml chooses a way by its `modalities`: without "text+image" pages are shown as pictures, without
"image" as text.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from benchmarks.distort import DISTORTIONS
from benchmarks.picture import drawn_pages, look
from benchmarks.program import add_home, complete_index, home_folder
from benchmarks.quality import groups
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from benchmarks.samples import Samples, read_samples
from docsearch.config import Settings
from docsearch.evaluate.benchmark import evaluate
from docsearch.evaluate.stages import FINAL, stages
from docsearch.ingest.pipeline import Indexer, Tier
from docsearch.library import Library
from docsearch.models.protocols import Embedder, ModelInput, Vectors
from docsearch.search.engine import Engine

WAYS = {
    "text and picture": {"text", "image", "text+image"},
    "picture alone": {"text", "image"},
    "text alone": {"text"},
}
"""What is left of a model's modalities, by how pages are shown then."""
VECTORS = "vectors"


class Shown:
    """An embedder that takes less than it could."""

    def __init__(self, inner: Embedder, way: str) -> None:
        self.inner = inner
        self.name = f"{inner.name}, {way}"
        self.modalities = inner.modalities & WAYS[way]
        self.fingerprint = hashlib.sha256(f"{inner.fingerprint} {way}".encode()).hexdigest()[:16]
        self.dimensions, self.image_pixels = inner.dimensions, inner.image_pixels

    def embed_queries(self, queries: Sequence[ModelInput]) -> Vectors:
        """Unit vectors of shape (len(queries), dimensions)."""
        return self.inner.embed_queries(queries)

    def embed_pages(self, pages: Sequence[ModelInput]) -> Vectors:
        """Unit vectors of shape (len(pages), dimensions)."""
        return self.inner.embed_pages(pages)


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--pictures", type=int, default=100, metavar="N", help="pages to search for (100)")
    add_home(parser)
    options = parse_args(parser, argv)
    samples = read_samples(options.docs)
    with home_folder(options.home) as home:
        complete_index(home, samples.documents)
        with Library(home) as library:
            assert library.embedder is not None, "an embedder is in the settings by default"
            embedder = library.embedder()
            found = {
                way: measured(library, samples, Shown(embedder, way), options.pictures)
                for way in WAYS
                if way != "text and picture" or "text+image" in embedder.modalities
            }
    emit({"embedder": embedder.name, **found}, table(found), as_json=options.json)


def measured(library: Library, samples: Samples, embedder: Shown, pictures: int) -> dict[str, Figure]:
    """nDCG@10 of the judged queries, of all and by modality; shares of pictures that found their page."""
    seconds = embed_all(library, embedder)
    engine = engine_of(library, embedder)
    searches = stages(engine, samples.documents.resolve(), alone=True)
    report = evaluate({name: searches[name] for name in (VECTORS, FINAL)}, samples.judged)
    ranks = list(picture_ranks(library, engine, pictures))
    vectors, search = map(groups, report.stages)
    note(f"{embedder.name}: nDCG@10 {vectors['all']:.3f} of vectors, {search['all']:.3f} of search")
    return {
        "embedding_seconds": seconds,
        "vectors_ndcg10": vectors,
        "search_ndcg10": search,
        "picture_hit1": sum(rank == 1 for rank in ranks) / len(ranks),
        "picture_hit10": sum(rank > 0 for rank in ranks) / len(ranks),
    }


def embed_all(library: Library, embedder: Shown) -> float:
    """Seconds to embed all pages in this way; nearly none when that was done before."""
    started = time.perf_counter()
    for _ in Indexer(library.store, Settings(), lambda: embedder).run([], tiers=[Tier.VECTORS]):
        pass
    return time.perf_counter() - started


def engine_of(library: Library, embedder: Shown) -> Engine:
    """The library's search, over the vectors of this embedder."""
    ours = library.engine
    return Engine(
        ours.index,
        ours.settings,
        embedder=lambda: embedder,
        reranker=ours.reranker,
        picture=ours.picture,
        weights=ours.weights,
    )


def picture_ranks(library: Library, engine: Engine, pages: int) -> Iterator[int]:
    """At which rank each page comes for a distorted picture of it; 0 when not among the first ten."""
    drawn = ((page, picture) for page in drawn_pages(library, 0) if (picture := look(library, page)))
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / "picture.png"
        for (page, picture), name in zip(islice(drawn, pages), cycle(DISTORTIONS), strict=False):
            DISTORTIONS[name](picture, random.Random(f"{page} {name}")).save(file)
            hits = engine.search(library.parse("", file), 10).hits
            yield next((hit.rank for hit in hits if hit.page == page), 0)


def table(found: dict[str, dict[str, Figure]]) -> list[list[object]]:
    """A row a way of showing pages."""
    heading = ["pages as", "vectors", "… text", "… image", "search", "picture hit@1", "hit@10", "seconds"]
    rows: list[list[object]] = [list(heading)]
    for way, figures in found.items():
        vectors, search = figures["vectors_ndcg10"], figures["search_ndcg10"]
        assert isinstance(vectors, dict)
        assert isinstance(search, dict)
        by_modality = [vectors["all"], vectors.get("text"), vectors.get("image")]
        pictures = [figures[name] for name in ("picture_hit1", "picture_hit10", "embedding_seconds")]
        rows.append([way, *by_modality, search["all"], *pictures])
    return rows


if __name__ == "__main__":
    main()
