"""Makes a large index out of a small one: new documents whose pages are mixed from the old pages' lines.

Half of each page's lines come from pages elsewhere with other figures in them, and some words are
misspelt, so that no two pages are alike and the vocabulary grows with the pages, as it does in life;
page lengths and the order of words within a line stay those of real documents. The same seed gives the
same index. Files are not made: this is an index to search in, not one to look at.
"""

from __future__ import annotations

import hashlib
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import note
from docsearch.library import Library
from docsearch.models.protocols import Embedder, ModelInput
from docsearch.records import PageId, TextSource
from docsearch.store.analyzer import AnalyzedText
from docsearch.store.evidence import LEAD_PAGES
from docsearch.store.files import FileState
from docsearch.store.index import Index
from docsearch.store.pages import StoredPage
from docsearch.store.vocabulary import count_words

_DONE = "enlarged_to"
_BATCH_PAGES = 2000
_SHARE_FROM_ELSEWHERE = 0.5
_MISSPELT_WORDS = 2
_DIGITS = "0123456789"
_LONG_WORD = re.compile(r"[a-z]{6,}")


@dataclass(frozen=True, slots=True)
class MadeDocument:
    """A document that no file holds: its path below the made root, and the text of its pages."""

    path: Path
    title: str
    pages: tuple[str, ...]


def enlarge(source: Path, home: Path, pages: int, seed: int = 0) -> None:
    """Makes an index of at least `pages` pages in `home` from the one in `source`.

    An index of that size made here before is kept.
    """
    if _is_made(home, pages):
        return
    shutil.rmtree(home / "index", ignore_errors=True)
    with Library(source) as small, Library(home) as large:
        made = made_documents(read_documents(small.store), pages, seed)
        embedder = small.engine.embedder and small.engine.embedder()
        large.store.files.add_root(home / "documents")
        for batch in batches(made):
            store(large.store, batch, embedder)
            note(f"{large.store.documents.totals()[1]} of {pages} pages made")
        large.store.compact()
        large.store.catalog.set_fact(_DONE, str(pages))


def _is_made(home: Path, pages: int) -> bool:
    if not (home / "index" / "catalog.sqlite").is_file():
        return False
    with Library(home) as library:
        return library.store.catalog.fact(_DONE) == str(pages)


def read_documents(index: Index) -> list[list[str]]:
    """The page texts of every searchable document, empty pages left out."""
    found = index.documents.get(index.documents.live())
    texts = []
    for number, document in sorted(found.items()):
        pages = index.pages.texts(PageId(number, page) for page in range(1, document.pages + 1))
        texts.append(
            [pages[page][0] for page in sorted(pages, key=lambda p: p.page) if pages[page][0].strip()]
        )
    return [pages for pages in texts if pages]


def made_documents(documents: Sequence[Sequence[str]], pages: int, seed: int) -> Iterator[MadeDocument]:
    """Documents with at least `pages` pages together, each modelled on one of `documents`."""
    chance = random.Random(seed)
    lines = [line for document in documents for page in document for line in page.splitlines()]
    words = sorted(
        {word for line in lines[:: max(1, len(lines) // 5000)] for word in line.split() if word.isalpha()}
    )
    made = 0
    while made < pages:
        texts = tuple(mixed(page, lines, chance) for page in chance.choice(documents))
        made += len(texts)
        name = " ".join(chance.choice(words) for _ in range(3)) if words else "document"
        folder = f"folder {chance.randrange(200)}"
        yield MadeDocument(Path(folder, f"{name} {chance.randrange(1990, 2030)} {made}.pdf"), name, texts)


def mixed(page: str, lines: Sequence[str], chance: random.Random) -> str:
    """The page with half its lines replaced by others, figures changed, two words misspelt."""
    digits = str.maketrans(_DIGITS, "".join(chance.sample(_DIGITS, len(_DIGITS))))
    text = "\n".join(
        chance.choice(lines).translate(digits) if chance.random() < _SHARE_FROM_ELSEWHERE else line
        for line in page.splitlines()
    )
    words = [match.span() for match in _LONG_WORD.finditer(text)]
    for start, end in chance.sample(words, min(len(words), _MISSPELT_WORDS)):
        text = _letters_exchanged(text, chance.randrange(start, end - 2), chance.randrange(start + 1, end))
    return text


def _letters_exchanged(text: str, one: int, other: int) -> str:
    letters = list(text)
    letters[one], letters[other] = letters[other], letters[one]
    return "".join(letters)


def batches(documents: Iterator[MadeDocument]) -> Iterator[list[MadeDocument]]:
    """Documents in groups of a few thousand pages, as the indexer commits them."""
    batch: list[MadeDocument] = []
    for document in documents:
        batch.append(document)
        if sum(len(made.pages) for made in batch) >= _BATCH_PAGES:
            yield batch
            batch = []
    if batch:
        yield batch


def store(index: Index, batch: Sequence[MadeDocument], embedder: Embedder | None) -> None:
    """Commits documents as the indexer does: rows first, then vectors, then the catalog."""
    numbers = [index.documents.begin(_digest(document), _size(document)) for document in batch]
    analyzed = [[index.analyzer.analyze(text) for text in document.pages] for document in batch]
    rows = [
        StoredPage(PageId(number, page), text, terms.terms, TextSource.LAYER)
        for number, document, analyses in zip(numbers, batch, analyzed, strict=True)
        for page, (text, terms) in enumerate(zip(document.pages, analyses, strict=True), 1)
    ]
    index.pages.append(index.pages.as_rows(rows))
    with index.catalog.transaction():
        for number, document, analyses in zip(numbers, batch, analyzed, strict=True):
            _commit(index, number, document, analyses)
        flat = [analysis for analyses in analyzed for analysis in analyses]
        languages = Counter(analysis.language for analysis in flat)
        index.vocabulary.add(count_words((a.words, a.language) for a in flat), languages)
    if embedder is not None:
        _embed(index, rows, embedder)
    index.grown()


def _commit(index: Index, number: int, document: MadeDocument, analyses: Sequence[AnalyzedText]) -> None:
    [(root, folder, _)] = index.files.roots()
    index.documents.commit(number, kind="pdf", title=document.title, pages=len(document.pages), waiting=())
    index.evidence.put_lead(number, [analysis.terms for analysis in analyses[:LEAD_PAGES]])
    state = FileState(folder / document.path, _size(document), 1_700_000_000_000_000_000, _digest(document))
    index.files.put(root, state, number, document.title)


def _embed(index: Index, rows: Sequence[StoredPage], embedder: Embedder) -> None:
    table = index.vectors(embedder.fingerprint, embedder.dimensions)
    for start in range(0, len(rows), _BATCH_PAGES):
        some = rows[start : start + _BATCH_PAGES]
        vectors = embedder.embed_pages([ModelInput(text=row.text) for row in some])
        table.append(table.as_rows([row.page for row in some], vectors))
    for number in {row.page.doc for row in rows}:
        index.documents.embedded(number, embedder.fingerprint)


def _digest(document: MadeDocument) -> str:
    return hashlib.sha256("\f".join([str(document.path), *document.pages]).encode()).hexdigest()


def _size(document: MadeDocument) -> int:
    return sum(map(len, document.pages))
