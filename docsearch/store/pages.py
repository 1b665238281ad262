"""Page text and its full-text index.

`text` is what a person reads, `terms` what the index reads: the analyzer's terms, split at blanks
and nothing else, so that pages and queries are always analyzed by the same code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docsearch.records import PageId, TextSource
from docsearch.store.tables import EVERYTHING, Selection, Table, answered, in_list, page_ids, row_id

if TYPE_CHECKING:
    from concurrent.futures import Future

_COMPRESSED = {"lance-encoding:compression": "zstd"}
_INDEX_FROM_ROWS = 200


@dataclass(frozen=True, slots=True)
class StoredPage:
    """One page ready to be stored."""

    page: PageId
    text: str
    terms: str
    source: TextSource


@dataclass(frozen=True, slots=True)
class TermQuery:
    """A full-text query in index terms.

    A page scores by BM25 over `terms` (any of them), must hold every phrase (one of its variants)
    and none of `excluded` (each a phrase too).
    """

    terms: tuple[str, ...] = ()
    phrases: tuple[tuple[tuple[str, ...], ...], ...] = ()
    excluded: tuple[tuple[str, ...], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms or self.phrases)


class PageTable(Table):
    """The table `pages`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "pages")

    def _schema(self) -> Any:
        import pyarrow as pa

        return pa.schema(
            [
                pa.field("id", pa.int64(), nullable=False),
                pa.field("doc", pa.int64(), nullable=False),
                pa.field("page", pa.int32(), nullable=False),
                pa.field("text", pa.string(), metadata=_COMPRESSED),
                pa.field("terms", pa.string(), metadata=_COMPRESSED),
                pa.field("source", pa.string()),
            ]
        )

    def as_rows(self, pages: Sequence[StoredPage]) -> Any:
        """Pages as an Arrow table."""
        import pyarrow as pa

        columns = {
            "id": [row_id(page.page) for page in pages],
            "doc": [page.page.doc for page in pages],
            "page": [page.page.page for page in pages],
            "text": [page.text for page in pages],
            "terms": [page.terms for page in pages],
            "source": [page.source.value for page in pages],
        }
        return pa.table(columns, schema=self._schema())

    def match(
        self, query: TermQuery, limit: int, selection: Selection = EVERYTHING
    ) -> list[tuple[PageId, float]]:
        """The best pages by BM25, best first. The selection is applied before the cut."""
        return self.begin_match(query, limit, selection).result()

    def begin_match(
        self, query: TermQuery, limit: int, selection: Selection = EVERYTHING
    ) -> Future[list[tuple[PageId, float]]]:
        """Like `match`, without waiting for the answer."""
        if not query:
            return answered([])

        async def run(table: Any) -> list[tuple[PageId, float]]:
            search = table.query().nearest_to_text(_lance_query(query))
            condition = selection.sql()
            if condition:
                search = search.where(condition)
            rows = await search.select(["doc", "page", "_score"]).limit(limit).to_arrow()
            return list(zip(page_ids(rows), rows["_score"].to_pylist(), strict=True))

        return self.begin(run, [])

    def terms(self, pages: Iterable[PageId]) -> dict[PageId, str]:
        """Index terms, joined by blanks, of the given pages; pages without a row are left out."""
        rows = self._rows(pages, ["terms"])
        return dict(zip(page_ids(rows), rows["terms"].to_pylist(), strict=True)) if rows else {}

    def texts(self, pages: Iterable[PageId]) -> dict[PageId, tuple[str, TextSource]]:
        """Text and its source of the given pages; pages without a row are left out."""
        rows = self._rows(pages, ["text", "source"])
        if not rows:
            return {}
        sources = map(TextSource, rows["source"].to_pylist())
        values = zip(rows["text"].to_pylist(), sources, strict=True)
        return dict(zip(page_ids(rows), values, strict=True))

    def _rows(self, pages: Iterable[PageId], columns: list[str]) -> Any:
        ids = [row_id(page) for page in pages]

        async def run(table: Any) -> Any:
            search = table.query().where(in_list("id", ids)).select(["doc", "page", *columns])
            return await search.limit(len(ids)).to_arrow()

        return self.ask(run, None) if ids else None

    def _index(self, table: Any) -> None:
        from lancedb.index import FTS, BTree

        if table.count_rows() < _INDEX_FROM_ROWS:
            return
        indexed = {column for index in table.list_indices() for column in index.columns}
        if "terms" not in indexed:
            config = FTS(
                base_tokenizer="whitespace",
                stem=False,
                lower_case=False,
                remove_stop_words=False,
                ascii_folding=False,
                with_position=True,
                max_token_length=60,
            )
            table.create_index("terms", config=config)
        if "id" not in indexed:
            table.create_index("id", config=BTree())


def _lance_query(query: TermQuery) -> Any:
    from lancedb.query import BooleanQuery, MatchQuery, Occur

    plain = MatchQuery(" ".join(query.terms), "terms") if query.terms else None
    if plain is not None and not (query.phrases or query.excluded):
        return plain
    clauses = [(Occur.MUST, _any_phrase(variants)) for variants in query.phrases]
    clauses += [(Occur.MUST_NOT, _phrase(phrase)) for phrase in query.excluded]
    if plain is not None:
        clauses.append((Occur.SHOULD if query.phrases else Occur.MUST, plain))
    return BooleanQuery(clauses)


def _any_phrase(variants: tuple[tuple[str, ...], ...]) -> Any:
    from lancedb.query import BooleanQuery, Occur

    if len(variants) == 1:
        return _phrase(variants[0])
    return BooleanQuery([(Occur.SHOULD, _phrase(variant)) for variant in variants])


def _phrase(terms: tuple[str, ...]) -> Any:
    from lancedb.query import MatchQuery, PhraseQuery

    return MatchQuery(terms[0], "terms") if len(terms) == 1 else PhraseQuery(" ".join(terms), "terms")
