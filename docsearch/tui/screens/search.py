"""The search screen: a query above, hits on the left, the page on the right."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Footer, Input, Static

from docsearch.errors import UsageError
from docsearch.records import Hit, Query, Root, SearchResult
from docsearch.tui.asking import Asking
from docsearch.tui.looking import Looking
from docsearch.tui.notices import found, idle_notice, nothing_found
from docsearch.tui.page_actions import PageActions
from docsearch.tui.screens.answer_keys import ANSWERING, AnswerKeys
from docsearch.tui.screens.page_keys import PageKeys
from docsearch.tui.sightings import Sightings
from docsearch.tui.subjects import LikeSubject, PictureSubject, Subject, answers
from docsearch.tui.text import literal
from docsearch.tui.thumbnails import Thumbnails
from docsearch.tui.widgets.answer import AnswerPane
from docsearch.tui.widgets.choices import Choices
from docsearch.tui.widgets.hits import HitList
from docsearch.tui.widgets.preview import Preview
from docsearch.tui.widgets.query_input import QueryInput
from docsearch.tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from docsearch.tui.indexing import IndexingState
    from docsearch.tui.ports import LibraryPort
    from docsearch.tui.session import Session

RESULTS = 30
"""Hits to list."""
NEXT_ROWS = (1, -1, 2, 3)
"""Rows whose pages are drawn ahead, seen from the cursor."""
NOTHING_SECONDS = 0.3
"""That nothing is found is said when no key came for this long; half a word seldom finds anything."""
WARMING_WORDS = "a"
UNKNOWN_WORD = "qzxjvkwq"
"""Stands on no page."""


class SearchScreen(AnswerKeys):
    """Search as you type."""

    TITLE = "Search"
    OWN_KEYS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "open", "Open", key_display="enter", tooltip="Open the page in the viewer"),
        Binding("tab", "app.focus_next", "Query, results, page", show=False),
        Binding("slash", "to_query", "To the query", show=False),
        Binding("escape", "clear", "Back to the query, then clear it", show=False),
        Binding("f3", "toggle_preview", "Page", tooltip="Show or hide the page"),
        Binding("f7", "pick_picture", "Search by picture", show=False),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [*OWN_KEYS, *AnswerKeys.KEYS, *PageKeys.KEYS]

    class Ready(Message):
        """Keys are taken from now on."""

    class NoFolders(Message):
        """Nothing is searched yet."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.answered: tuple[str, Subject | None] | None = None
        """The query whose hits are listed."""
        self.query_shown = Query()
        self.subject: Subject | None = None
        self.roots: tuple[Root, ...] | None = None
        self.completions: Mapping[str, Sequence[str]] = {}
        self._step: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Query, hits and page, status, keys."""
        yield QueryInput(self.session.history, placeholder="Search your documents", id="query")
        yield Choices(id="choices")
        with Horizontal(id="body"):
            yield HitList(id="hits")
            with VerticalScroll(id="notice", can_focus=False):
                yield Static(id="notice-text", markup=False)
            with Vertical(id="beside"):
                yield AnswerPane(id="answer")
                yield Preview(self.session.picture, id="preview")
        yield StatusLine(id="status")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Warms the engine once the first frame is out."""
        self._hits, self._preview = self.query_one(HitList), self.query_one(Preview)
        self._line, self._choices = self.query_one(QueryInput), self.query_one(Choices)
        self._status = self.query_one(StatusLine)
        self.sightings = Sightings(self, self.session, lambda: self._hits.on_screen, self._warm_again)
        self.looking = Looking(self, self.session, self._preview, self._neighbours, self.sightings.previews)
        self.thumbnails = Thumbnails(self, self.session, self._hits)
        self.actions = PageActions(
            self, self.session, lambda: self.looking.place, lambda: self.query_shown, self.sightings
        )
        self.asking = Asking(self, self.session, self.query_one(AnswerPane).show)
        self._line.completions = lambda: self.completions
        self.session.indexing.changed.subscribe(self, self.on_indexing)
        self.session.freshness.changed.subscribe(self, self.on_freshness)
        self._notice(Content(""))
        self.set_focus(self._line)
        self.post_message(self.Ready())
        self.call_after_refresh(self._warm_up)

    def on_unmount(self) -> None:
        """What was seen of the last search is told."""
        self.sightings.leave()
        self.sightings.tell()

    def on_screen_resume(self) -> None:
        """Folders may have changed meanwhile."""
        self.call_after_refresh(self.refresh_roots)

    # -- searching -----------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        """Every change of the query drops the search under way and starts another."""
        self.search(event.value)
        if event.value.rstrip().endswith("?") and len(event.value.split()) > 1:
            self.ask(event.value)

    def on_input_submitted(self) -> None:
        """Enter opens the hit under the cursor, unless the hits belong to an older query."""
        if self.answered == self._asked:
            self.action_open()
        else:
            self.search(self._words)

    def search(self, words: str) -> None:
        """Searches at once. What is asked for while another key comes is dropped, or not shown."""
        self.session.boundary.start(self, partial(self._search, words, self.subject), "search")

    async def _search(self, words: str, subject: Subject | None) -> None:
        if not words.strip() and subject is None:
            self._show_idle()
            return
        try:
            ask = partial(answers, words, subject, RESULTS)
            async with aclosing(self.session.search.stream(ask)) as results:
                async for result in results:
                    if not result.hits and self._hits.hits:
                        await asyncio.sleep(NOTHING_SECONDS)
                    self._show_result((words, subject), result)
                    await self._painted()
        except UsageError as error:
            self._status.complain(error.message, error.hint)

    def _show_result(self, asked: tuple[str, Subject | None], result: SearchResult) -> None:
        if asked != self._asked:
            return
        again = self.answered == asked
        self.answered, self.query_shown = asked, result.query
        self._status.say(found(result))
        if not result.hits:
            self._notice(nothing_found(result, self.roots or (), self.session.indexing.state))
        self.set_class(bool(result.hits), "-found")
        self._hits.show(result.hits, keep_cursor=again)
        self.sightings.shows(result, again=again)
        self.call_after_refresh(self.thumbnails.start)

    async def _painted(self) -> None:
        """What is shown is on the screen: nothing else is worked on while it is painted."""
        painted = asyncio.Event()
        self.call_after_refresh(painted.set)
        await painted.wait()

    def _show_idle(self) -> None:
        self.answered = None
        self.sightings.leave()
        self.set_class(False, "-found")
        self._hits.show(())
        self._status.say("")
        self._notice(idle_notice(self.roots, self.session.history.queries))

    @property
    def _words(self) -> str:
        return self._line.value

    @property
    def question(self) -> str:
        """What was typed."""
        return self._words

    @property
    def listed(self) -> Sequence[Hit]:
        """The hits that are listed."""
        return self._hits.hits

    @property
    def _asked(self) -> tuple[str, Subject | None]:
        return self._words, self.subject

    def search_for(self, subject: Subject | None, words: str = "") -> None:
        """Searches for a picture, or for pages like a page, instead of what was searched for."""
        self.subject = subject
        self._line.border_title = literal(str(subject)) if subject else ""
        self._line.border_subtitle = "esc lets go of it" if subject else ""
        self._line.value = words
        self.search(words)

    def _warm_up(self) -> None:
        self.session.boundary.start(self, self._warm, "warm")

    async def _warm(self) -> None:
        await self.session.preview.call(lambda library: library.warm_views())
        await self.session.search.call(_warm)
        await self.session.search.call(_warm_words)

    def _warm_again(self) -> None:
        """What the search knew of the index it has to read again once something was written beside it."""
        self.session.boundary.start(self, self._rewarm, "warm")

    async def _rewarm(self) -> None:
        await self.session.facts.call(lambda _: None)  # what was told is written
        await self.session.search.call(_warm_words)

    # -- the query line ------------------------------------------------------------------------

    def on_query_input_completing(self, event: QueryInput.Completing) -> None:
        """What can be completed is offered below the cursor."""
        column = min(self._line.cursor_screen_offset.x, max(self.size.width - 30, 0))
        self._choices.offer(event.choices, column)

    def on_option_list_option_selected(self) -> None:
        """A click on a choice takes it."""
        self._complete()

    def on_query_input_picture_pasted(self, event: QueryInput.PicturePasted) -> None:
        """A picture that was pasted is searched for."""
        self.search_for(PictureSubject(event.path))

    def on_key(self, event: events.Key) -> None:
        """Tab and enter take a choice while there are any."""
        if event.key in ("tab", "enter") and self._choices.chosen is not None and self._line.has_focus:
            event.stop()
            event.prevent_default()
            self._complete()

    def _complete(self) -> None:
        choice = self._choices.chosen
        if choice is not None:
            self._line.take(choice)

    # -- what is known of the index --------------------------------------------------------------

    def refresh_roots(self) -> None:
        """Asks which folders there are."""
        self.session.boundary.start(self, self._load_roots, "roots")

    async def _load_roots(self) -> None:
        self.roots = await self.session.facts.call(lambda library: library.roots())
        if not self._words.strip() and self.subject is None:
            self._notice(idle_notice(self.roots, self.session.history.queries))
        if not self.roots and not self.session.indexing.state.running:
            self.post_message(self.NoFolders())
        self.completions = await self.session.facts.call(lambda library: library.completions())

    def on_indexing(self, state: IndexingState) -> None:
        """Progress is shown; when a run has ended the query is asked again."""
        self._status.show_progress(state)
        step = (state.running, state.progress and state.progress.tier, state.searchable)
        if step != self._step:
            self._step = step
            self.refresh_roots()
        if not state.running and self.answered:
            self.search(self._words)

    def on_freshness(self, _: tuple[int, ...]) -> None:
        """Other pages can be found now: the query is asked again."""
        self.refresh_roots()
        if self.answered:
            self.search(self._words)

    def _notice(self, content: Content) -> None:
        self.query_one("#notice-text", Static).update(content)

    # -- the page --------------------------------------------------------------------------------

    def on_hit_list_highlighted(self, event: HitList.Highlighted) -> None:
        """Shows the page of the hit under the cursor, once the list is painted."""
        self.call_after_refresh(self._look_at, event.hit)

    def _look_at(self, hit: Hit | None) -> None:
        if hit == self._hits.hit:
            self.sightings.at(hit, moved=self._hits.moved)
            self.looking.at_hit(hit, self.query_shown)

    def on_hit_list_scrolled(self) -> None:
        """Other hits can be seen."""
        self.thumbnails.start()
        self.sightings.sees()

    def _neighbours(self) -> Iterable[Hit]:
        """The hits that the cursor comes to next."""
        rows, cursor = self._hits.rows, self._hits.cursor
        if cursor is None:
            return ()
        return [rows[cursor + step].hit for step in NEXT_ROWS if 0 <= cursor + step < len(rows)]

    def on_preview_resized(self) -> None:
        """A preview that comes into view, or has other room, is filled."""
        self.looking.again()

    # -- keys ------------------------------------------------------------------------------------

    def action_move_cursor(self, rows: int) -> None:
        """Moves through choices, through the hits, or through past queries where there are none."""
        if self._choices.display:
            self._choices.move(rows)
        elif self._hits.rows:
            self._hits.move(rows)
            self.looking.at_hit(self._hits.hit, self.query_shown)  # at once: Enter may be the next key
        else:
            self._line.action_past(-rows)

    def action_toggle_preview(self) -> None:
        """Shows or hides the preview; in a narrow terminal it takes the place of the hits."""
        self.toggle_class("-preview-toggled")
        self.call_after_refresh(self.looking.again)

    def action_pick_picture(self) -> None:
        """Asks for a picture to search with."""
        from docsearch.tui.screens.dialogs import PickPicture

        self.app.push_screen(PickPicture(), self._search_picture)

    def _search_picture(self, path: Path | None) -> None:
        if path is not None:
            self.search_for(PictureSubject(path))

    def action_more_like(self) -> None:
        """Searches for pages like the one that is looked at."""
        hit = self._hits.hit
        if hit is not None:
            self.search_for(LikeSubject(hit))

    def action_judge(self, right: bool) -> None:
        """Calls the hit under the cursor right or wrong; what it was called already is taken back."""
        hit = self._hits.hit
        if hit is not None:
            new = None if self._hits.verdicts.get(hit.page) is right else right
            self._hits.judge(hit.page, new)
            self.sightings.judged(hit.page, new)

    def action_clear(self) -> None:
        """Goes back to the query; when there already, lets go of the subject, then empties it."""
        if self._choices.display:
            self._choices.offer((), 0)
        elif not self._line.has_focus:
            self._line.focus()
        elif self.has_class(ANSWERING):
            self.close_answer()
        elif self.subject is not None:
            self.search_for(None, self._words)
        else:
            self._line.clear()

    def action_to_query(self) -> None:
        """Goes to the query."""
        self._line.focus()

    def on_hit_list_opened(self) -> None:
        """Enter or a double click on a hit."""
        self.action_open()

    def action_open(self) -> None:
        """Opens the page that is shown in the desktop's viewer."""
        self.session.history.add(self._words)
        self.actions.open()


def _warm(library: LibraryPort) -> None:
    """Pays for imports and opening tables before the first query does."""
    for _ in library.stream(library.parse(WARMING_WORDS), 1):
        pass


def _warm_words(library: LibraryPort) -> None:
    """Pays for reading the words of the index, which a mistyped or half-typed word needs."""
    for _ in library.stream(library.parse(UNKNOWN_WORD), 1):
        pass
