"""The search screen: a query above, hits on the left, the page on the right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Input, Static

from docsearch.errors import UnreadableDocument, UsageError
from docsearch.records import Hit, PageId, Query, Root, SearchResult
from docsearch.tui.indexing import IndexingState
from docsearch.tui.notices import found, idle_notice, nothing_found
from docsearch.tui.ports import LibraryPort
from docsearch.tui.session import Session
from docsearch.tui.widgets.hits import HitList
from docsearch.tui.widgets.preview import Preview
from docsearch.tui.widgets.query_input import QueryInput
from docsearch.tui.widgets.status_line import StatusLine

RESULTS = 30
"""Hits to list."""
TYPING_SECONDS = 0.08
"""A search starts when no key was pressed for this long."""
LOOKING_SECONDS = 0.05
"""A page is loaded when the cursor stayed on it for this long."""
IMAGE_PIXELS = 1100
"""Longest side of a page image in the preview."""
WARMING_WORDS = "a"


class SearchScreen(Screen[None]):
    """Search as you type."""

    TITLE = "Search"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "open", "Open", key_display="enter", tooltip="Open the page in the viewer"),
        Binding("escape", "clear", "Clear, then back to the query", show=False),
        Binding("f3", "toggle_preview", "Preview", tooltip="Show or hide the preview"),
        Binding("ctrl+t", "toggle_text", "Text/image", tooltip="Show the page as text or as image"),
        Binding("pageup", "turn(-1)", "Previous page of the document", show=False),
        Binding("pagedown", "turn(1)", "Next page of the document", show=False),
        Binding("ctrl+y", "copy_path", "Copy path", tooltip="Copy the path of the result"),
    ]

    class NoFolders(Message):
        """Nothing is searched yet."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.answered: str | None = None
        """The query whose hits are listed."""
        self.query_shown = Query()
        self.page = 1
        self.as_text = False
        self.roots: tuple[Root, ...] | None = None
        self._step: tuple[object, ...] = ()
        self._looked_at: PageId | None = None

    def compose(self) -> ComposeResult:
        """Query, hits and page, status, keys."""
        yield QueryInput(placeholder="Search your documents", id="query")
        with Horizontal(id="body"):
            yield HitList(id="hits")
            with VerticalScroll(id="notice", can_focus=False):
                yield Static(id="notice-text", markup=False)
            yield Preview(self.session.picture, id="preview")
        yield StatusLine(id="status")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Warms the engine once the first frame is out."""
        self.session.indexing.changed.subscribe(self, self.on_indexing)
        self.session.freshness.changed.subscribe(self, self.on_freshness)
        self._notice(Content(""))
        self.query_one(QueryInput).focus()
        self.call_after_refresh(self._warm_up)

    def on_screen_resume(self) -> None:
        """Folders may have changed meanwhile."""
        self.call_after_refresh(self.refresh_roots)

    # -- searching -----------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        """Every change of the query drops the search under way and starts another."""
        self.search(event.value, TYPING_SECONDS)

    def on_input_submitted(self) -> None:
        """Enter opens the hit under the cursor, unless the hits belong to an older query."""
        if self.answered == self._words:
            self.action_open()
        else:
            self.search(self._words, 0)

    def search(self, words: str, delay: float = 0.0) -> None:
        """Searches after `delay` seconds, unless another search is asked for before."""
        self.session.boundary.start(self, partial(self._search, words, delay), "search")

    async def _search(self, words: str, delay: float) -> None:
        await asyncio.sleep(delay)
        if not words.strip():
            self._show_idle()
            return
        try:
            async with aclosing(self.session.search.stream(partial(_answers, words))) as results:
                async for result in results:
                    self._show_result(words, result)
        except UsageError as error:
            self.query_one(StatusLine).complain(error.message, error.hint)

    def _show_result(self, words: str, result: SearchResult) -> None:
        if words != self._words:
            return
        again = self.answered == words
        self.answered, self.query_shown = words, result.query
        self.query_one(StatusLine).say(found(result))
        if not result.hits:
            self._notice(nothing_found(result, self.roots or (), self.session.indexing.state))
        self.set_class(bool(result.hits), "-found")
        self.query_one(HitList).show(result.hits, keep_cursor=again)

    def _show_idle(self) -> None:
        self.answered = None
        self.set_class(False, "-found")
        self.query_one(HitList).show(())
        self.query_one(StatusLine).say("")
        self._notice(idle_notice(self.roots))

    @property
    def _words(self) -> str:
        return self.query_one(QueryInput).value

    def _warm_up(self) -> None:
        self.session.boundary.start(self, self._warm, "warm")

    async def _warm(self) -> None:
        await self.session.search.call(_warm)

    # -- what is known of the index --------------------------------------------------------------

    def refresh_roots(self) -> None:
        """Asks which folders there are."""
        self.session.boundary.start(self, self._load_roots, "roots")

    async def _load_roots(self) -> None:
        self.roots = await self.session.facts.call(lambda library: library.roots())
        if not self._words.strip():
            self._notice(idle_notice(self.roots))
        if not self.roots and not self.session.indexing.state.running:
            self.post_message(self.NoFolders())

    def on_indexing(self, state: IndexingState) -> None:
        """Progress is shown; when a run has ended the query is asked again."""
        self.query_one(StatusLine).show_progress(state)
        step = (state.running, state.progress and state.progress.tier, state.searchable)
        if step != self._step:
            self._step = step
            self.refresh_roots()
        if not state.running and self._words.strip():
            self.search(self._words)

    def on_freshness(self, _: tuple[int, ...]) -> None:
        """Other pages can be found now: the query is asked again."""
        self.refresh_roots()
        if self._words.strip():
            self.search(self._words)

    def _notice(self, content: Content) -> None:
        self.query_one("#notice-text", Static).update(content)

    # -- the page --------------------------------------------------------------------------------

    def on_hit_list_highlighted(self, event: HitList.Highlighted) -> None:
        """Shows the page of the hit under the cursor."""
        if event.hit is None:
            self._looked_at = None
            self.session.boundary.start(self, self._no_page, "page")
        elif event.hit == self.query_one(HitList).hit:
            known = event.hit.page == self._looked_at
            self._looked_at = event.hit.page
            self._look_at(event.hit, self.page if known else event.hit.page.page)

    def _look_at(self, hit: Hit, page: int) -> None:
        self.page = page
        if self.query_one(Preview).display:
            self.session.boundary.start(self, partial(self._load_page, hit, page, self.query_shown), "page")

    async def _no_page(self) -> None:
        self.query_one(Preview).clear()

    async def _load_page(self, hit: Hit, page: int, query: Query) -> None:
        """Heading and page change together: what stands below a heading is always its page."""
        await asyncio.sleep(LOOKING_SECONDS)
        preview = self.query_one(Preview)
        try:
            show = await self._page_to_show(preview, hit, page, query)
        except UnreadableDocument as error:
            reason = f"The file cannot be shown: {error.message}.\nctrl+t shows its stored text."
            show = partial(preview.show_message, reason)
        except Exception as error:
            self.session.boundary.report(error)
            show = partial(preview.show_message, "The page cannot be shown.")
        preview.announce(hit, page)
        show()

    async def _page_to_show(self, preview: Preview, hit: Hit, page: int, query: Query) -> Callable[[], None]:
        if self.as_text:
            place = PageId(hit.page.doc, page)
            text = await self.session.preview.call(lambda library: library.page_text(place))
            return partial(preview.show_text, text, _matched_words(hit))
        png = await self.session.preview.call(partial(_picture, hit.path, page, query))
        return partial(preview.show_picture, png)

    # -- keys ------------------------------------------------------------------------------------

    def action_move_cursor(self, rows: int) -> None:
        """Moves through the hits without leaving the query."""
        self.query_one(HitList).move(rows)

    def action_turn(self, pages: int) -> None:
        """Turns the pages of the document in the preview."""
        hit = self.query_one(HitList).hit
        if hit is not None and 1 <= self.page + pages <= hit.pages:
            self._look_at(hit, self.page + pages)

    def action_toggle_text(self) -> None:
        """Switches between the page's picture and its text."""
        self.as_text = not self.as_text
        self._look_again()

    def action_toggle_preview(self) -> None:
        """Shows or hides the preview; in a narrow terminal it takes the place of the hits."""
        self.toggle_class("-preview-toggled")
        self.call_after_refresh(self._look_again)

    def on_resize(self) -> None:
        """A preview that comes into view is filled."""
        self.call_after_refresh(self._look_again)

    def _look_again(self) -> None:
        hit = self.query_one(HitList).hit
        if hit is not None:
            self._look_at(hit, self.page)

    def action_clear(self) -> None:
        """Goes back to the query; when there already, empties it."""
        line = self.query_one(QueryInput)
        if line.has_focus:
            line.clear()
        line.focus()

    def on_hit_list_opened(self) -> None:
        """Enter or a double click on a hit."""
        self.action_open()

    def action_open(self) -> None:
        """Opens the page that is shown in the desktop's viewer."""
        hit = self.query_one(HitList).hit
        if hit is not None:
            self.session.boundary.start(self, partial(self._open, hit, self.page), "open")

    async def _open(self, hit: Hit, page: int) -> None:
        viewer = await self.session.preview.call(lambda library: library.view(hit.path, page))
        self.notify(f"Opened page {page} in {viewer}", markup=False)

    def action_copy_path(self) -> None:
        """Copies the path of the hit under the cursor."""
        hit = self.query_one(HitList).hit
        if hit is not None:
            self.app.copy_to_clipboard(str(hit.path))
            self.notify("Path copied", markup=False)


def _answers(words: str, library: LibraryPort) -> Iterator[SearchResult]:
    yield from library.stream(library.parse(words), RESULTS)


def _picture(path: Path, page: int, query: Query, library: LibraryPort) -> bytes:
    return library.page_image(path, page, IMAGE_PIXELS, library.match_boxes(path, page, query))


def _matched_words(hit: Hit) -> Sequence[str]:
    return [hit.snippet.text[start:end] for start, end in hit.snippet.spans]


def _warm(library: LibraryPort) -> None:
    """Pays for imports and opening tables before the first query does."""
    for _ in library.stream(library.parse(WARMING_WORDS), 1):
        pass
