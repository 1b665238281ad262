"""The preview of a page: a heading, and below it the page's picture, its text, or a message."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from docsearch.records import Hit
from docsearch.tui.text import MUTED, literal, marked_words


class Preview(Vertical):
    """Shows one page.

    Args:
        picture: the widget class that shows a PIL image given as its `image`.
    """

    def __init__(self, picture: type[Widget], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._picture = picture()
        self._picture.id = "picture"

    def compose(self) -> ComposeResult:
        """Heading and body."""
        yield Static(id="heading", markup=False)
        with ContentSwitcher(initial="message"):
            yield Static(id="message", markup=False)
            with Vertical(id="paper"):
                yield self._picture
            with VerticalScroll(id="page-text"):
                yield Static(id="words", markup=False)

    @property
    def showing(self) -> str | None:
        """What the body is: 'message', 'paper' or 'page-text'."""
        return self._switcher.current

    def announce(self, hit: Hit, page: int) -> None:
        """Says which page is shown, before it is there."""
        place = f"  page {page} of {hit.pages}"
        room = max(self.size.width - len(place) - 2, 8)
        title = literal(hit.title, "bold").truncate(room, ellipsis=True)
        self.query_one("#heading", Static).update(Content.assemble(title, (place, "$text-accent")))

    def show_picture(self, png: bytes) -> None:
        """Shows a page image, the bytes of a PNG file."""
        from PIL import Image

        picture = Image.open(BytesIO(png))
        picture.load()
        self._picture.image = picture  # type: ignore[attr-defined]
        self._switcher.current = "paper"

    def show_text(self, text: str, words: Iterable[str]) -> None:
        """Shows the text of a page with words marked."""
        if not text.strip():
            self.show_message("No text on this page.")
            return
        self.query_one("#words", Static).update(marked_words(text, words))
        self._switcher.current = "page-text"
        self.query_one("#page-text").scroll_home(animate=False)

    def show_message(self, message: str) -> None:
        """Says why there is nothing to see."""
        self.query_one("#message", Static).update(literal(message, MUTED))
        self._switcher.current = "message"

    def clear(self) -> None:
        """Shows nothing."""
        self.query_one("#heading", Static).update("")
        self.show_message("")

    @property
    def _switcher(self) -> ContentSwitcher:
        return self.query_one(ContentSwitcher)
