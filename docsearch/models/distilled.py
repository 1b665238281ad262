"""A small encoder of query words in the space of a large model's page vectors, run with NumPy alone.

The vectors of tokens and words are summed and carried into the large model's space by linear maps. How
they are trained is not known here.
"""

from __future__ import annotations

import dataclasses
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from docsearch.config import whole_file
from docsearch.errors import ModelUnavailable, StorageFull
from docsearch.models.protocols import Embedder, ModelInput, Vectors
from docsearch.models.registry import ModelRow
from docsearch.models.starter.weights import quantise
from docsearch.models.starter.words import MAX_CHARACTERS, Bag, WordPieces
from docsearch.records import DistilledModel, StudentFigures

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SUFFIX = ".npz"
WORDS = 1 << 15
"""Rows for whole words; words that share one are told apart by their tokens."""
_WORD = re.compile(r"\w+")
_TABLES = ("start", "tokens", "words")
_MAPS = ("linear", "bias", "outer")
_NOTE, _TOKENIZER, _SCALES = "note", "tokenizer", "_scales"
_TINY = 1e-12
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, NotImplementedError)


@dataclass(frozen=True)
class Table:
    """Vectors by number, as whole numbers and what they are multiplied with.

    Attributes:
        values: shape (rows, width).
        scales: shape (rows,).
    """

    values: NDArray[np.int8]
    scales: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: Vectors) -> Table:
        """Vectors of shape (rows, width), rounded."""
        return cls(*quantise(vectors))

    def sums(self, bags: Sequence[Bag]) -> Vectors:
        """The weighted sum of the vectors of each bag, shape (len(bags), width)."""
        found = np.zeros((len(bags), self.values.shape[1]), np.float32)
        for row, (numbers, weights) in zip(found, bags, strict=True):
            if len(numbers):
                row[:] = (weights * self.scales[numbers]) @ self.values[numbers].astype(np.float32)
        return found


def token_bags(pieces: WordPieces, texts: Sequence[str]) -> list[Bag]:
    """The tokens of each text, with weights of unit length."""
    return [(tokens, _of_unit_length(weights)) for tokens, weights in pieces.bags(texts)]


def word_ids(text: str) -> Bag:
    """The whole words of a text by a hash of their letters, with weights of unit length."""
    words = [zlib.crc32(word.encode()) % WORDS for word in _WORD.findall(text.lower()[:MAX_CHARACTERS])]
    return np.array(words, np.int64), _of_unit_length(np.ones(len(words), np.float32))


def start_vectors(start: Table, bags: Sequence[Bag]) -> Vectors:
    """Unit vectors from the tokens as they came with docsearch, shape (len(bags), width); or zeros."""
    return _unit(start.sums(bags))


@dataclass(frozen=True)
class Student:
    """What a distilled encoder has learned.

    Attributes:
        tokenizer: a tokenizer of the library tokenizers, as JSON.
        start: token vectors as they came with docsearch, of width s.
        tokens: what the tokens learned, of width w.
        words: what whole words learned, `WORDS` rows of width w.
        linear: carries the start into the large model's space, shape (s, dimensions).
        bias: shape (dimensions,).
        outer: carries what was learned there, shape (w, dimensions).
    """

    tokenizer: bytes = field(repr=False)
    start: Table
    tokens: Table
    words: Table
    linear: NDArray[np.float32]
    bias: NDArray[np.float32]
    outer: NDArray[np.float32]

    @cached_property
    def splitter(self) -> Tokenizer:
        """The tokenizer; raises ValueError when there is none."""
        return tokenizer_of(self.tokenizer)

    @cached_property
    def pieces(self) -> WordPieces:
        """Splits texts into tokens."""
        return WordPieces(self.splitter)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (len(texts), dimensions); zeros for a text without words."""
        bags, words = token_bags(self.pieces, texts), [word_ids(text) for text in texts]
        learned = self.tokens.sums(bags) + self.words.sums(words)
        given = start_vectors(self.start, bags) @ self.linear + self.bias + learned @ self.outer
        vectors = _unit(given.astype(np.float32))
        said = np.array([len(bag[0]) + len(word[0]) > 0 for bag, word in zip(bags, words, strict=True)])
        return np.asarray(vectors * said[:, None], np.float32)


def _of_unit_length(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(weights / max(float(np.linalg.norm(weights)), _TINY), np.float32)


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), _TINY)
    return unit


def tokenizer_of(content: bytes) -> Tokenizer:
    """A tokenizer from its JSON; raises ValueError when there is none in it."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(content.decode("utf-8"))
    except Exception as error:  # tokenizers raises bare Exception
        raise ValueError("no tokenizer") from error


# -- on disk ---------------------------------------------------------------------------------------


def student_file(folder: Path, fingerprint: str) -> Path:
    """Where the encoder for page vectors of a fingerprint is kept."""
    return folder / f"{fingerprint}{SUFFIX}"


def write_student(folder: Path, student: Student, note: DistilledModel) -> Path:
    """Keeps an encoder, for its owner alone, in the place of the one before.

    Raises StorageFull when it cannot be written; the one before is still there then.
    """
    file = student_file(folder, note.fingerprint)
    arrays: dict[str, Any] = {name: getattr(student, name).astype(np.float16) for name in _MAPS}
    for name in _TABLES:
        table: Table = getattr(student, name)
        arrays |= {name: table.values, name + _SCALES: table.scales}
    arrays[_TOKENIZER] = np.frombuffer(student.tokenizer, np.uint8)
    arrays[_NOTE] = np.frombuffer(json.dumps(dataclasses.asdict(note)).encode(), np.uint8)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with whole_file(file) as target:
            np.savez(target, **arrays)
    except OSError as error:
        raise StorageFull(f"cannot write {file}: {error.strerror}") from error
    return file


def read_student(file: Path) -> Student:
    """The encoder in a file; raises ModelUnavailable when it cannot be read."""
    try:
        with np.load(BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
            values: dict[str, Any] = {name: arrays[name].astype(np.float32) for name in _MAPS}
            values |= {name: Table(arrays[name], arrays[name + _SCALES]) for name in _TABLES}
            return _checked(Student(arrays[_TOKENIZER].tobytes(), **values))
    except (OSError, ValueError, KeyError, EOFError, MemoryError, *_ZIP_ERRORS) as error:
        raise ModelUnavailable(
            f"the distilled encoder in {file} cannot be read", hint="docsearch models distill makes it anew"
        ) from error


def read_note(file: Path) -> DistilledModel | None:
    """What a file holds; None when it cannot be read. Does not read the weights."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            values = json.loads(arrays[_NOTE].tobytes())
        note = DistilledModel(**{**values, "figures": StudentFigures(**values["figures"])})
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, *_ZIP_ERRORS):
        return None
    return note if note.fingerprint == file.name.removesuffix(SUFFIX) else None


def notes(folder: Path) -> list[DistilledModel]:
    """What is kept of all encoders."""
    found = (read_note(file) for file in sorted(folder.glob(f"*{SUFFIX}")) if not file.name.startswith("."))
    return [note for note in found if note is not None]


def _checked(student: Student) -> Student:
    """The encoder when its parts fit each other; raises ValueError otherwise."""
    dimensions, width = len(student.bias), student.tokens.values.shape[1]
    vocabulary = len(student.start.scales)
    shapes = (
        (student.start.values, (vocabulary, student.linear.shape[0])),
        (student.tokens.values, (vocabulary, width)),
        (student.tokens.scales, (vocabulary,)),
        (student.words.values, (WORDS, width)),
        (student.words.scales, (WORDS,)),
        (student.linear, (student.linear.shape[0], dimensions)),
        (student.outer, (width, dimensions)),
    )
    if any(array.shape != shape for array, shape in shapes):
        raise ValueError("shapes do not fit")
    if student.splitter.get_vocab_size() > vocabulary:
        raise ValueError("tokens without a vector")
    return student


# -- in the place of the large model ---------------------------------------------------------------


class DistilledQueries:
    """An embedder that reads words with a distilled encoder, and is the large model in all else.

    The large model is only loaded when there is a picture or a page to embed.
    """

    def __init__(
        self, student: Student, note: DistilledModel, row: ModelRow, teacher: Callable[[], Embedder]
    ) -> None:
        """`teacher` loads the large model, whose row is `row`."""
        self.note = note
        self._student = student
        self._row = row
        self._teacher = teacher

    @property
    def name(self) -> str:
        """The large model's row of models.toml."""
        return self._row.name

    @property
    def fingerprint(self) -> str:
        """Of the page vectors it was made for."""
        return self.note.fingerprint

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        return self.note.dimensions

    @property
    def modalities(self) -> frozenset[str]:
        """What the large model can embed."""
        return frozenset(self._row.modalities)

    @property
    def image_pixels(self) -> int:
        """Longest side, in pixels, at which a page should be rendered for the large model."""
        return self._row.image_pixels

    def embed_queries(self, queries: Sequence[ModelInput]) -> Vectors:
        """Unit vectors of shape (len(queries), dimensions); those with a picture are the large model's.

        Raises ModelUnavailable when there is one and the large model cannot be loaded or was changed.
        """
        vectors = self._student.encode([query.text for query in queries])
        pictures = [i for i, query in enumerate(queries) if query.image is not None]
        if pictures:
            vectors[pictures] = self._large().embed_queries([queries[i] for i in pictures])
        return vectors

    def embed_pages(self, pages: Sequence[ModelInput]) -> Vectors:
        """Unit vectors of shape (len(pages), dimensions), the large model's."""
        return self._large().embed_pages(pages)

    def _large(self) -> Embedder:
        """The large model, whose weights must be those that the pages were embedded with."""
        teacher = self._teacher()
        if teacher.fingerprint != self.fingerprint:
            raise ModelUnavailable(
                f"'{self.name}' is not the model any more that pages were embedded with",
                hint="docsearch index embeds them anew",
            )
        return teacher
