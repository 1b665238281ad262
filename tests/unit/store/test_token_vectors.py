"""Token vectors in files: whole or not there, found by content, for their owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from docsearch.errors import StorageFull
from docsearch.store.documents import StoredDocument
from docsearch.store.token_vectors import PAGES_A_FILE, Span, TokenVectorFolders, TokenVectors

RANDOM = np.random.default_rng(0)
LEASE = StoredDocument(1, "aa11", "pdf", "Lease", PAGES_A_FILE + 2)
LETTER = StoredDocument(2, "bb22", "pdf", "Letter", 1)


@pytest.fixture
def folders(tmp_path: Path) -> TokenVectorFolders:
    return TokenVectorFolders(tmp_path)


@pytest.fixture
def vectors(folders: TokenVectorFolders) -> TokenVectors:
    made = folders.of("print", 8)
    made.begin("colqwen")
    return made


def tokens(count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return RANDOM.normal(size=(count, 8)).astype(np.float32)


def write_all(vectors: TokenVectors, *documents: StoredDocument) -> None:
    for span in list(vectors.missing(documents)):
        vectors.write(span, [tokens(3 + page) for page in span.pages])


def test_pages_are_read_back_in_half_precision(vectors: TokenVectors) -> None:
    pages = [tokens(5), tokens(0), tokens(7), tokens(1)]
    vectors.write(Span(LEASE, 1, PAGES_A_FILE), pages)
    found = vectors.read(LEASE.content, [1, 2, 3, PAGES_A_FILE, PAGES_A_FILE + 1])
    assert sorted(found) == [1, 3, PAGES_A_FILE]
    assert found[3] == pytest.approx(pages[2], abs=2e-3)
    assert found[1].dtype == np.float16
    assert vectors.read(LETTER.content, [1]) == {}


def test_what_is_missing_is_told_until_it_is_there(vectors: TokenVectors) -> None:
    spans = list(vectors.missing([LEASE, LETTER]))
    assert [(span.document.id, *span.pages) for span in spans] == [(1, 1, 2, 3, 4), (1, 5, 6), (2, 1)]
    write_all(vectors, LEASE)
    assert [span.document for span in vectors.missing([LEASE, LETTER])] == [LETTER]
    assert vectors.pages([LEASE, LETTER]) == LEASE.pages


def test_pages_that_got_their_text_since_are_made_again(vectors: TokenVectors) -> None:
    span = Span(LETTER, 1, 1)
    vectors.write(span, [tokens(2)], waited=1)
    assert list(vectors.missing([LETTER])) == []
    assert list(vectors.missing([LETTER], {LETTER.id: [1]})) == []
    assert list(vectors.missing([LETTER], {})) == [span]


def test_a_file_that_is_cut_short_is_not_there(vectors: TokenVectors) -> None:
    write_all(vectors, LETTER)
    [file] = vectors.folder.glob("*/*.tokens")
    whole = file.read_bytes()
    for length in (0, 10, 17, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert vectors.read(LETTER.content, [1]) == {}
        assert [span.document for span in vectors.missing([LETTER])] == [LETTER]
    file.write_bytes(whole)
    assert list(vectors.read(LETTER.content, [1])) == [1]


def test_vectors_of_another_length_are_not_taken_for_these(
    folders: TokenVectorFolders, vectors: TokenVectors
) -> None:
    write_all(vectors, LETTER)
    assert folders.of("print", 16).read(LETTER.content, [1]) == {}


def test_models_lie_side_by_side_and_one_is_dropped(folders: TokenVectorFolders) -> None:
    for fingerprint, model in (("one", "colqwen"), ("two", "colqwen"), ("three", "colbert")):
        made = folders.of(fingerprint, 8)
        made.begin(model)
        write_all(made, LETTER, *([LEASE] if fingerprint == "two" else []))
    assert folders.pages_of_models([LEASE, LETTER]) == {"colqwen": 7, "colbert": 1}
    folders.supersede("one", "colqwen")
    assert folders.pages_of_models([LEASE, LETTER]) == {"colqwen": 1, "colbert": 1}


def test_what_belongs_to_no_document_is_swept_with_what_a_crash_left(
    folders: TokenVectorFolders, vectors: TokenVectors
) -> None:
    write_all(vectors, LEASE, LETTER)
    [file, *_] = sorted(vectors.folder.glob("*/*.tokens"))
    left = file.with_name(f".{file.name}-123")
    left.write_bytes(b"half")
    folders.sweep([LEASE.content])
    assert not left.exists()
    assert vectors.pages([LEASE, LETTER]) == LEASE.pages
    folders.sweep([])
    assert list(vectors.folder.glob("*/*")) == []
    TokenVectorFolders(folders.folder / "nowhere").sweep([])


def test_a_content_names_no_place_outside(vectors: TokenVectors, tmp_path: Path) -> None:
    foreign = StoredDocument(3, "../../../../escaped", "pdf", "", 1)
    write_all(vectors, foreign)
    assert list(vectors.read(foreign.content, [1])) == [1]
    assert {path.parent.parent for path in tmp_path.rglob("*.tokens")} == {vectors.folder}


def test_only_the_owner_may_look(vectors: TokenVectors) -> None:
    write_all(vectors, LETTER)
    for path in [vectors.folder.parent, *vectors.folder.parent.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "token-vectors").write_text("in the way")
    with pytest.raises(StorageFull, match="token-vectors"):
        TokenVectorFolders(tmp_path).of("print", 8).begin("colqwen")
