"""The index of one user: catalog and tables in one folder, opened together.

The catalog decides what is searchable. Writers append rows first and commit the catalog last, so a
crash leaves rows that nobody sees; `sweep` removes them.
"""

from __future__ import annotations

from pathlib import Path

from docsearch.errors import StorageFull
from docsearch.store.analyzer import Analyzer
from docsearch.store.catalog import Catalog
from docsearch.store.documents import Documents
from docsearch.store.evidence import Evidence
from docsearch.store.files import Files
from docsearch.store.pages import PageTable
from docsearch.store.recognised import Recognised
from docsearch.store.tables import Table
from docsearch.store.vectors import VectorTable
from docsearch.store.vocabulary import Vocabulary

_UNSWEPT = "rows to sweep"
_UNCOMPACTED = "rows to compact"


class Index:
    """All stores of one index folder. The folder is made, readable by its owner only, when missing."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StorageFull(f"cannot make the index folder {folder}: {error.strerror}") from error
        self.folder = folder
        self.analyzer = Analyzer()
        self.catalog = Catalog(folder / "catalog.sqlite")
        self.evidence = Evidence(self.catalog, self.analyzer)
        self.files = Files(self.catalog, self.evidence)
        self.documents = Documents(self.catalog)
        self.recognised = Recognised(self.catalog)
        self.vocabulary = Vocabulary(self.catalog, self.analyzer)
        self.pages = PageTable(folder / "tables")
        self._vectors: dict[str, VectorTable] = {}
        (folder / "tables").mkdir(mode=0o700, exist_ok=True)

    def vectors(self, fingerprint: str, dimensions: int) -> VectorTable:
        """The vector table of a model."""
        if fingerprint not in self._vectors:
            self._vectors[fingerprint] = VectorTable(self.folder / "tables", fingerprint, dimensions)
        return self._vectors[fingerprint]

    def sweep(self) -> None:
        """Removes what no file holds any more and what a crash left behind. For the writer only.

        Tables are only opened when there is something to remove: that costs more than a second.
        """
        with self.catalog.transaction():
            if self.documents.sweep():
                self.evidence.sweep()
                self.catalog.set_fact(_UNSWEPT, "yes")
        if self.catalog.fact(_UNSWEPT) == "yes":
            live = self.documents.live()
            for table in self._tables():
                table.delete(table.documents() - live)
            self.catalog.set_fact(_UNSWEPT, "no")

    def grown(self) -> None:
        """Notes that rows were written since the tables were last compacted."""
        self.catalog.set_fact(_UNCOMPACTED, "yes")

    def compact(self) -> None:
        """Brings indexes up to date and gives back space, if rows were written. For the writer only."""
        if self.catalog.fact(_UNCOMPACTED) != "yes":
            return
        for table in self._tables():
            table.compact()
        self.catalog.set_fact(_UNCOMPACTED, "no")
        self.catalog.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def size_bytes(self) -> int:
        """Bytes on disk of the whole folder."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def close(self) -> None:
        """Closes the catalog; tables hold nothing open."""
        self.catalog.close()

    def _tables(self) -> list[Table]:
        folder = self.folder / "tables"
        prints = (path.stem.removeprefix("vectors_") for path in sorted(folder.glob("vectors_*.lance")))
        return [self.pages, *(VectorTable(folder, fingerprint, 0) for fingerprint in prints)]
