"""The query line: completion, past queries, pictures, pages like a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from textual import events

from docsearch.tui.completion import choices
from docsearch.tui.history import MOST, History, Walk
from docsearch.tui.widgets.choices import Choices
from docsearch.tui.widgets.query_input import QueryInput, pasted_picture
from tests.tui.fake import FakeLibrary, hit
from tests.tui.running import hits, running, screen_text, settled, text_of, type_query

VALUES = {"in": ("invoices", "my scans", "old invoices"), "type": ("pdf", "png")}


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ty", ["type:"]),
        ("lease ty", ["type:"]),
        ("t", []),
        ("type:p", ["type:pdf", "type:png"]),
        ("type:pdf", []),
        ("in:inv", ["in:invoices", 'in:"old invoices"']),
        ('in:"my', ['in:"my scans"']),
        ("lease", []),
        ("unknown:x", []),
    ],
)
def test_filters_are_completed_and_words_are_not(line: str, offered: list[str]) -> None:
    assert [choice.label for choice in choices(line, len(line), VALUES)] == offered


def test_a_completed_word_leaves_the_rest_of_the_line() -> None:
    [first, *_] = choices("a type:pd lease", 9, VALUES)
    assert (first.line, first.cursor) == ("a type:pdf lease", 11)


async def test_tab_takes_a_choice_and_escape_sends_it_away(tmp_path: Path) -> None:
    library = FakeLibrary(known=VALUES)
    async with running(library, tmp_path) as pilot:
        await pilot.press(*"in:sc")
        await settled(pilot)
        assert "my scans" in screen_text(pilot)
        await pilot.press("tab")
        await settled(pilot)
        assert pilot.app.screen.query_one(QueryInput).value == 'in:"my scans" '
        assert not pilot.app.screen.query_one(Choices).display
        await pilot.press(*"type:")
        await pilot.press("down", "enter")
        await settled(pilot)
        assert pilot.app.screen.query_one(QueryInput).value == 'in:"my scans" type:png '
        await pilot.press(*"ty", "escape")
        assert not pilot.app.screen.query_one(Choices).display


async def test_what_was_opened_is_remembered_and_walked_through(tmp_path: Path) -> None:
    library = FakeLibrary(answers={"budget": [[hit(1)]], "lease": [[hit(2)]]})
    async with running(library, tmp_path) as pilot:
        line = pilot.app.screen.query_one(QueryInput)
        for words in ("budget", "lease"):
            await type_query(pilot, words)
            await settled(pilot)
            await pilot.press("enter")
        await type_query(pilot, "")
        await settled(pilot)
        assert "Lately" in screen_text(pilot)
        await pilot.press("up")
        assert line.value == "lease"
        await pilot.press("alt+up")
        assert line.value == "budget"
        await pilot.press("alt+down", "alt+down")
        assert line.value == ""


def test_history_is_private_bounded_and_can_be_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "home" / "history"
    history = History(path)
    for number in range(MOST + 5):
        history.add(f"query {number}")
    history.add("query 7\n[b]")
    history.add("query 9")
    assert path.stat().st_mode & 0o777 == 0o600
    read = History(path).queries
    assert (len(read), read[:3]) == (MOST, ["query 9", "query 7 [b]", f"query {MOST + 4}"])
    assert history.beginning("query 7") == "query 7 [b]"
    history.forget()
    assert (History(path).queries, path.exists()) == ([], False)


def test_a_walk_stays_at_its_ends() -> None:
    walk = Walk(["b", "a"], "typed")
    assert [walk.step(step) for step in (1, 1, 1, -1, -1, -1)] == ["b", "a", "a", "b", "typed", "typed"]


async def test_a_pasted_picture_is_searched_for(tmp_path: Path) -> None:
    photo = tmp_path / "my photo.png"
    Image.new("RGB", (4, 4)).save(photo)
    library = FakeLibrary(answers={"picture my photo.png": [[hit(3)]]})
    async with running(library, tmp_path) as pilot:
        line = pilot.app.screen.query_one(QueryInput)
        line.post_message(events.Paste(str(photo)))
        await settled(pilot)
        await settled(pilot)
        assert hits(pilot) == [hit(3)]
        assert "Picture: my photo.png" in str(line.border_title)
        await pilot.press("escape")
        await settled(pilot)
        assert (hits(pilot), str(line.border_title)) == ([], "")


@pytest.mark.parametrize("form", ["{path}", "'{path}'", "file://{quoted}", "{escaped}"])
def test_paths_are_known_however_terminals_paste_them(tmp_path: Path, form: str) -> None:
    photo = tmp_path / "a b.jpg"
    photo.touch()
    text = form.format(
        path=photo, quoted=str(photo).replace(" ", "%20"), escaped=str(photo).replace(" ", "\\ ")
    )
    assert pasted_picture(text) == photo


@pytest.mark.parametrize("text", ["two words", "report.png", "/nowhere/x.png", "it's\nlines", "a 'b"])
def test_other_pasted_text_is_text(text: str) -> None:
    assert pasted_picture(text) is None


async def test_more_like_a_page_leaves_the_page_out(tmp_path: Path) -> None:
    library = FakeLibrary(answers={"budget": [[hit(1)]], "telling words": [[hit(1), hit(2)]]})
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget")
        await settled(pilot)
        await pilot.press("tab", "m")
        await settled(pilot)
        assert ("more like", hit(1).page) in library.asked
        assert hits(pilot) == [hit(2)]
        title = str(pilot.app.screen.query_one(QueryInput).border_title)
        assert title == "Pages like page 1 of Report 1"


async def test_what_filters_keep_from_being_found_is_told(tmp_path: Path) -> None:
    library = FakeLibrary(answers={"budget in:invoices": [[]]}, unfiltered=[hit(1), hit(2)])
    async with running(library, tmp_path) as pilot:
        await type_query(pilot, "budget in:invoices")
        await settled(pilot)
        assert "2 pages without the filters" in text_of(pilot, "#notice-text")
        assert "Searched only in invoices" in text_of(pilot, "#notice-text")
