"""What the LanceDB tables have in common: opening, filters on documents, upkeep, and errors.

Rows are keyed by document and page. Page images are never stored. A row whose document is not live
in the catalog is invisible to search and swept later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from docsearch.errors import IndexDamaged, StorageFull
from docsearch.records import PageId
from docsearch.store.lance import load_lancedb

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

PAGE_BITS = 20
READERS_SECONDS = 10.0
"""Versions of the tables that searches may be reading are kept this long while others go on writing."""
_UNWRITABLE = {
    "os error 27": "the files it needs are larger than allowed here",
    "os error 28": "no space left on the disk",
    "os error 13": "permission denied",
    "os error 30": "the file system is read-only",
    "os error 122": "the disk quota is used up",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which documents and pages a query may look at: all, only some documents, only leading pages."""

    documents: frozenset[int] | None = None
    leading_pages: int | None = None

    def sql(self) -> str:
        """The condition in LanceDB's SQL; empty when everything may be looked at."""
        parts = []
        if self.documents is not None:
            parts.append(in_list("doc", self.documents))
        if self.leading_pages is not None:
            parts.append(f"page <= {self.leading_pages}")
        return " AND ".join(parts)


EVERYTHING = Selection()


def in_list(column: str, numbers: Collection[int]) -> str:
    """`column IN (…)`; false for no numbers."""
    return f"{column} IN ({', '.join(map(str, sorted(numbers)))})" if numbers else "false"


def row_id(page: PageId) -> int:
    """One number for document and page, the key of every table."""
    return page.doc << PAGE_BITS | page.page


def page_of(row: int) -> PageId:
    """The page that a row's number stands for."""
    return PageId(row >> PAGE_BITS, row & ((1 << PAGE_BITS) - 1))


class Table:
    """One LanceDB table, created when it is first written.

    Reads see other processes' commits at once. `create` makes the empty table.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self._open: Any = None
        self._asked: Any = None

    def _schema(self) -> Any:
        raise NotImplementedError

    @property
    def path(self) -> Path:
        """The folder that holds the table alone."""
        return self.folder / f"{self.name}.lance"

    # -- reading -------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self.path.is_dir()

    def rows(self) -> int:
        """Number of stored pages."""

        async def count(table: Any) -> int:
            return int(await table.count_rows())

        return self.ask(count, 0)

    def documents(self) -> set[int]:
        """Documents that have rows here, live or not."""

        async def distinct(table: Any) -> set[int]:
            rows = await table.query().select(["doc"]).to_arrow()
            return set(rows["doc"].unique().to_pylist())

        return self.ask(distinct, set())

    def ask(self, query: Callable[[Any], Awaitable[T]], nothing: T) -> T:
        """Runs a query on LanceDB's asynchronous table, which answers in half the time of the other.

        The answer is `nothing` when the table does not exist. Files that a writer just cleaned away are
        forgiven once, on a freshly opened table.
        """
        return self.begin(query, nothing).result()

    def begin(self, query: Callable[[Any], Awaitable[T]], nothing: T) -> Future[T]:
        """Like `ask`, without waiting: several questions may be under way at a time."""
        if not self.exists():
            return answered(nothing)
        import asyncio

        load_lancedb()
        from lancedb.background_loop import LOOP

        return asyncio.run_coroutine_threadsafe(self._answer(query), LOOP.loop)

    async def _answer(self, query: Callable[[Any], Awaitable[T]]) -> T:
        try:
            return await query(await self._asked_table())
        except (RuntimeError, OSError, ValueError):
            self._asked = None
        with lance_errors(self.folder):
            return await query(await self._asked_table())

    async def _asked_table(self) -> Any:
        if self._asked is None:
            database = await load_lancedb().connect_async(self.folder, read_consistency_interval=timedelta(0))
            self._asked = await database.open_table(self.name)
        return self._asked

    # -- writing -------------------------------------------------------------------------------

    def append(self, rows: Any) -> None:
        """Adds rows (an Arrow table) in one commit."""
        with lance_errors(self.folder):
            self.table(create=True).add(rows)

    def replace(self, rows: Any) -> None:
        """Adds rows, or replaces those with the same document and page, in one commit."""
        with lance_errors(self.folder):
            merge = self.table(create=True).merge_insert("id")
            merge.when_matched_update_all().when_not_matched_insert_all().execute(rows)

    def delete(self, documents: Collection[int]) -> None:
        """Removes all rows of these documents."""
        if documents and self.exists():
            with lance_errors(self.folder):
                self.table().delete(in_list("doc", documents))

    def compact(self, keep_seconds: float = 0.001) -> None:
        """Folds new rows into the indexes, joins small fragments, drops versions older than `keep_seconds`.

        Missing indexes are made last, over fragments that are joined: the other way takes twice as long.
        Only for the one process that holds the write lock. A reader in the middle of a query may
        miss a file of an old version, which `ask` forgives.
        """
        if not self.exists():
            return
        with lance_errors(self.folder):
            table = self.table()
            table.optimize(cleanup_older_than=timedelta(seconds=keep_seconds), delete_unverified=True)
            self._index(table)

    def reindex(self) -> None:
        """Drops all indexes and makes them anew. For the writer only."""
        with lance_errors(self.folder):
            table = self.table()
            for index in table.list_indices():
                table.drop_index(index.name)
            self._index(table)
        self._open = self._asked = None

    def _index(self, table: Any) -> None:
        """Makes the indexes that are missing."""

    def table(self, *, create: bool = False) -> Any:
        """The open LanceDB table."""
        if self._open is None:
            database = load_lancedb().connect(self.folder, read_consistency_interval=timedelta(0))
            if create and not self.exists():
                self._open = database.create_table(self.name, schema=self._schema(), exist_ok=True)
            else:
                self._open = database.open_table(self.name)
        return self._open


def answered(answer: T) -> Future[T]:
    """The future of an answer that is known already."""
    future: Future[T] = Future()
    future.set_result(answer)
    return future


@contextmanager
def lance_errors(folder: Path) -> Iterator[None]:
    """LanceDB's errors as ours."""
    try:
        yield
    except (RuntimeError, OSError, ValueError) as error:
        first_line = str(error).split("\n", 1)[0][:300]
        reason = next((words for sign, words in _UNWRITABLE.items() if sign in str(error)), None)
        if reason is not None:
            raise StorageFull(
                f"cannot write the index in {folder}: {reason}",
                hint="free some space or check the folder's permissions; what was indexed stays usable",
            ) from error
        raise IndexDamaged(
            f"the page index in {folder} cannot be used: {first_line}",
            hint="docsearch repair sets aside what is broken and reads the files again",
        ) from error


def page_ids(rows: Any) -> list[PageId]:
    """The page of every row of an Arrow table with columns `doc` and `page`."""
    pairs: Iterable[tuple[int, int]] = zip(rows["doc"].to_pylist(), rows["page"].to_pylist(), strict=True)
    return [PageId(doc, page) for doc, page in pairs]
