"""The preview of a page: its picture, its text, or a message, with title and place in the frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Self

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.geometry import Region, Size
from textual.message import Message
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from docsearch.tui.text import MUTED, literal, marked_words

if TYPE_CHECKING:
    from PIL.Image import Image

    from docsearch.records import Hit
    from docsearch.tui.graphics import Picture


class Preview(Vertical, can_focus=True):
    """Shows one page.

    Args:
        picture: how pages are drawn.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "screen.pan(0,-1)", "Up the page", show=False),
        Binding("down,j", "screen.pan(0,1)", "Down the page", show=False),
        Binding("left,h", "screen.pan(-1,0)", "To the left", show=False),
        Binding("right,l", "screen.pan(1,0)", "To the right", show=False),
    ]

    class Resized(Message):
        """There is other room for a page."""

    def __init__(self, picture: Picture, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._room_in = picture.room_in
        self._picture = picture.widget()
        self._heading = False

    def compose(self) -> ComposeResult:
        """Picture, text and message: one of them is seen."""
        with ContentSwitcher(initial="message"):
            yield Static(id="message", markup=False)
            with Vertical(id="paper"):
                yield self._picture
            with VerticalScroll(id="page-text", can_focus=False):
                yield Static(id="words", markup=False)

    def on_resize(self) -> None:
        """Tells that there is other room."""
        self.post_message(self.Resized())

    @property
    def room(self) -> Size:
        """How many pixels of a page can be shown."""
        return self._room_in(self._switcher.size)

    async def use(self, picture: Picture) -> None:
        """Draws pages in another way from now on."""
        old, self._picture, self._room_in = self._picture, picture.widget(), picture.room_in
        await old.remove()
        await self.query_one("#paper").mount(self._picture)
        self.post_message(self.Resized())

    @property
    def seen(self) -> bool:
        """Whether there is room for it on the screen."""
        return all(node.display for node in self.ancestors_with_self if isinstance(node, Widget))

    @property
    def showing(self) -> str | None:
        """What the body is: 'message', 'paper' or 'page-text'."""
        return self._switcher.current

    def announce(self, hit: Hit, page: int, remarks: Sequence[str] = ()) -> None:
        """Says which page is shown, and what there is to say about it."""
        with self._edges_only():
            self.border_title = literal(hit.title)
            self.border_subtitle = literal(" · ".join([f"page {page} of {hit.pages}", *remarks]))

    def on_its_way(self, page: int) -> None:
        """Says that a page takes its time."""
        self.border_subtitle = literal(f"drawing page {page} …")

    def show_picture(self, image: Image) -> None:
        """Shows a page image."""
        self._picture.image = image  # type: ignore[attr-defined]
        self._switcher.current = "paper"

    def show_text(self, text: str, words: Iterable[str]) -> None:
        """Shows the text of a page with words marked."""
        if not text.strip():
            self.show_message("No text on this page.")
            return
        self.query_one("#words", Static).update(marked_words(text, words))
        self._switcher.current = "page-text"
        self.query_one("#page-text").scroll_home(animate=False)

    def scroll_text(self, lines: int) -> bool:
        """Scrolls the text; False when it is not what is shown."""
        if self.showing != "page-text":
            return False
        self.query_one("#page-text").scroll_relative(y=lines * 3, animate=False)
        return True

    def show_message(self, message: str) -> None:
        """Says why there is nothing to see."""
        self.query_one("#message", Static).update(literal(message, MUTED))
        self._switcher.current = "message"

    def clear(self) -> None:
        """Shows nothing."""
        self.border_title = self.border_subtitle = ""
        self.show_message("")

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """Another heading draws the two edges anew that it stands in, and nothing in between."""
        if self._heading:
            (width, height), (left, top) = self.outer_size, self.content_offset
            regions = (Region(-left, -top, width, 1), Region(-left, height - top - 1, width, 1))
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    @contextmanager
    def _edges_only(self) -> Iterator[None]:
        self._heading = True
        try:
            yield
        finally:
            self._heading = False

    @property
    def _switcher(self) -> ContentSwitcher:
        return self.query_one(ContentSwitcher)
