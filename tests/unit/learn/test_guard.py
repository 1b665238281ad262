"""The guard set: queries made from the user's own pages, which stay the same while documents come and go."""

from __future__ import annotations

import json
import random
import stat
from pathlib import Path

import pytest

from docsearch.config import SearchSettings
from docsearch.errors import StorageFull
from docsearch.learn.dataset import Chosen
from docsearch.learn.guard import FEWEST, MOST, guard_set, make_queries
from docsearch.records import PageId
from docsearch.search.engine import Engine
from docsearch.search.parse import parse
from docsearch.search.rerank import PassageReranker
from docsearch.store.index import Index
from tests.stored import add_document

LETTERS = "bcdfghjklmnpqrstvwxz"


def fill(index: Index, first: int, last: int) -> None:
    """Documents of three pages; each page has five lines of words, of which some stand nowhere else."""
    for number in range(first, last):
        chance = random.Random(number)
        pages = [
            "\n".join(
                f"the report on {word(chance)} and {word(chance)} from page {word(chance)}" for _ in range(5)
            )
            for _ in range(3)
        ]
        add_document(index, Path(f"/library/{number}.pdf"), pages)


def word(chance: random.Random) -> str:
    return "".join(f"{chance.choice(LETTERS)}{chance.choice('aeiou')}" for _ in range(3))


@pytest.fixture
def filled(index: Index) -> Index:
    fill(index, 0, 12)
    return index


def asked(found: list[Chosen]) -> list[tuple[str, list[PageId]]]:
    return [(one.query, list(one.wanted)) for one in found]


def test_queries_are_a_few_words_of_one_line_of_their_page(filled: Index) -> None:
    made = make_queries(filled, 20)
    assert len({query for query, _, _ in made}) == 20
    for query, content, page in made:
        document = filled.documents.by_content(content)
        assert document is not None
        text, _ = filled.pages.texts([PageId(document.id, page)])[PageId(document.id, page)]
        assert any(set(query.split()) <= set(line.split()) for line in text.splitlines())
        assert FEWEST <= len(query.split()) <= MOST
        assert list(dict.fromkeys(query.split())) == query.split()


def test_rare_words_are_likelier(filled: Index) -> None:
    words = [word for query, _, _ in make_queries(filled, 30) for word in query.split()]
    common = sum(word in {"the", "report", "from", "and", "page"} for word in words)
    assert common < 0.35 * len(words), "of the words of a line more than half are common"


def test_the_same_index_gives_the_same_queries(filled: Index) -> None:
    assert make_queries(filled, 10) == make_queries(filled, 10) != make_queries(filled, 10, seed=2)


def test_queries_mostly_find_their_own_page(filled: Index, tmp_path: Path) -> None:
    engine = Engine(filled, SearchSettings(), reranker=PassageReranker(filled))
    found = guard_set(tmp_path, filled)
    firsts = [engine.search(parse(one.query)).hits[0].page in one.wanted for one in found]
    assert len(firsts) > 20
    assert sum(firsts) / len(firsts) > 0.9


def test_it_stays_the_same_when_documents_come(filled: Index, tmp_path: Path) -> None:
    before = asked(guard_set(tmp_path / "learned", filled))
    fill(filled, 12, 20)
    assert asked(guard_set(tmp_path / "learned", filled)) == before
    stored = tmp_path / "learned" / "guard.jsonl"
    assert (stat.S_IMODE(stored.stat().st_mode), stat.S_IMODE(stored.parent.stat().st_mode)) == (0o600, 0o700)
    assert list(stored.parent.iterdir()) == [stored]


def test_pages_that_are_gone_are_not_asked_for(filled: Index, tmp_path: Path) -> None:
    before = guard_set(tmp_path, filled)
    filled.files.forget([Path("/library/3.pdf")])
    after = guard_set(tmp_path, filled)
    gone = filled.files.document_of(Path("/library/3.pdf"))
    assert gone is None
    assert 0 < len(after) < len(before)
    assert [one for one in asked(before) if one in asked(after)] == asked(after)
    assert all(page.doc in filled.documents.live() for one in after for page in one.wanted)


def test_it_is_made_anew_when_most_of_it_is_gone(filled: Index, tmp_path: Path) -> None:
    before = guard_set(tmp_path, filled)
    filled.files.forget([Path(f"/library/{number}.pdf") for number in range(12)])
    fill(filled, 20, 26)
    after = guard_set(tmp_path, filled)
    assert len(after) >= 6
    assert not {one.query for one in before} & {one.query for one in after}
    assert [one.query for one in before] != [one.query for one in after]
    assert asked(guard_set(tmp_path, filled)) == asked(after)


@pytest.mark.parametrize("said", [b"", b"\xff", b"[]\n3\nnull\n", b'["a", "b"]\n["a", "b", "c"]\n{"a": 1}'])
def test_what_cannot_be_read_is_made_anew(filled: Index, tmp_path: Path, said: bytes) -> None:
    before = asked(guard_set(tmp_path, filled))
    (tmp_path / "guard.jsonl").write_bytes(said)
    assert asked(guard_set(tmp_path, filled)) == before


def test_a_line_that_was_cut_short_costs_only_itself(filled: Index, tmp_path: Path) -> None:
    before = asked(guard_set(tmp_path, filled))
    file = tmp_path / "guard.jsonl"
    file.write_text(file.read_text()[:-5])
    assert asked(guard_set(tmp_path, filled)) == before[:-1]


def test_without_documents_or_words_there_are_no_queries(index: Index, tmp_path: Path) -> None:
    assert guard_set(tmp_path, index) == []
    assert not (tmp_path / "guard.jsonl").exists()
    add_document(index, Path("/library/scan.pdf"), ["", "two words"])
    assert guard_set(tmp_path, index) == []


def test_no_room_is_said(filled: Index, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFull, match="cannot write"):
        guard_set(tmp_path / "file" / "learned", filled)


def test_a_query_of_another_script_is_kept_whole(index: Index, tmp_path: Path) -> None:
    add_document(index, Path("/library/ru.pdf"), ["Договор аренды нежилого помещения заключён сторонами"])
    [made] = guard_set(tmp_path, index)
    [stored] = (tmp_path / "guard.jsonl").read_text().splitlines()
    assert json.loads(stored)[0] == made.query
