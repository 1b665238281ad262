"""What becomes of an index whose writer is killed: nothing may be lost, doubled, or past opening.

A process that changes an index is killed with all its children at random moments. After each kill the
index must open and answer a search; after the next run exactly the pages of the files must be found,
and `verify` must find nothing wrong. Prints the seed, with which a run can be repeated.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks.program import ProgramFailed, environment
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from docsearch.config import IndexSettings, ModelSettings, OcrSettings, Settings
from docsearch.ingest.rebuild import rebuild
from docsearch.ingest.transfer import import_index
from docsearch.ingest.verify import verify
from docsearch.library import Library
from docsearch.store.archive import export_index
from docsearch.store.lance import load_lancedb

FILES = 16
PAGES = 6
"""At most so many pages a file."""
OTHER_DIMENSIONS = 128
_READY = "ready"
_FRESH_AFTER = 25
"""Kills of one index before the next begins with a new one."""
_OVERRUN = 1.05
_COMMITS = 8
_GONE = 20
"""So many pages that were there last are looked for in vain."""


class Papers:
    """A folder of small documents, every page of which has a word that stands nowhere else."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder, self.chance = folder, chance
        self.words: dict[str, list[str]] = {}
        """The words of each file, a page each."""
        self.gone: list[str] = []
        """Words of pages that were there."""

    def fill(self) -> None:
        """All files that there are in the beginning."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in range(FILES):
            self.write(f"{number:02}.pdf")

    def update(self) -> None:
        """Writes a third of the files anew, renames one, and adds one."""
        for name in self._some():
            self.write(name)
        self.write(f"new-{self.chance.randrange(10**6)}.pdf")
        [old, *_] = self._some()
        new = f"moved-{self.chance.randrange(10**6)}.pdf"
        (self.folder / old).rename(self.folder / new)
        self.words[new] = self.words.pop(old)

    def delete(self) -> None:
        """Deletes a third of the files; of few, all come back first."""
        if len(self.words) < FILES // 2:
            self.fill()
        for name in self._some():
            (self.folder / name).unlink()
            self.gone += self.words.pop(name)

    def leave(self) -> None:
        """Changes nothing."""

    def write(self, name: str) -> None:
        """A PDF of up to `PAGES` pages."""
        import pymupdf

        self.gone += self.words.pop(name, [])
        words = [self._word() for _ in range(self.chance.randint(1, PAGES))]
        with pymupdf.open() as document:
            for word in words:
                document.new_page(width=200, height=200).insert_text((20, 40), f"common page of {word}")
            document.save(self.folder / name)
        self.words[name] = words

    def pages(self) -> dict[str, tuple[str, int]]:
        """File and page of every word."""
        return {
            word: (name, page) for name, words in self.words.items() for page, word in enumerate(words, 1)
        }

    def _some(self) -> list[str]:
        return self.chance.sample(sorted(self.words), k=max(1, len(self.words) // 3))

    def _word(self) -> str:
        return "".join(self.chance.choices("bcdfghjklmnpqrtvwxz", k=14))


def run_index(library: Library, *roots: Path) -> None:
    for _ in library.index(roots):
        pass


def run_compact(library: Library) -> None:
    """Many small commits, each folded into the tables at once."""
    index = library.store
    with index.writing():
        for _, table in itertools.product(range(_COMMITS), index.tables()):
            rows = table.ask(lambda opened: opened.query().limit(5).to_arrow(), None)
            if rows is not None:
                index.grown()
                table.replace(rows)
                index.compact()


def run_rebuild(library: Library) -> None:
    for _ in rebuild(library.store, library.settings, library.embedder):
        pass


def run_import(library: Library) -> None:
    """Takes the index out of its own archive."""
    archive = library.folders.index.with_name("archive.tar.gz")
    export_index(library.store, archive)
    for _ in import_index(library.store, archive, library.settings, None, replace=True):
        pass


def run_remove(library: Library) -> None:
    """Forgets the root and adds it again."""
    for root in library.roots():
        library.remove(root.path)
        run_index(library, root.path)


def settings_of(dimensions: int) -> Settings:
    """One reader process, no OCR; vectors of the starter model, cut to so many dimensions."""
    return Settings(
        index=IndexSettings(workers=1),
        ocr=OcrSettings(engine="off"),
        models=ModelSettings(dimensions=dimensions),
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """What is going on when the kill comes: what happens to the files before, and what the process does."""

    change: Callable[[Papers], None]
    work: Callable[[Library], None]
    fresh: bool = False
    """Whether it begins with no index at all."""
    other_model: bool = False
    """Whether the process uses another model than the one before."""


MOMENTS: Mapping[str, Moment] = MappingProxyType(
    {
        "indexing": Moment(Papers.leave, run_index, fresh=True),
        "updating": Moment(Papers.update, run_index),
        "deleting": Moment(Papers.delete, run_index),
        "compacting": Moment(Papers.update, run_compact),
        "rebuilding": Moment(Papers.update, run_rebuild),
        "changing the model": Moment(Papers.leave, run_index, other_model=True),
        "importing": Moment(Papers.update, run_import),
        "removing a root": Moment(Papers.leave, run_remove),
    }
)


@dataclass(slots=True)
class Tally:
    """What the kills of one moment came to.

    Attributes:
        kills: how many there were.
        finished: how many came after the process had ended by itself.
        lost: pages of files that were not found after the next run.
        duplicated: pages found twice, and pages found though no file has them.
        unopenable: kills after which the index did not open, answer, or take the next run.
        findings: what `verify` found after the next run.
    """

    kills: int = 0
    finished: int = 0
    lost: int = 0
    duplicated: int = 0
    unopenable: int = 0
    findings: int = 0


_COUNTS = tuple(field.name for field in dataclasses.fields(Tally))


class Victim:
    """An index that is changed by processes which get killed, and the files it is made from."""

    def __init__(self, base: Path, name: str, chance: random.Random) -> None:
        self.base, self.name, self.moment, self.chance = base, name, MOMENTS[name], chance
        self.home = base / "home"
        self.papers = Papers(base / "papers", chance)
        self.dimensions = 0
        self.seconds = 1.0
        self.age = 0
        self.tally = Tally()

    def time(self) -> None:
        """Lets the process end once, to know how long it takes."""
        self._prepare()
        _, self.seconds = self._run(None)
        note(f"{self.name} takes {self.seconds:.1f} s")
        self.age = 0

    def kill(self) -> None:
        """One change, one kill, one look, one run, one check."""
        self._prepare()
        after = self.chance.uniform(0, self.seconds * _OVERRUN)
        finished, seconds = self._run(after)
        if finished:  # the machine is less busy than it was: aim earlier
            self.seconds = seconds
        self.tally.kills += 1
        self.tally.finished += finished
        try:
            self._look()
            self._check(after)
        except Exception as error:  # whatever it is, it is what we look for
            self.tally.unopenable += 1
            self._failed(after, f"{type(error).__name__}: {error}")

    def _prepare(self) -> None:
        if self.moment.fresh or self.age % _FRESH_AFTER == 0:
            self._renew()
        self.age += 1
        self.moment.change(self.papers)
        if self.moment.other_model:
            self.dimensions = 0 if self.dimensions else OTHER_DIMENSIONS

    def _renew(self) -> None:
        """Begins with files of its own and, unless the process makes it, their index."""
        shutil.rmtree(self.base, ignore_errors=True)
        self.papers = Papers(self.base / "papers", self.chance)
        self.papers.fill()
        self.age = 0
        with self._library() as library:
            library.store.files.add_root(self.papers.folder)
            if not self.moment.fresh:
                run_index(library)

    def _run(self, after: float | None) -> tuple[bool, float]:
        """Runs the process and kills its group so many seconds after it began, if it is to be killed."""
        arguments = ["--child", self.name, str(self.home), str(self.dimensions)]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.kill", *arguments],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        begun = time.monotonic()
        with suppress(subprocess.TimeoutExpired):
            process.wait(after)
        seconds = time.monotonic() - begun
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        _, said = process.communicate()
        if process.returncode not in (0, -signal.SIGKILL):
            raise ProgramFailed(f"{self.name} ended with {process.returncode}:\n{said.decode()[-2000:]}")
        return process.returncode == 0, seconds

    def _look(self) -> None:
        """Right after the kill: the index opens, and a search answers."""
        with self._library() as library:
            library.search(library.parse("common page"))
            library.status()

    def _check(self, after: float) -> None:
        """After the next run: every page of the files is found, once, and nothing else."""
        with self._library() as library:
            run_index(library, self.papers.folder)
            expected = self.papers.pages()
            hits = {word: found(library, word) for word in expected}
            lost = [word for word, page in expected.items() if page not in hits[word]]
            twice = [word for word in expected if len(hits[word]) > 1]
            stale = [word for word in self.papers.gone[-_GONE:] if found(library, word)]
            wrong = verify(library.store, content=True).findings
            pages = library.status().pages
        self.tally.lost += len(lost)
        self.tally.duplicated += len(twice) + len(stale)
        self.tally.findings += len(wrong)
        if lost or twice or stale or wrong or pages != len(expected):
            what = (
                f"lost {lost}, twice {twice}, stale {stale}, found {wrong[:3]}, {pages}/{len(expected)} pages"
            )
            self._failed(after, what)

    def _library(self) -> Library:
        return Library(self.home, settings_of(self.dimensions))

    def _failed(self, after: float, what: str) -> None:
        """Keeps the index, and goes on with a new one."""
        kept = Path(tempfile.mkdtemp(prefix="docsearch-killed-"))
        shutil.copytree(self.base, kept, dirs_exist_ok=True)
        note(f"{self.name}, killed after {after:.3f} of {self.seconds:.2f} s: {what}; see {kept}")
        self.age = 0


def found(library: Library, word: str) -> list[tuple[str, int]]:
    """File and page of every hit, copies among them."""
    hits = library.search(library.parse(word)).hits
    return [(path.name, hit.page.page) for hit in hits for path in (hit.path, *hit.copies)]


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--times", type=int, default=200, help="kills in all (200)")
    parser.add_argument("--seed", type=int, help="repeat the run that printed this seed")
    parser.add_argument("--only", choices=sorted(MOMENTS), help="kill at this moment only")
    parser.add_argument("--child", nargs=3, metavar=("MOMENT", "HOME", "DIMENSIONS"), help="for its own use")
    options = parse_args(parser, argv, needs_docs=False)
    if options.child:
        be_killed(*options.child)
        return
    seed = random.randrange(10**6) if options.seed is None else options.seed
    note(f"seed {seed}")
    started = time.monotonic()
    names = [options.only] if options.only else list(MOMENTS)
    with tempfile.TemporaryDirectory(prefix="docsearch-kill-") as base:
        chances = {name: random.Random(f"{seed} {name}") for name in names}
        victims = [Victim(Path(base, str(n)), name, chances[name]) for n, name in enumerate(names)]
        for victim in victims:
            victim.time()
        with suppress(KeyboardInterrupt):  # what was seen until then counts
            _kill_in_turn(victims, options.times)
    tallies = {victim.name: victim.tally for victim in victims}
    emit(figures(tallies, seed, time.monotonic() - started), _table(tallies), as_json=options.json)


def _kill_in_turn(victims: Sequence[Victim], times: int) -> None:
    for number in range(times):
        victims[number % len(victims)].kill()
        if number % 10 == 9:
            note(f"{number + 1} kills")


def be_killed(name: str, home: str, dimensions: str) -> None:
    """The process that gets killed: says that it begins, and works."""
    load_lancedb()
    with Library(Path(home), settings_of(int(dimensions))) as library:
        if library.embedder is not None:
            library.embedder()
        print(_READY, flush=True)
        MOMENTS[name].work(library)


def figures(tallies: Mapping[str, Tally], seed: int, seconds: float) -> dict[str, Figure]:
    total = {name: sum(getattr(tally, name) for tally in tallies.values()) for name in _COUNTS}
    by_moment = {name: {count: getattr(tally, count) for count in _COUNTS} for name, tally in tallies.items()}
    return {**total, "seed": seed, "seconds": round(seconds, 1), "by_moment": by_moment}


def _table(tallies: Mapping[str, Tally]) -> list[list[object]]:
    rows = [[name, *(getattr(tally, count) for count in _COUNTS)] for name, tally in tallies.items()]
    return [["moment", *_COUNTS], *rows]


if __name__ == "__main__":
    main()
