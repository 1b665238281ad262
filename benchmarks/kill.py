"""What becomes of an index whose writer is killed: nothing may be lost, doubled, or past opening.

A process that changes an index is killed with all its children at random moments. After each kill the
index must open and answer a search; after the next run exactly the pages of the files must be found,
and `verify` must find nothing wrong. One that learns from clicks is killed too: what is in use must be
whole, all clicks there, and the next round must come to its end. Prints the seed, with which a run can
be repeated.
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

import numpy as np

from benchmarks.program import ProgramFailed, environment
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from docsearch.config import IndexSettings, LearnSettings, ModelSettings, OcrSettings, Settings
from docsearch.ingest.rebuild import rebuild
from docsearch.ingest.transfer import import_index
from docsearch.ingest.verify import verify
from docsearch.learn.adapt import Adapter
from docsearch.library import Library
from docsearch.records import LearningOutcome, LoggedSearch
from docsearch.store.archive import export_index
from docsearch.store.lance import load_lancedb

FILES = 16
PAGES = 6
"""At most so many pages a file."""
QUERIES, _PAIRS = 28, 4
"""Of what learns, and how many of them are about pages of one file."""
OTHER_DIMENSIONS = 128
_READY = "ready"
_FRESH_AFTER = 25
"""Kills of one index before the next begins with a new one."""
_OVERRUN = 1.05
_COMMITS, _ROUNDS, _PROMOTIONS = 8, 2, 40
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
        self.gone += self.words.pop(name, [])
        words = [self._word() for _ in range(self.chance.randint(1, PAGES))]
        self.pdf(name, [f"common page of {word}" for word in words])
        self.words[name] = words

    def pdf(self, name: str, pages: Sequence[str]) -> None:
        """A PDF of these pages."""
        import pymupdf

        with pymupdf.open() as document:
            for text in pages:
                document.new_page(width=400, height=900).insert_text((20, 40), text)
            document.save(self.folder / name)

    def pages(self) -> dict[str, tuple[str, int]]:
        """File and page of every word."""
        return {
            word: (name, page) for name, words in self.words.items() for page, word in enumerate(words, 1)
        }

    def _some(self) -> list[str]:
        return self.chance.sample(sorted(self.words), k=max(1, len(self.words) // 3))

    def _word(self) -> str:
        return "".join(self.chance.choices("bcdfghjklmnpqrtvwxz", k=14))


class Reports(Papers):
    """Files that name pairs of words: of each pair one page begins with it, and one repeats its words far
    apart. The latter is never first as search comes, and always what is wanted."""

    def fill(self) -> None:
        """See `Papers.fill`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in range(QUERIES // _PAIRS):
            pairs = [(self._word(), self._word()) for _ in range(_PAIRS)]
            others = "\n".join(first for first, _ in pairs)
            for kind, make in (("table", self._table), ("report", self._report)):
                self.pdf(f"{number:02} {kind}.pdf", [f"{make(*pair)}\n{others}" for pair in pairs])
                self.words[f"{number:02} {kind}.pdf"] = [" ".join(pair) for pair in pairs]

    def queries(self) -> list[str]:
        """A pair of words each."""
        return [pair for name, pairs in self.words.items() if "report" in name for pair in pairs]

    def _table(self, first: str, second: str) -> str:
        return f"{first} {second}\n" + "\n".join(f"{self._word()} {number}" for number in range(30))

    def _report(self, first: str, second: str) -> str:
        line = " ".join(self._word() for _ in range(4))
        return "\n".join(f"{line} {first}\n{self._word()} {line}\n{second} {self._word()}" for _ in range(6))


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


def run_learn(library: Library) -> None:
    """Rounds of learning, each from what search is as it comes, and clicks between them."""
    for _ in range(_ROUNDS):
        for _ in library.learning.learn():
            pass
        click(library, library.clicks.index.clicks.latest(1)[0].query)
        library.learning.go_back()


def run_promote(library: Library) -> None:
    """States of some size are written, taken into use, thrown away and gone back from."""
    chance = np.random.default_rng()
    for number in range(_PROMOTIONS):
        left, right, mean = (chance.normal(size=s).astype(np.float32) for s in ((4096, 16), (16, 4096), 4096))
        states = library.learning.states
        state = states.add({"text": 1.5}, QUERIES, Adapter("none", left, right, mean), {}).number
        library.learning.accept(state)
        click(library, library.clicks.index.clicks.latest(1)[0].query)
        if number % 2:
            library.learning.go_back()
            library.learning.reject(state)


def click(library: Library, query: str) -> None:
    """Asks, and opens the first report."""
    result = library.search(library.parse(query))
    log = library.clicks
    search = log.begin(result, "kill")
    if search is None:
        raise ProgramFailed(f"nothing found for {query}")
    rank = next(hit.rank for hit in result.hits if "report" in hit.path.name)
    shown = [dataclasses.replace(i, seen=True, opened=int(i.rank == rank)) for i in search.impressions]
    if not log.put(dataclasses.replace(search, impressions=tuple(shown))):
        raise ProgramFailed("a click could not be logged")


def settings_of(dimensions: int, embedder: str = "starter") -> Settings:
    """One reader process, no OCR; vectors of the starter model, cut to so many dimensions."""
    return Settings(
        index=IndexSettings(workers=1),
        ocr=OcrSettings(engine="off"),
        models=ModelSettings(embedder=embedder, dimensions=dimensions),
        learn=LearnSettings(memory=False),
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
    embedder: str = "starter"
    """Off where vectors would only take time."""


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
        "a round of learning": Moment(Papers.leave, run_learn, embedder="off"),
        "promotion": Moment(Papers.leave, run_promote, embedder="off"),
    }
)


@dataclass(slots=True)
class Tally:
    """What the kills of one moment came to.

    Attributes:
        kills: how many there were.
        finished: how many came after the process had ended by itself.
        lost: pages of files that were not found after the next run; clicks that are gone.
        duplicated: pages found twice, and pages found though no file has them; clicks that are not as they
            were, or half there.
        unopenable: kills after which the index did not open, answer, or take the next run or round.
        findings: what `verify` found after the next run; what is broken of what was learned.
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

    def _papers(self) -> Papers:
        return Papers(self.base / "papers", self.chance)

    def _renew(self) -> None:
        """Begins with files of its own and, unless the process makes it, their index."""
        shutil.rmtree(self.base, ignore_errors=True)
        self.papers = self._papers()
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
        return Library(self.home, settings_of(self.dimensions, self.moment.embedder))

    def _failed(self, after: float, what: str) -> None:
        """Keeps the index, and goes on with a new one."""
        kept = Path(tempfile.mkdtemp(prefix="docsearch-killed-"))
        shutil.copytree(self.base, kept, dirs_exist_ok=True)
        note(f"{self.name}, killed after {after:.3f} of {self.seconds:.2f} s: {what}; see {kept}")
        self.age = 0


class Learner(Victim):
    """An index whose users always want the same kind of page, and a process that learns that."""

    def _papers(self) -> Reports:
        return Reports(self.base / "papers", self.chance)

    def _renew(self) -> None:
        super()._renew()
        assert isinstance(self.papers, Reports)
        with self._library() as library:
            for query in self.papers.queries():
                click(library, query)
            self.clicks = {search.id: search for search in library.clicks.index.clicks.all()}

    def _look(self) -> None:
        """Right after the kill: a search answers by a whole state or none, and the history can be read."""
        with self._library() as library:
            states = library.learning.states
            library.search(library.parse("report"))
            library.learning.status()
            live, history = states.folder / "live", states.folder / "history.jsonl"
            number = int(live.read_text()) if live.exists() else 0
            broken = [n for n in states.numbers() if states.read(n) is None]
            broken += [number] if number and states.live() != number else []
            lines = len(history.read_text().splitlines()) if history.exists() else 0
        self.tally.findings += len(broken) + lines - len(states.history())
        if broken or lines != len(states.history()):
            raise ProgramFailed(f"broken states {broken}; {len(states.history())} of {lines} events")

    def _check(self, after: float) -> None:
        """All clicks are as they were, new ones whole, and a round comes to its end, refused or not."""
        with self._library() as library:
            now = {search.id: search for search in library.clicks.index.clicks.all()}
            lost = self.clicks.keys() - now.keys()
            changed = [i for i, search in self.clicks.items() if i in now and now[i] != search]
            half = [i for i in now.keys() - self.clicks.keys() if not _whole(now[i])]
            self.clicks = now
            while library.learning.states.live():
                library.learning.go_back()
            *_, outcome = library.learning.learn()
        self.tally.lost += len(lost)
        self.tally.duplicated += len(changed) + len(half)
        if lost or changed or half:
            self._failed(after, f"clicks lost {sorted(lost)}, changed {changed}, half {half}")
        if not isinstance(outcome, LearningOutcome) or outcome.verdict is None:
            raise ProgramFailed(f"the next round came to {outcome}")


def _whole(search: LoggedSearch) -> bool:
    return len(search.impressions) > 1 and sum(i.opened for i in search.impressions) == 1


def victim_of(base: Path, name: str, chance: random.Random) -> Victim:
    kind = Learner if MOMENTS[name].work in (run_learn, run_promote) else Victim
    return kind(base, name, chance)


def found(library: Library, word: str) -> list[tuple[str, int]]:
    """File and page of every hit, copies among them."""
    hits = library.search(library.parse(word)).hits
    return [(path.name, hit.page.page) for hit in hits for path in (hit.path, *hit.copies)]


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--times", type=int, default=200, help="kills in all (200)")
    parser.add_argument("--seed", type=int, help="repeat the run that printed this seed")
    parser.add_argument("--only", nargs="+", choices=sorted(MOMENTS), help="kill at these moments only")
    parser.add_argument("--child", nargs=3, metavar=("MOMENT", "HOME", "DIMENSIONS"), help="for its own use")
    options = parse_args(parser, argv, needs_docs=False)
    if options.child:
        be_killed(*options.child)
        return
    seed = random.randrange(10**6) if options.seed is None else options.seed
    note(f"seed {seed}")
    started = time.monotonic()
    names = options.only or list(MOMENTS)
    with tempfile.TemporaryDirectory(prefix="docsearch-kill-") as base:
        chances = {name: random.Random(f"{seed} {name}") for name in names}
        victims = [victim_of(Path(base, str(n)), name, chances[name]) for n, name in enumerate(names)]
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
    with Library(Path(home), settings_of(int(dimensions), MOMENTS[name].embedder)) as library:
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
