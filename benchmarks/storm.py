"""Whether the index equals the folder after thousands of random file operations, with a reader all the time.

A real watcher keeps the index; files are created, appended to, replaced, renamed, moved, deleted and made
again, and folders are moved, within a few minutes. At rest every file must be known as it is.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from benchmarks.program import home_folder
from benchmarks.report import Figure, common_parser, emit, note, parse_args
from benchmarks.watching import NotSeen, text_of, watched_folder, watcher, write_pdf
from docsearch.ingest.discover import content_hash
from docsearch.library import Library
from docsearch.store.index import Index

WORDS = ("word17", "word230", "word4011", '"word1 word2"', "word99 -word5")
LOOK_SECONDS = 0.25


def main(argv: Sequence[str] | None = None) -> None:
    parser = common_parser(__doc__)
    parser.add_argument("--operations", type=int, default=5_000, help="file operations (5000)")
    parser.add_argument("--seconds", type=float, default=180, help="how long they take together (180)")
    parser.add_argument("--patience", type=float, default=180, help="seconds to wait for rest (180)")
    parser.add_argument("--seed", type=int, default=1, help="of the random operations (1)")
    options = parse_args(parser, argv, needs_docs=False)
    with home_folder(None) as place:
        values = storm(place, options.operations, options.seconds, options.patience, options.seed)
    emit(values, as_json=options.json)


def storm(place: Path, operations: int, seconds: float, patience: float, seed: int) -> dict[str, Figure]:
    folder, home = watched_folder(place)
    with watcher(home):
        reader = Reader(home)
        reader.start()
        deeds = Deeds(folder, place / "outside", random.Random(seed))
        counts = deeds.run(operations, seconds)
        ended = time.monotonic()
        note(f"{operations} operations done; {reader.queries} queries meanwhile")
        rest = _seconds_to_rest(home, folder, ended, patience)
        reader.stop()
        with Library(home) as library:
            wrong = differences(library.store, folder)
            pages = missing_pages(library.store)
        for line in wrong[:20]:
            note(line)
    return {
        "operations": operations,
        "differences": len(wrong),
        "documents_without_pages": pages,
        "failed_queries": len(reader.errors),
        "queries": reader.queries,
        "seconds_to_rest": rest,
        "files": sum(path.is_file() for path in folder.rglob("*")),
        "by_operation": dict(counts),
        "errors": sorted(set(reader.errors))[:5],
    }


@dataclass
class Deeds:
    """Random operations on the files below a folder; `outside` is where things are moved out to."""

    folder: Path
    outside: Path
    random: random.Random
    made: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def run(self, operations: int, seconds: float) -> dict[str, int]:
        """Does them, evenly over the time, and counts them by kind."""
        self.outside.mkdir(exist_ok=True)
        started = time.monotonic()
        for number in range(operations):
            self._do_one()
            behind = time.monotonic() - started - seconds * number / operations
            if behind < 0:
                time.sleep(-behind)
            if number % 500 == 499:
                note(f"{number + 1} operations")
        return self.counts

    def _do_one(self) -> None:
        kinds: list[tuple[Callable[[], bool], int]] = [
            (self.create, 30),
            (self.append, 15),
            (self.replace, 15),
            (self.rename, 10),
            (self.move, 8),
            (self.delete, 10),
            (self.make_again, 4),
            (self.copy, 4),
            (self.move_folder, 2),
            (self.move_out_or_in, 2),
        ]
        deeds, weights = zip(*kinds, strict=True)
        deed = self.random.choices(deeds, weights)[0]
        if not deed():
            deed = self.create
            deed()
        self.counts[deed.__name__] = self.counts.get(deed.__name__, 0) + 1

    def create(self) -> bool:
        """A new file."""
        target = self._folder() / f"file {self.made}.{self.random.choice(['txt', 'txt', 'md', 'pdf'])}"
        self._write(target)
        return True

    def append(self) -> bool:
        """Text at the end of a file."""
        file = self._file(".txt")
        if file is not None:
            with file.open("a") as target:
                target.write(text_of(self._next(), 50))
        return file is not None

    def replace(self) -> bool:
        """As editors save: a new file is put in the place of the old."""
        file = self._file(".txt")
        if file is not None:
            new = file.with_name(f".{file.name}.tmp")
            self._write(new)
            new.replace(file)
        return file is not None

    def rename(self) -> bool:
        """Another name in the same folder."""
        file = self._file()
        return file is not None and bool(file.rename(file.with_stem(f"renamed {self._next()}")))

    def move(self) -> bool:
        """Another folder and name."""
        file = self._file()
        return file is not None and bool(file.rename(self._folder() / f"moved {self._next()}{file.suffix}"))

    def delete(self) -> bool:
        """A file less."""
        file = self._file()
        if file is not None:
            file.unlink()
        return file is not None

    def make_again(self) -> bool:
        """Deleted, and another of that name."""
        file = self._file(".txt")
        if file is not None:
            file.unlink()
            self._write(file)
        return file is not None

    def copy(self) -> bool:
        """The same content under another name."""
        file = self._file()
        if file is not None:
            shutil.copy(file, self._folder() / f"copy {self._next()}{file.suffix}")
        return file is not None

    def move_folder(self) -> bool:
        """A folder with all below it to another place."""
        folders = self._folders()
        if not folders:
            return False
        source = self.random.choice(folders)
        parents = [self.folder, *(other for other in folders if source not in (other, *other.parents))]
        return bool(source.rename(self.random.choice(parents) / f"moved folder {self._next()}"))

    def move_out_or_in(self) -> bool:
        """A folder leaves, or the one that left comes back under another name."""
        away = list(self.outside.iterdir())
        if away:
            return bool(away[0].rename(self.folder / f"back {self._next()}"))
        folders = self._folders()
        return bool(folders) and bool(self.random.choice(folders).rename(self.outside / "away"))

    def _write(self, target: Path) -> None:
        if target.suffix == ".pdf":
            write_pdf(target, 2, f"pdf{self._next()}")
        else:
            target.write_text(text_of(self._next(), 120))

    def _folder(self) -> Path:
        """A folder to put a file in; now and then a new one."""
        folders = self._folders()
        if not folders or (len(folders) < 40 and self.random.random() < 0.1):
            target = self.random.choice([self.folder, *folders]) / f"folder {self._next()}"
            target.mkdir()
            return target
        return self.random.choice(folders)

    def _folders(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_dir())

    def _file(self, suffix: str = "") -> Path | None:
        files = sorted(path for path in self.folder.rglob(f"*{suffix}") if path.is_file())
        return self.random.choice(files) if files else None

    def _next(self) -> int:
        self.made += 1
        return self.made


class Reader:
    """Searches all the time, in a thread with a library of its own."""

    def __init__(self, home: Path) -> None:
        self.queries = 0
        self.errors: list[str] = []
        self._home = home
        self._stop = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the query under way."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with Library(self._home) as library:
            while not self._stop.is_set():
                words = WORDS[self.queries % len(WORDS)]
                try:
                    library.search(library.parse(words))
                except Exception as error:
                    self.errors.append(f"{type(error).__name__}: {error}")
                self.queries += 1
                self._stop.wait(0.02)


def differences(index: Index, folder: Path) -> list[str]:
    """Files that the catalog does not know as they are, and files it knows that are not there."""
    known = index.files.at(folder)
    present = {path for path in folder.rglob("*") if path.is_file()}
    wrong = [f"not there: {path}" for path in known.keys() - present]
    for path in sorted(present):
        stored = known.get(path)
        if stored is None:
            wrong.append(f"not known: {path}")
        elif stored.content != content_hash(path):
            wrong.append(f"other content: {path}")
        elif stored.document is None:
            wrong.append(f"not read: {path}")
    return wrong


def missing_pages(index: Index) -> int:
    """Searchable documents of which not every page is in the table of pages."""
    from docsearch.records import PageId

    missing = 0
    for document in index.documents.get(index.documents.live()).values():
        pages = [PageId(document.id, number) for number in range(1, document.pages + 1)]
        missing += len(index.pages.texts(pages)) != len(pages)
    return missing


def _seconds_to_rest(home: Path, folder: Path, since: float, patience: float) -> float:
    """Seconds until catalog and folder are equal and the watcher says that it has nothing to do."""
    with Library(home) as library:
        while time.monotonic() - since < patience:
            state = library.watcher()
            if state is None:
                raise NotSeen("the watcher is gone")
            if state.doing == "watching" and not differences(library.store, folder):
                return time.monotonic() - since
            time.sleep(LOOK_SECONDS)
    return patience


if __name__ == "__main__":
    main()
