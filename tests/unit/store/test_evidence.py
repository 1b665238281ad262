from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from docsearch.store.index import Index
from tests.stored import add_document, file_state, root_of


def test_title_name_and_folder_speak_for_a_document(index: Index) -> None:
    titled = add_document(index, Path("/library/x1.pdf"), ["text"], title="Annual Report of Contoso")
    named = add_document(index, Path("/library/contoso-2019.pdf"), ["text"])
    filed = add_document(index, Path("/library/contoso/x2.pdf"), ["text"])
    add_document(index, Path("/library/other.pdf"), ["text"], title="Other")
    scores = index.evidence.name_scores(["contoso"], 10)
    assert set(scores) == {titled, named, filed}
    assert scores[filed] < min(scores[titled], scores[named])


def test_folders_above_the_root_say_nothing(index: Index) -> None:
    add_document(index, Path("/library/a.pdf"), ["text"])
    assert index.evidence.name_scores(["librari", "library"], 10) == {}


def test_a_renamed_file_counts_by_its_new_name(index: Index) -> None:
    number = add_document(index, Path("/library/old.pdf"), ["text"])
    stored = index.documents.get([number])[number]
    index.files.put(root_of(index), file_state(Path("/library/new.pdf"), stored.content), number)
    index.files.forget([Path("/library/old.pdf")])
    assert index.evidence.name_scores(["old"], 10) == {}
    assert set(index.evidence.name_scores(["new"], 10)) == {number}


def test_first_pages_speak_for_a_document(index: Index) -> None:
    number = add_document(index, Path("/library/a.pdf"), ["Contoso filing", "second", "third"])
    assert set(index.evidence.lead_scores(["contoso"], 10)) == {number}
    assert set(index.evidence.lead_scores(["second"], 10)) == {number}
    assert index.evidence.lead_scores(["third"], 10) == {}
    index.evidence.put_lead(number, ["replaced"])
    assert index.evidence.lead_scores(["contoso"], 10) == {}


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1), max_size=4))
def test_no_term_is_syntax(index: Index, terms: list[str]) -> None:
    assert index.evidence.name_scores(terms, 5) == index.evidence.lead_scores(terms, 5) == {}


def test_very_many_terms_may_be_asked_for(index: Index) -> None:
    number = add_document(index, Path("/library/contoso.pdf"), ["text"])
    terms = [f"w{number}" for number in range(5000)]
    assert set(index.evidence.name_scores([*terms, "contoso"], 10)) == {number}


def test_joined_parts_say_the_same(index: Index) -> None:
    numbers = [add_document(index, Path(f"/library/{n}.pdf"), [f"Contoso filing {n}"]) for n in range(6)]
    before = index.evidence.lead_scores(["contoso"], 10)
    parts = _parts(index)
    index.evidence.join()
    assert (parts, _parts(index)) == (6, 1)
    assert index.evidence.lead_scores(["contoso"], 10) == before
    assert set(before) == set(numbers)


def _parts(index: Index) -> int:
    """In how many parts the index of first pages lies."""
    rows = index.catalog.connection.execute("SELECT count(DISTINCT segid) FROM leads_idx")
    return int(rows.fetchone()[0])
