from __future__ import annotations

import os
import unicodedata
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docsearch.records import Failure, FailureKind, Filters
from docsearch.store.files import Files
from docsearch.store.index import Index
from tests.stored import add_document, file_state, root_of

HOSTILE_NAMES = [
    b"new\nline.pdf",
    b"caf\xe9 \xff.pdf",
    b"\x1b[31m red.pdf",
    "نص 文書.pdf".encode(),
    b"100%_'\";--.pdf",
]


def paths(files: Files) -> set[Path]:
    return {path for number, *_ in files.roots() for path in files.of_root(number)}


def test_any_name_survives(index: Index) -> None:
    root = root_of(index)
    wanted = {Path(os.fsdecode(b"/library/" + name)) for name in HOSTILE_NAMES}
    for path in wanted:
        index.files.put(root, file_state(path), None)
        index.files.put_failure(Failure(path, FailureKind.TRUNCATED, "odd"))
    assert paths(index.files) == wanted
    assert {failure.path for failure in index.files.failures()} == wanted
    index.files.forget(wanted)
    assert paths(index.files) == set()
    assert index.files.failures() == []


def test_files_with_hostile_names_are_searchable_by_name(index: Index) -> None:
    for name in HOSTILE_NAMES:
        add_document(index, Path(os.fsdecode(b"/library/odd folder/" + name)), ["text"])
    assert len(index.files.matching(Filters(folders=("odd folder",)))) == len(HOSTILE_NAMES)
    assert len(index.files.matching(Filters(titles=("red",)))) == 1


def test_a_root_inside_a_root_is_that_roots_already(index: Index) -> None:
    index.files.add_root(Path("/library"))
    index.files.add_root(Path("/library/inner"))
    index.files.add_root(Path("/library"))
    index.files.add_root(Path("/library-of-others"))
    assert [path for _, path, _ in index.files.roots()] == [Path("/library"), Path("/library-of-others")]


def test_roots_inside_a_new_root_join_it_with_their_files(index: Index) -> None:
    for inner in ("/library/a", "/library/b"):
        root = root_of(index, Path(inner))
        index.files.put(root, file_state(Path(inner) / "file.pdf"), None)
    index.files.add_root(Path("/library"))
    [(number, path, online)] = index.files.roots()
    assert (path, online) == (Path("/library"), True)
    assert set(index.files.of_root(number)) == {Path("/library/a/file.pdf"), Path("/library/b/file.pdf")}


def test_what_lies_below_a_path(index: Index) -> None:
    root = root_of(index, Path("/"))
    wanted = {Path(f"/library{name}") for name in ("/a", "/a/b.pdf", "/a.pdf", "/a0.pdf", "/A")}
    for path in wanted:
        index.files.put(root, file_state(path), None)
    below = {Path("/library/a"), Path("/library/a/b.pdf")}
    assert index.files.at(Path("/library/a")).keys() == below
    assert index.files.at(Path("/library")).keys() == index.files.at(Path("/")).keys() == wanted
    index.files.put_failure(Failure(Path("/stray"), FailureKind.UNREADABLE))
    index.files.replace_stray_failures(Path("/"), [])
    assert index.files.failures() == []


@pytest.mark.parametrize(("old", "new"), [("/", "/mnt/disk"), ("/old", "/"), ("/old", "/mnt/disk")])
def test_everything_below_a_path_is_moved(index: Index, old: str, new: str) -> None:
    file = Path(old) / "a" / "b.pdf"
    index.files.put(root_of(index, Path(old)), file_state(file), None)
    index.files.put_failure(Failure(file, FailureKind.TRUNCATED))
    index.files.move(Path(old), Path(new))
    moved = Path(new) / "a" / "b.pdf"
    assert [root for _, root, _ in index.files.roots()] == [Path(new)]
    assert paths(index.files) == {moved} == index.files.at(moved).keys()
    assert [failure.path for failure in index.files.failures()] == [moved]
    assert root_of(index, Path(new)) == 1, "a root is known by its path"


def test_putting_a_file_again_replaces_what_was_known(index: Index) -> None:
    number = add_document(index, Path("/library/a.pdf"), ["text"])
    index.files.put(root_of(index), file_state(Path("/library/a.pdf"), "new"), None)
    stored = index.files.of_root(root_of(index))[Path("/library/a.pdf")]
    assert (stored.content, stored.document) == ("new", None)
    assert number not in index.documents.live()


def test_copies_are_one_document_until_the_last_is_gone(index: Index) -> None:
    number = add_document(index, Path("/library/b.pdf"), ["text"])
    content = index.documents.get([number])[number].content
    index.files.put(root_of(index), file_state(Path("/library/a.pdf"), content), number, "Title")
    copies = index.files.of_documents([number])[number]
    assert [file.path.name for file in copies] == ["a.pdf", "b.pdf"]
    assert index.documents.totals()[:2] == (1, 1)
    index.files.forget([Path("/library/b.pdf")])
    assert index.documents.live() == {number}
    index.files.forget([Path("/library/a.pdf")])
    assert index.documents.live() == set()


def test_a_file_that_is_read_at_last_is_no_failure_any_more(index: Index) -> None:
    path = Path("/library/a.pdf")
    index.files.put_failure(Failure(path, FailureKind.PASSWORD))
    add_document(index, path, ["text"])
    assert index.files.failures() == []


def test_failures_of_pages_come_and_go_with_the_file(index: Index) -> None:
    path = Path("/library/a.pdf")
    add_document(index, path, ["one", "two"])
    for page in (2, 1):
        index.files.put_failure(Failure(path, FailureKind.TIMED_OUT, page=page))
    assert [failure.page for failure in index.files.failures()] == [1, 2]
    index.files.clear_failures(path)
    assert index.files.failures() == []


def test_strays_are_replaced_below_their_root_only(index: Index) -> None:
    kept, old, new = Path("/library-2/x"), Path("/library/locked"), Path("/library/other")
    add_document(index, Path("/library/known.pdf"), ["text"])
    known = Failure(Path("/library/known.pdf"), FailureKind.TIMED_OUT, page=1)
    for failure in (Failure(kept, FailureKind.UNREADABLE), Failure(old, FailureKind.UNREADABLE), known):
        index.files.put_failure(failure)
    index.files.replace_stray_failures(Path("/library"), [Failure(new, FailureKind.UNREADABLE)])
    assert {failure.path for failure in index.files.failures()} == {kept, new, known.path}


def test_removing_a_root_leaves_nothing_of_it(index: Index) -> None:
    number = add_document(index, Path("/library/a.pdf"), ["text"], title="Title")
    index.files.put_failure(Failure(Path("/library/locked"), FailureKind.UNREADABLE))
    index.files.remove_root(root_of(index))
    assert index.files.roots() == []
    assert index.files.failures() == []
    assert index.documents.live() == set()
    assert index.files.matching(Filters(titles=("title",))) == set()
    assert number not in index.evidence.name_scores(["titl"], 10)


def test_counts_of_a_root(index: Index) -> None:
    add_document(index, Path("/library/a.pdf"), ["one", "two"])
    index.files.put(root_of(index), file_state(Path("/library/bad.pdf")), None)
    assert index.files.counts(root_of(index)) == (2, 2, 1)


# -- filters -----------------------------------------------------------------------------------


@pytest.fixture
def shelf(index: Index) -> dict[str, int]:
    """Documents by name, in folders with hard names."""
    return {
        "2023/a.pdf": add_document(index, Path("/library/2023/a.pdf"), ["a"], title="Budget 2023"),
        "2023 old/b.png": add_document(
            index, Path("/library/2023 old/b.png"), ["b"], kind="png", day="2019-12-31"
        ),
        "100%/c.pdf": add_document(index, Path("/library/100%/c.pdf"), ["c"], day="2020-01-01"),
        "100x/d.pdf": add_document(index, Path("/library/100x/d.pdf"), ["d"], title="Annual Report"),
        "a_b/e.txt": add_document(index, Path("/library/a_b/e.txt"), ["e"], kind="txt"),
        "axb/f.pdf": add_document(index, Path("/library/axb/f.pdf"), ["f"], title="Annual Budget"),
        "Größe/annual-g.pdf": add_document(index, Path("/library/Größe/annual-g.pdf"), ["g"]),
    }


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (Filters(folders=("2023",)), {"2023/a.pdf"}),
        (Filters(folders=("2023/",)), {"2023/a.pdf"}),
        (Filters(folders=("/library/2023",)), {"2023/a.pdf"}),
        (Filters(folders=("/library/202",)), set()),
        (Filters(folders=("2023 OLD",)), {"2023 old/b.png"}),
        (Filters(folders=("100%",)), {"100%/c.pdf"}),
        (Filters(folders=("a_b",)), {"a_b/e.txt"}),
        (Filters(folders=("%",)), set()),
        (Filters(folders=("\\",)), set()),
        (Filters(folders=("größe",)), {"Größe/annual-g.pdf"}),
        (Filters(folders=(unicodedata.normalize("NFD", "größe"),)), {"Größe/annual-g.pdf"}),
        (Filters(folders=("GROSSE",)), {"Größe/annual-g.pdf"}),
        (Filters(folders=("2023", "100%")), {"2023/a.pdf", "100%/c.pdf"}),
        (Filters(types=("png", "txt")), {"2023 old/b.png", "a_b/e.txt"}),
        (Filters(types=("nothing",)), set()),
        (Filters(titles=("annual",)), {"100x/d.pdf", "axb/f.pdf", "Größe/annual-g.pdf"}),
        (Filters(titles=("reports annual",)), {"100x/d.pdf"}),
        (Filters(titles=("annual", "budgets")), {"axb/f.pdf"}),
        (Filters(titles=('"; DROP TABLE files',)), set()),
        (Filters(before=date(2020, 1, 1)), {"2023 old/b.png"}),
        (Filters(after=date(2020, 1, 1), before=date(2020, 1, 2)), {"100%/c.pdf"}),
        (Filters(after=date(2020, 1, 1), types=("txt",), folders=("a_b",)), {"a_b/e.txt"}),
    ],
)
def test_filters(index: Index, shelf: dict[str, int], filters: Filters, names: set[str]) -> None:
    assert index.files.matching(filters) == {shelf[name] for name in names}


@pytest.mark.parametrize(
    "filters",
    [
        Filters(folders=("/",)),
        Filters(folders=("/library",)),
        Filters(after=date.min),
        Filters(before=date.max),
    ],
)
def test_filters_that_hold_for_everything(index: Index, shelf: dict[str, int], filters: Filters) -> None:
    assert index.files.matching(filters) == set(shelf.values())


def test_a_decomposed_name_is_found_by_its_composed_form(index: Index) -> None:
    path = Path("/library") / unicodedata.normalize("NFD", "Übersicht/Café.pdf")
    number = add_document(index, path, ["text"])
    assert index.files.matching(Filters(folders=("Übersicht",))) == {number}
    assert index.files.matching(Filters(titles=("café",))) == {number}


def test_filters_see_any_of_the_copies(index: Index) -> None:
    number = add_document(index, Path("/library/one/a.pdf"), ["text"], day="2020-05-05")
    content = index.documents.get([number])[number].content
    index.files.put(root_of(index), file_state(Path("/library/two/a.pdf"), content), number)
    assert index.files.matching(Filters(folders=("two",))) == {number}
    assert index.files.matching(Filters(folders=("one",))) == {number}
    assert index.files.matching(Filters(folders=("one",), after=date(2024, 1, 1))) == set()


@given(
    st.builds(
        Filters,
        folders=st.lists(st.text(), max_size=3).map(tuple),
        types=st.lists(st.text(), max_size=3).map(tuple),
        titles=st.lists(st.text(), max_size=3).map(tuple),
        after=st.none() | st.dates(),
        before=st.none() | st.dates(),
    )
)
def test_no_filter_breaks_the_catalog(index: Index, filters: Filters) -> None:
    assert index.files.matching(filters) == set()


def test_names_that_are_no_text_make_no_filter_break(index: Index, shelf: dict[str, int]) -> None:
    assert index.files.matching(Filters(folders=("caf\udce9",), titles=("\udcff",))) == set()
    assert index.files.matching(Filters(types=("\udcff",))) == set()
