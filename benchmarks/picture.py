"""Search by picture: how often a distorted picture of a page finds its page among all the others.

Pages are drawn from the index and rendered anew; each is distorted in one of several ways, in turn.
Pages that show nothing are left out: there is nothing to find them by.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from benchmarks.distort import DISTORTIONS
from benchmarks.program import add_home, complete_index, home_folder
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from benchmarks.samples import read_samples
from docsearch.library import Library
from docsearch.records import PageId

PIXELS = 1100
"""Longest side of a page before it is distorted: 100 dpi on letter paper."""
_BLANK = 2.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One search: how the picture was made, at which rank its page came (0: not at all), how long it took."""

    distortion: str
    rank: int
    seconds: float


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--pages", type=int, default=200, metavar="N", help="pages to search for (200)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draws other pages (0)")
    add_home(parser)
    options = parse_args(parser, argv)
    with home_folder(options.home) as home, tempfile.TemporaryDirectory() as work:
        complete_index(home, read_samples(options.docs).documents)
        with Library(home) as library:
            trials = list(search_all(library, Path(work), options.pages, options.seed))
    emit(figures(trials), table(trials), as_json=options.json)


def search_all(library: Library, work: Path, pages: int, seed: int) -> Iterator[Trial]:
    """Searches with a distorted picture of each of `pages` pages."""
    drawn = drawn_pages(library, seed)
    pictures = islice(((page, picture) for page in drawn if (picture := look(library, page))), pages)
    for (page, picture), name in zip(pictures, cycle(DISTORTIONS), strict=False):
        file = work / "picture.png"
        DISTORTIONS[name](picture, random.Random(f"{seed} {page} {name}")).save(file)
        started = time.perf_counter()
        hits = library.search(library.parse("", file), 10).hits
        seconds = time.perf_counter() - started
        rank = next((hit.rank for hit in hits if hit.page == page), 0)
        if rank != 1:
            note(f"{name}: {page} came {f'at {rank}' if rank else 'not at all'}")
        yield Trial(name, rank, seconds)


def drawn_pages(library: Library, seed: int) -> list[PageId]:
    """All pages of the index in random order."""
    documents = library.store.documents.get(library.store.documents.live())
    pages = [PageId(n, page) for n, known in sorted(documents.items()) for page in range(1, known.pages + 1)]
    random.Random(seed).shuffle(pages)
    return pages


def look(library: Library, page: PageId) -> Image.Image | None:
    """The page as a picture, or None when there is nothing on it."""
    picture = rendered(library, page, PIXELS)
    return None if np.std(np.asarray(picture)) < _BLANK else picture


def rendered(library: Library, page: PageId, pixels: int) -> Image.Image:
    """The page as a picture, its longest side `pixels` long."""
    path = library.store.files.of_documents([page.doc])[page.doc][0].path
    with library.open_document(path) as document:
        return Image.fromarray(document.render(page.page, pixels))


def figures(trials: Sequence[Trial]) -> dict[str, Figure]:
    """Shares of pages that came first and among the first ten, and the median time of a search."""
    names = [name for name in DISTORTIONS if any(trial.distortion == name for trial in trials)]
    return {
        "pages": len(trials),
        "hit1": _share(trials, 1),
        "hit10": _share(trials, 10),
        "hit1_by_distortion": {name: _share(_made(trials, name), 1) for name in names},
        "hit10_by_distortion": {name: _share(_made(trials, name), 10) for name in names},
        "seconds_p50": median(trial.seconds for trial in trials),
    }


def table(trials: Sequence[Trial]) -> list[list[object]]:
    rows: list[list[object]] = [["distortion", "pages", "hit@1", "hit@10"]]
    for name in DISTORTIONS:
        made = _made(trials, name)
        if made:
            rows.append([name, len(made), _share(made, 1), _share(made, 10)])
    return rows


def _made(trials: Sequence[Trial], name: str) -> list[Trial]:
    return [trial for trial in trials if trial.distortion == name]


def _share(trials: Sequence[Trial], within: int) -> float:
    return sum(0 < trial.rank <= within for trial in trials) / len(trials)


if __name__ == "__main__":
    main()
