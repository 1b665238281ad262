"""The app over a real library: first run, indexing, searching, looking at the page."""

from __future__ import annotations

from pathlib import Path

from docsearch.config import ModelSettings, OcrSettings, Settings
from docsearch.library import Library
from docsearch.tui.app import DocsearchApp
from docsearch.tui.screens.search import SearchScreen
from docsearch.tui.screens.welcome import WelcomeScreen
from docsearch.tui.widgets.preview import Preview
from tests.documents import text_pdf, truncated_pdf
from tests.tui.running import WIDE, hits, notifications, screen_text, settled, text_of, type_query, until

WORDS_ONLY = Settings(models=ModelSettings(embedder="off"), ocr=OcrSettings(engine="off"))


async def test_from_the_first_run_to_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    text_pdf(
        folder / "budget.pdf", ["Opening words", "The annual budget of the harbour"], title="Harbour plan"
    )
    text_pdf(folder / "letter.pdf", ["A letter about lighthouses"])
    truncated_pdf(folder / "broken.pdf", keep=0.1)
    app = DocsearchApp(lambda: Library(tmp_path / "home", WORDS_ONLY), tmp_path / "docsearch.log")
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert isinstance(app.screen, WelcomeScreen)
        app.screen.query_one("#path").value = str(folder)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SearchScreen))
        await settled(pilot)
        assert "3 pages in" in text_of(pilot, "#notice-text")

        await type_query(pilot, "budget harbour")
        await settled(pilot)
        [found, *_] = hits(pilot)
        assert (found.path, found.page.page, found.title) == (folder / "budget.pdf", 2, "Harbour plan")
        assert app.screen.query_one(Preview).showing == "paper"
        await pilot.press("ctrl+t")
        await settled(pilot)
        assert "The annual budget of the harbour" in text_of(pilot, "#words")

        await type_query(pilot, "lighthouses before:2001")
        await settled(pilot)
        assert "before 2001-01-01" in text_of(pilot, "#notice-text")

        await pilot.press("f2")
        await settled(pilot)
        assert "broken.pdf" in screen_text(pilot)
        await pilot.press("d", "y")
        await settled(pilot)
        assert notifications(pilot) == ["3 files no longer searched"]
    assert not (tmp_path / "docsearch.log").exists()
