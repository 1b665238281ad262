"""The keys of a screen that looks at a page: turn, zoom, next match, text, outline, copy, reveal."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from docsearch.tui.widgets.preview import Preview

if TYPE_CHECKING:
    from docsearch.tui.looking import Looking
    from docsearch.tui.page_actions import PageActions
    from docsearch.tui.session import Session


class PageKeys(Screen[None]):
    """Looks at a page. Whoever is one makes `looking` and `actions` when it is mounted."""

    KEYS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "toggle_text", "Text/image", tooltip="Show the page as text or as image"),
        Binding("t", "toggle_text", "Show the page as text or as image", show=False),
        Binding("n", "match(1)", "Next match"),
        Binding("ctrl+n", "match(1)", "Next match, from the query", show=False),
        Binding("N,p,ctrl+b", "match(-1)", "Previous match", show=False),
        Binding("z,equals_sign", "zoom(1)", "Look closer", show=False),
        Binding("f6", "zoom(1)", "Look closer, from the query", show=False),
        Binding("Z,f5", "zoom(-1)", "Look from farther away", show=False),
        Binding("o", "outline", "Outline", tooltip="The bookmarks of the document"),
        Binding("ctrl+l", "outline", "The bookmarks, from the query", show=False),
        Binding("m", "more_like", "More like this", tooltip="Pages about the same"),
        Binding("plus", "judge(True)", "Right: this was looked for; once more takes it back", show=False),
        Binding("minus", "judge(False)", "Wrong: this was not", show=False),
        Binding("y", "copy_path", "Path", tooltip="Copy the path of the file"),
        Binding("ctrl+y", "copy_path", "Copy the path, from the query", show=False),
        Binding("c", "copy_citation", "Cite", tooltip="Copy title, page and file name"),
        Binding("Y", "copy_text", "Copy the text of the page", show=False),
        Binding("r", "reveal", "Reveal", tooltip="Show the file in the file manager"),
        Binding("pageup,left_square_bracket", "turn(-1)", "Previous page of the document", show=False),
        Binding("pagedown,right_square_bracket", "turn(1)", "Next page of the document", show=False),
    ]

    session: Session
    looking: Looking
    actions: PageActions

    def action_turn(self, pages: int) -> None:
        """Turns the pages of the document in the preview."""
        self.looking.turn(pages)

    def action_match(self, step: int) -> None:
        """The next or the previous match in the document."""
        self.looking.to_match(step)

    def action_zoom(self, steps: int) -> None:
        """Looks closer or from farther away."""
        self.looking.zoom(steps)

    def action_pan(self, across: int, down: int) -> None:
        """Moves the part of the page that is seen."""
        if not self.query_one(Preview).scroll_text(down):
            self.looking.pan(across, down)

    def action_toggle_text(self) -> None:
        """Switches between the page's picture and its text."""
        self.looking.as_text = not self.looking.as_text
        self.looking.again()

    def action_judge(self, right: bool) -> None:
        """Calls the hit under the cursor right or wrong; what it was called already is taken back."""
        raise NotImplementedError

    def action_outline(self) -> None:
        """Lists the bookmarks of the document."""
        if self.looking.place is not None:
            self.session.boundary.start(self, self._outline, "outline")

    async def _outline(self) -> None:
        place = self.looking.place
        assert place is not None
        entries = await self.session.preview.call(lambda library: library.outline(place.hit.path))
        if entries:
            from docsearch.tui.screens.outline import OutlineScreen

            self.app.push_screen(OutlineScreen(place.hit.title, entries, place.page), self._go_to)
        else:
            self.notify("This document has no outline", markup=False, timeout=3)

    def _go_to(self, page: int | None) -> None:
        if page is not None and self.looking.place is not None:
            self.looking.go(self.looking.place.at(page))

    def action_reveal(self) -> None:
        """Shows the file in the file manager."""
        self.actions.reveal()

    def action_copy_path(self) -> None:
        """Copies the path of the file."""
        self.actions.copy_path()

    def action_copy_citation(self) -> None:
        """Copies how the page is named in a text."""
        self.actions.copy_citation()

    def action_copy_text(self) -> None:
        """Copies the text of the page."""
        self.actions.copy_text()
