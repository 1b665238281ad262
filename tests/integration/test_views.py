"""Pages as a screen asks for them: drawn in a process of their own; matches, outlines, completions."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from docsearch.errors import UnreadableDocument
from docsearch.library import Library
from docsearch.library.page_reader import part_shown, within
from docsearch.library.views import PageViews
from docsearch.records import Box, FailureKind, Frame, Query
from tests.documents import encrypted_pdf, many_pages_pdf, outlined_pdf, photo, text_pdf, truncated_pdf
from tests.integration.conftest import OpenLibrary

HANGS = Path(__file__).resolve().parents[3] / "shared/eval/hostile/files/test_2548.pdf"


def always() -> bool:
    return True


@pytest.fixture
def library(open_library: OpenLibrary, folder: Path) -> Library:
    text_pdf(folder / "plan.pdf", ["Opening words", "The harbour budget", "Nothing", "Budget again"])
    text_pdf(folder / "other.pdf", ["The harbour lighthouse keeper", "A lighthouse"], title="Light")
    library = open_library()
    list(library.index([folder]))
    return library


def test_a_page_is_drawn_as_large_as_the_room_and_its_matches_are_known(
    library: Library, folder: Path
) -> None:
    query = library.parse("budget")
    view = library.look(folder / "plan.pdf", 2, Frame(200, 300), query, always)
    assert (view.part, len(view.boxes)) == (Box(0.0, 0.0, 1.0, 1.0), 1)
    assert max(view.image.size) == 300
    [box] = view.boxes
    x, y = (box.x0 + box.x1) / 2 * view.image.width, (box.y0 + box.y1) / 2 * view.image.height
    plain = library.look(folder / "plan.pdf", 2, Frame(200, 300), Query(), always)
    assert plain.boxes == ()
    assert view.image.getpixel((int(x), int(y))) != plain.image.getpixel((int(x), int(y)))


def test_a_closer_look_begins_at_the_first_match(library: Library, folder: Path) -> None:
    view = library.look(folder / "plan.pdf", 2, Frame(200, 300, zoom=4.0), library.parse("budget"), always)
    [box] = view.boxes
    assert view.part.x1 - view.part.x0 < 0.4
    assert view.part.x0 <= box.x0
    assert box.x1 <= view.part.x1
    assert view.part.y0 <= box.y0


def test_matching_pages_outline_and_completions(
    library: Library, folder: Path, open_library: OpenLibrary
) -> None:
    found = library.find_page(folder / "plan.pdf", 1)
    assert found is not None
    assert library.matching_pages(found.doc, library.parse("budget")) == (2, 4)
    assert library.outline(folder / "plan.pdf") == ()
    outlined_pdf(folder / "outlined.pdf", ["Opening", "Closing"])
    assert [heading for _, heading, _ in library.outline(folder / "outlined.pdf")] == ["Opening", "Closing"]
    known = library.completions()
    assert (known["in"], known["type"]) == ((folder.name,), ("pdf",))


def test_telling_words_of_a_page_find_pages_like_it(library: Library) -> None:
    [first, *_] = library.search(library.parse("lighthouse keeper")).hits
    query = library.more_like(first)
    assert "lighthouse" in query.text.split()
    assert first.page.doc in {hit.page.doc for hit in library.search(query).hits}


def test_a_file_that_changes_is_opened_anew(tmp_path: Path) -> None:
    views, path = PageViews(), tmp_path / "photo.png"
    for colour in ((255, 0, 0), (0, 0, 255)):
        Image.new("RGB", (20, 30 + colour[0]), colour).save(path)
        view = views.picture(path, 1, Frame(40, 60), (), always)
        assert view.image.getpixel((1, 1)) == colour
    views.close()


@pytest.mark.parametrize(
    ("make", "kind"),
    [(encrypted_pdf, FailureKind.PASSWORD), (truncated_pdf, None)],
)
def test_what_cannot_be_read_is_told_and_the_next_page_is_drawn(
    tmp_path: Path, make: object, kind: FailureKind | None
) -> None:
    views = PageViews()
    make(tmp_path / "bad.pdf")  # type: ignore[operator]
    if kind is not None:
        with pytest.raises(UnreadableDocument) as raised:
            views.words(tmp_path / "bad.pdf", 1, always)
        assert raised.value.kind is kind
    with pytest.raises(UnreadableDocument):
        views.picture(tmp_path / "gone.pdf", 1, Frame(40, 60), (), always)
    photo(tmp_path / "photo.jpg")
    assert views.picture(tmp_path / "photo.jpg", 1, Frame(40, 60), (), always).image.size
    views.close()


@pytest.mark.skipif(not HANGS.exists(), reason="the file is not there")
def test_a_page_that_never_ends_is_given_up_and_the_next_one_is_drawn(tmp_path: Path) -> None:
    views = PageViews(seconds=600)
    photo(tmp_path / "photo.jpg")
    views.picture(tmp_path / "photo.jpg", 1, Frame(40, 60), (), always)
    with pytest.raises(UnreadableDocument) as raised:
        views.picture(HANGS, 1, Frame(40, 60), (), lambda: False)
    assert raised.value.kind is FailureKind.TIMED_OUT
    assert views.picture(tmp_path / "photo.jpg", 1, Frame(40, 60), (), always).image.size
    views.close()


def test_pages_far_into_a_long_file_are_drawn(tmp_path: Path) -> None:
    views, path = PageViews(), many_pages_pdf(tmp_path / "long.pdf", 300)
    assert views.picture(path, 299, Frame(40, 60), (), always).image.size
    with pytest.raises(UnreadableDocument):
        views.picture(path, 301, Frame(40, 60), (), always)
    views.close()


def test_a_part_never_leaves_the_page() -> None:
    for x, y in ((0.0, 0.0), (1.0, 1.0), (0.5, 0.9)):
        part = part_shown(600, 800, Frame(100, 100, 3.0, x, y))
        assert 0 <= part.x0 < part.x1 <= 1
        assert 0 <= part.y0 < part.y1 <= 1
    assert part_shown(600, 800, Frame(0, 0)) == Box(0.0, 0.0, 1.0, 1.0)
    assert within(Box(0.0, 0.0, 0.5, 0.5), Box(0.25, 0.25, 0.75, 0.5)) == Box(0.5, 0.5, 1.0, 1.0)
    assert within(Box(0.0, 0.0, 0.5, 0.5), Box(0.6, 0.6, 0.7, 0.7)) is None
