"""The values that flow between rooms: pages, queries, candidates, hits, answers, failures.

Pure data. Nothing here opens a file, a table or a model, and every front end can hold these
records without knowing where they came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

KIND_GROUPS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "image": frozenset({"png", "jpeg", "tiff", "webp", "bmp", "gif", "svg"}),
        "text": frozenset({"txt", "md"}),
        "ebook": frozenset({"epub", "fb2", "mobi", "cbz"}),
    }
)
"""Names that stand for several kinds of document, as in `type:image`."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page as fractions of its displayed width and height, from the top left."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it stands on the page, with the rectangle that holds it."""

    text: str
    box: Box


class TextSource(StrEnum):
    """Where the text of a page comes from."""

    LAYER = "layer"
    """The file's own text layer."""
    OCR = "ocr"
    """Characters recognised in the page image."""
    PENDING = "pending"
    """The page has no usable text layer and still waits for OCR."""
    NONE = "none"
    """Nothing readable on the page, or OCR is switched off for it."""


@dataclass(frozen=True, slots=True)
class PageId:
    """A page of an indexed content: the catalog's document number and the page number from 1."""

    doc: int
    page: int


@dataclass(frozen=True, slots=True)
class OcrPage:
    """Recognised text of a page image in reading order, with word boxes."""

    text: str
    words: tuple[Word, ...] = ()


class FailureKind(StrEnum):
    """Why a file could not be indexed."""

    PASSWORD = "needs a password"
    TRUNCATED = "truncated or damaged"
    NO_PAGES = "has no pages"
    TOO_LARGE = "too large"
    NOT_A_DOCUMENT = "not a document"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "needs too much memory"
    CRASHED = "crashed its reader"
    UNREADABLE = "cannot be read"
    CHANGED = "changed while it was read"


@dataclass(frozen=True, slots=True)
class Failure:
    """A file, or some pages of one, that could not be read, and why, in words a person understands."""

    path: Path
    kind: FailureKind
    detail: str = ""
    page: int | None = None

    @property
    def reason(self) -> str:
        """The kind and, where there is more to say, the detail."""
        return f"{self.kind.value}: {self.detail}" if self.detail else self.kind.value


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions on the document that a query sets; all must hold."""

    folders: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    after: date | None = None
    before: date | None = None

    def __bool__(self) -> bool:
        return self != Filters()


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query: free words, exact phrases, words to leave out, filters, an optional picture."""

    raw: str = ""
    text: str = ""
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters)
    image: Path | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A page that first-stage retrieval found, with its score from each list that named it."""

    page: PageId
    scores: Mapping[str, float]
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Snippet:
    """A passage of the page and the half-open character spans in it that match the query."""

    text: str
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A page as it is shown to the user."""

    rank: int
    page: PageId
    path: Path
    title: str
    pages: int
    score: float
    snippet: Snippet
    source: TextSource
    modified: date
    scores: Mapping[str, float] = field(default_factory=dict)
    copies: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one query: hits best first, and what the user should know about them."""

    query: Query
    hits: tuple[Hit, ...]
    seconds: float
    corrections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class AnswerState(StrEnum):
    """How far an answer has come. Every answer ends as done or stopped."""

    QUOTED = "quoted"
    """The best passages are there; a model may still write after them."""
    LOADING = "loading"
    """The model is being loaded."""
    READING = "reading"
    """The model reads the pages; `Answer.progress` says how much of them."""
    WRITING = "writing"
    """The model writes: the last statement is not finished."""
    DONE = "done"
    STOPPED = "stopped"
    """Someone stopped it; what was said is kept."""


class FlagKind(StrEnum):
    """Why a statement is not to be taken as fact."""

    UNCITED = "names no page"
    UNKNOWN_SOURCE = "names a page that was not given"
    NOT_ON_PAGE = "says what the pages it names do not"


@dataclass(frozen=True, slots=True)
class Flag:
    """A doubt about a statement, and the words of it that cause it: a number, a name, a marker."""

    kind: FlagKind
    words: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence, list item or quoted passage of an answer. Plain text; a passage may have several lines.

    Attributes:
        text: the words as they were said, with their markers `[n]`; a quoted passage has none.
        citations: numbers of the citations it names, those that exist.
        flags: doubts; empty for a statement whose numbers and names stand on the pages it names.
    """

    text: str
    citations: tuple[int, ...] = ()
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """A page that an answer rests on, with the passage of it that is quoted.

    Attributes:
        number: what a marker `[n]` in the answer says.
        quote: the words of the page, lines separated by line breaks, ` …` where lines were left out,
            and the spans in it that match the question (or the statement that cites it).
        boxes: where the quoted words stand on the page.
    """

    number: int
    page: PageId
    path: Path
    title: str
    pages: int
    quote: Snippet
    source: TextSource
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerTimings:
    """What an answer took, in seconds and tokens; zero for what did not happen.

    Attributes:
        search: finding and ordering pages.
        passages: choosing what to quote.
        load: loading the model.
        prompt: the model's reading of the prompt.
        first_token: from the question to the first word of the model, loading left out.
        total: from the question to the end.
        prompt_tokens: length of the prompt.
        cached_tokens: how many of them the model still knew from the question before.
        tokens: how many the model wrote.
    """

    search: float = 0.0
    passages: float = 0.0
    load: float = 0.0
    prompt: float = 0.0
    first_token: float = 0.0
    total: float = 0.0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, or what there is of it so far.

    Attributes:
        question: as it was asked.
        model: what wrote the statements; empty when they are passages quoted from the pages.
        statements: in order. While the model has not begun to write these are quoted passages.
        citations: the pages, by number. When nothing was found, the nearest ones.
        found: whether the pages hold an answer, as far as can be told.
        progress: of reading, from 0 to 1.
        left_out: pages that were found and did not fit into what the model can read.
        notes: what the user should know: a model that is not there, pages cut short.
    """

    question: str
    state: AnswerState
    statements: tuple[Statement, ...] = ()
    citations: tuple[Citation, ...] = ()
    model: str = ""
    found: bool = True
    progress: float = 0.0
    left_out: tuple[PageId, ...] = ()
    notes: tuple[str, ...] = ()
    timings: AnswerTimings = field(default_factory=AnswerTimings)

    @property
    def finished(self) -> bool:
        """Whether no more will come."""
        return self.state in (AnswerState.DONE, AnswerState.STOPPED)

    @property
    def quoted(self) -> bool:
        """Whether the statements are passages as they stand on the pages, not words of a model."""
        return not self.model


@dataclass(frozen=True, slots=True)
class Turn:
    """A question that was asked in a thread and what was answered, for the next question to build on."""

    question: str
    text: str
    pages: tuple[PageId, ...] = ()
    """The sources, in the order of their numbers."""


@dataclass(frozen=True, slots=True)
class Root:
    """A folder or file the user asked to be searchable."""

    path: Path
    online: bool
    files: int = 0
    pages: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an indexing run has come; counts are of this run."""

    tier: str
    pages_done: int
    pages_total: int
    files_done: int
    files_total: int
    current: Path | None = None
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """What the index holds, what waits, what failed, and what it costs on disk."""

    roots: tuple[Root, ...]
    documents: int
    pages: int
    pages_waiting_for_ocr: int
    pages_waiting_for_vectors: int
    failures: tuple[Failure, ...]
    index_bytes: int
    document_bytes: int
    embedder: str
    reranker: str
    device: str
    outdated: bool = False
    """Whether words are found less well than they would be in an index made anew."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model that docsearch knows, and what there is of it on this machine and in this index.

    Attributes:
        name: its row in models.toml; for a generator that is named by its file, the path of that file.
        role: 'embedder', 'reranker', 'late-interaction' or 'generator'.
        source: a name on the Hugging Face hub, or a folder; empty for what ships with docsearch.
        licence: as its makers call it; empty where that is not known.
        modalities: what it takes: 'text', 'image', 'text+image'.
        parameters: how many weights; 0 where that is not known.
        dimensions: length of a whole vector; 0 for models without vectors.
        note: a sentence for the person who chooses.
        memory_bytes: what it takes when it is loaded, as an estimate; 0 where that is not known.
        fits: whether this machine has that much memory, free or not.
        reason: why it does not fit, or what stands against it now; empty when nothing does.
        installed: whether all its files are here.
        folder: where they are; None when they are not here or came with docsearch.
        disk_bytes: what they take on disk, an unfinished download too.
        in_use: whether the settings name it.
        pages_embedded: pages of this index that have its vectors.
        pages_total: pages of this index.
    """

    name: str
    role: str
    source: str
    licence: str
    modalities: tuple[str, ...]
    parameters: int
    dimensions: int
    note: str
    memory_bytes: int
    fits: bool
    reason: str
    installed: bool
    folder: Path | None
    disk_bytes: int
    in_use: bool
    pages_embedded: int = 0
    pages_total: int = 0


@dataclass(frozen=True, slots=True)
class Impression:
    """A page in a list of results, and what the user did with it. It names content, not a document number.

    Attributes:
        rank: its place in the list, from 1.
        content: digest of the document's content.
        page: page number from 1.
        path: where the document lay then.
        seen: whether it was on screen.
        focus_seconds: how long the cursor stood on it.
        preview_seconds: how long its page was looked at.
        opened: how many times it was opened in a viewer.
        copied: how many times its path, text or citation was copied.
        verdict: 1 when the user called it right, -1 when wrong, 0 without a word.
    """

    rank: int
    content: str
    page: int
    path: Path
    seen: bool = False
    focus_seconds: float = 0.0
    preview_seconds: float = 0.0
    opened: int = 0
    copied: int = 0
    verdict: int = 0

    @property
    def chosen(self) -> bool:
        """Whether the user opened or copied it, or called it right."""
        return self.verdict > 0 or (self.verdict == 0 and bool(self.opened or self.copied))


@dataclass(frozen=True, slots=True)
class LoggedSearch:
    """A search the user made, and what came of it.

    Attributes:
        id: 32 hexadecimal digits, drawn at random.
        at: when, in seconds since 1970.
        query: as it was typed, filters included.
        front: where it was asked: "cli" or "screen".
        learned: number of the learned state that answered; 0 before anything was learned.
        impressions: what was shown, in order.
    """

    id: str
    at: float
    query: str
    front: str
    learned: int = 0
    impressions: tuple[Impression, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """What a model did when it was loaded and tried out on two pages and a query.

    Attributes:
        name: its row in models.toml.
        role: as in `ModelState`.
        device: where it ran, in words.
        modalities: what it takes.
        dimensions: length of the vectors it gave; 0 for models without vectors.
        load_seconds: from nothing to ready.
        page_seconds: for a page, by how it was shown: 'text', 'image', 'text+image'. Of a generator,
            for reading a short prompt.
        query_seconds: for a query; of a generator, for a token it writes; 0 for a reranker.
        memory_bytes: by how much this process grew, and what was taken of a GPU's memory.
        right: whether the page that answers the query came out before the one that does not; None for
            a model that takes no text, and for a generator.
    """

    name: str
    role: str
    device: str
    modalities: tuple[str, ...]
    dimensions: int
    load_seconds: float
    page_seconds: Mapping[str, float]
    query_seconds: float
    memory_bytes: int
    right: bool | None
