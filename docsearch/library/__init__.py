"""The one object every front end holds. Opens what is asked for, lazily, and passes values on.

Not safe for several threads at once; a front end with threads opens one library a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Self

from docsearch.config import Folders, Settings, folders, load_settings
from docsearch.records import (
    Answer,
    Box,
    Failure,
    Frame,
    Hit,
    ModelState,
    PageId,
    Progress,
    Query,
    Root,
    SearchResult,
    Status,
)

if TYPE_CHECKING:
    from PIL.Image import Image

    from docsearch.ingest.document import Document
    from docsearch.ingest.pipeline import Indexer, Tier
    from docsearch.learn.clicks import ClickLog
    from docsearch.library.answers import Answers
    from docsearch.library.learning import Learning
    from docsearch.library.models import ChosenModels
    from docsearch.library.views import PageView, PageViews, Wanted
    from docsearch.models.loaded import LoadedModels
    from docsearch.models.protocols import Embedder
    from docsearch.models.registry import ModelRow
    from docsearch.search.engine import Engine
    from docsearch.store.index import Index
    from docsearch.watch.state import WatcherState


class Library:
    """Search, indexing and page views over one index. Use it in a `with` statement, or `close` it.

    Libraries of several threads may share one `loaded`, so that each model is loaded once.
    """

    def __init__(
        self, home: Path | None = None, settings: Settings | None = None, loaded: LoadedModels | None = None
    ) -> None:
        self.folders: Folders = folders(home)
        self.settings: Settings = settings or load_settings(self.folders.settings)
        self._loaded = loaded

    # -- search --------------------------------------------------------------------------------

    def parse(self, words: str, picture: Path | None = None) -> Query:
        """The query that was typed; raises UsageError when a filter makes no sense."""
        from docsearch.search.parse import parse

        return parse(words, picture)

    def search(self, query: Query, limit: int | None = None) -> SearchResult:
        """Hits, best first."""
        self._mark_search()
        return self._store.consistently(lambda: self.engine.search(query, limit))

    def stream(
        self, query: Query, limit: int | None = None, at_once: int | None = None
    ) -> Iterator[SearchResult]:
        """The first-stage order at once, then the reranked order where it differs.

        With `at_once`, only so many hits of the first order have a snippet; the last order is complete.
        """
        self._mark_search()
        return self._store.consistently_each(lambda: self.engine.stream(query, limit, at_once))

    # -- learning ------------------------------------------------------------------------------

    @property
    def clicks(self) -> ClickLog:
        """Searches and what was done with their results; ask anew for each use."""
        from docsearch.learn.clicks import ClickLog

        return ClickLog(self.store, self.settings.learn, lambda: self.learning.live.number)

    @cached_property
    def learning(self) -> Learning:
        """Learning from what was opened: rounds, what is in use, the way back."""
        from docsearch.library.learning import Learning

        return Learning(self)

    # -- answers -------------------------------------------------------------------------------

    def ask(
        self,
        question: Query,
        *,
        pages: int | None = None,
        follow: bool = False,
        model: str | None = None,
        boxes: bool = True,
        stop: Event | None = None,
    ) -> Iterator[Answer]:
        """The answer as it grows; each item replaces the one before. See `Answers.ask`."""
        return self.answers.ask(question, pages=pages, follow=follow, model=model, boxes=boxes, stop=stop)

    @cached_property
    def answers(self) -> Answers:
        """Questions, their thread, and the model that answers."""
        from docsearch.library.answers import Answers

        return Answers(self)

    # -- indexing ------------------------------------------------------------------------------

    def index(
        self, paths: Iterable[Path] = (), *, tiers: Sequence[Tier] | None = None, retry: bool = False
    ) -> Iterator[Progress | Failure]:
        """Adds the paths as roots and brings all roots up to date, telling how far it is.

        Closing the iterator half-way keeps what is done. `retry` reads failed files again.
        """
        from docsearch.ingest.pipeline import Tier

        return self.indexer.run(paths, tiers=tiers or tuple(Tier), retry=retry)

    def hand_over(self, paths: Iterable[Path]) -> bool:
        """Adds the paths as roots for a running watcher to index; False when there is no watcher."""
        from docsearch.watch.handover import hand_over

        return hand_over(self.store, paths)

    def revision(self) -> tuple[int, ...]:
        """Another value whenever other pages can be found than before, whoever made the change."""
        return self.store.documents.revision()

    def watcher(self) -> WatcherState | None:
        """The process that keeps the index current, if one runs."""
        from docsearch.watch.state import running_watcher

        return running_watcher(self.folders.index)

    def remove(self, path: Path) -> int:
        """Forgets a root; returns how many files it had.

        Raises:
            UsageError: the path is no root.
            IndexBusy: another process is writing, and no watcher is there to tidy up after it.
        """
        from docsearch.watch.handover import remove_root

        return remove_root(self.store, path)

    def roots(self) -> tuple[Root, ...]:
        """The folders and files that are searched."""
        from docsearch.library.status import roots_of

        return roots_of(self.store)

    def status(self) -> Status:
        """What the index holds, what waits, what failed, what it costs."""
        from docsearch.library.status import status_of

        return status_of(self.store, self.chosen_models)

    # -- models --------------------------------------------------------------------------------

    def models(self) -> tuple[ModelState, ...]:
        """Every model docsearch knows: whether it is here, fits and is in use. Loads none of them."""
        from docsearch.library.distilling import distilled_models, with_encoders
        from docsearch.library.model_list import Machine, model_states

        _, pages, _ = self.store.documents.totals()
        made, machine = self.store.vectors_made(), Machine.look(self.settings.models.device)
        states = model_states(self.settings, self.chosen_models.registry, made, pages, machine)
        return with_encoders(states, distilled_models(self), self.chosen_models.reads_queries(self.store))

    def use_model(self, name: str) -> None:
        """Takes a model into use for its role, here and in the settings file; see `ModelState.name`.

        The next run of `index` makes the vectors of a new embedder. Until they cover as many pages as
        those of the one before, searches go by that one's, which are kept; switching back is free.

        Raises:
            ModelUnavailable: there is no such model, or it is not on this machine.
            UsageError: docsearch has no use for models of that role.
            SettingsError, StorageFull: the settings file cannot be read or written.
        """
        from docsearch.library.model_list import switched

        self.settings = switched(self.settings, self.folders, self.chosen_models.registry, name)
        self.release_models()
        if "answers" in self.__dict__:
            self.__dict__.pop("answers").close()

    # -- pages ---------------------------------------------------------------------------------

    def page_image(self, path: Path, page: int, pixels: int, boxes: Sequence[Box] = ()) -> bytes:
        """A page as a PNG file, its longest side `pixels` long, with boxes marked.

        Raises:
            UnreadableDocument: the file is gone or cannot be read.
        """
        from docsearch.ingest.document import render_png

        with self.open_document(path) as document:
            return render_png(document, page, pixels, boxes)

    def draw(self, page: PageId, pixels: int) -> Image | None:
        """An indexed page for a model to look at; None when its file cannot be read now."""
        return self.chosen_models.page_image(self.store, page, pixels)

    def look(self, path: Path, page: int, frame: Frame, query: Query, wanted: Wanted) -> PageView:
        """The part of a page that a frame shows, the query's words marked; drawn in another process.

        While `wanted` says no, a page that takes long is given up. Raises UnreadableDocument.
        """
        from docsearch.library.looking import boxes_on

        return self.views.picture(path, page, frame, boxes_on(self, path, page, query, wanted), wanted)

    def warm_views(self) -> None:
        """Starts what draws pages before there is one to draw."""
        self.views.warm()

    def outline(self, path: Path) -> tuple[tuple[int, str, int], ...]:
        """The bookmarks of a file in order: (level from 1, heading, page). Raises UnreadableDocument."""
        return self.views.outline(path)

    def matching_pages(self, document: int, query: Query) -> tuple[int, ...]:
        """The pages of a document that hold words of the query, in order."""
        from docsearch.library.looking import matching_pages

        return matching_pages(self.engine, document, query)

    def more_like(self, hit: Hit) -> Query:
        """A query for pages about the same as this one: its telling words."""
        from docsearch.library.looking import telling_query

        return telling_query(self.store, hit)

    def completions(self) -> Mapping[str, tuple[str, ...]]:
        """What can follow each filter of the query language in this index, the commonest first."""
        from docsearch.library.completions import completions

        return completions(self.store)

    def find_page(self, path: Path, page: int) -> PageId | None:
        """The indexed page of a file, or None when the file is not indexed."""
        document = self.store.files.document_of(path)
        return None if document is None else PageId(document, page)

    def page_text(self, page: PageId) -> str:
        """The stored text of an indexed page."""
        return self.store.pages.texts([page]).get(page, ("", None))[0]

    def read_text(self, path: Path, page: int) -> str:
        """The text layer of a page, from the file itself."""
        with self.open_document(path) as document:
            return document.page_text(page)

    def match_boxes(self, path: Path, page: int, query: Query) -> tuple[Box, ...]:
        """Where the query's words stand on a page, on recognised scans too."""
        from docsearch.search.highlight import matching_boxes

        known = self.find_page(path, page)
        words = self.store.recognised.words_of(known.doc, page) if known else None
        if words is None:
            with self.open_document(path) as document:
                words = document.page_words(page)
        return matching_boxes(words, self.engine.matcher(self.engine.terms(query)))

    def open_document(self, path: Path) -> Document:
        """The file itself, for looking at; close it, or use it in a `with` statement."""
        from docsearch.ingest.document import open_document

        return open_document(path, self.settings.index.passwords)

    def view(self, path: Path, page: int, words: str = "") -> str:
        """Opens the desktop's viewer at a page, looking for the words; returns the viewer's name."""
        from docsearch.viewer import open_at

        return open_at(path, page, words.split(), viewer=self.settings.view.viewer)

    def reveal(self, path: Path) -> str:
        """Shows a file in the desktop's file manager; returns the program's name."""
        from docsearch.viewer import reveal

        return reveal(path)

    @property
    def indexer(self) -> Indexer:
        """Does the work of indexing."""
        from docsearch.ingest.pipeline import Indexer

        return Indexer(self.store, self.settings, self.embedder, self.chosen_models.late)

    def _mark_search(self) -> None:
        from docsearch.watch.manners import mark_search

        mark_search(self.folders.cache)

    # -- opened when needed --------------------------------------------------------------------

    @property
    def store(self) -> Index:
        """The index on disk: always the one in use, though another process may have made it anew."""
        self._store.follow()
        return self._store

    @cached_property
    def _store(self) -> Index:
        from docsearch.store.index import Index

        return Index(self.folders.index)

    @property
    def embedder(self) -> Callable[[], Embedder] | None:
        """Loads the embedder of the settings when it is called; None when there is to be none."""
        return self.chosen_models.embedder

    @cached_property
    def engine(self) -> Engine:
        """The search engine with the models of the settings."""
        from docsearch.search.engine import Engine

        return Engine(
            self.store,
            self.settings.search,
            embedder=self._query_embedder if self.embedder else None,
            reranker=self.chosen_models.reranker(self.store, self.learning.reranker_in_use),
            picture=partial(self.chosen_models.picture, self.store),
            learned=self.learning.live,
        )

    def _query_embedder(self) -> Embedder:
        return self.learning.embedder_in_use(self.base_embedder())

    def base_embedder(self) -> Embedder:
        """The embedder that searches go by, without what was learned. Raises ModelUnavailable."""
        return self.chosen_models.serving(self.store)

    def model_row(self, name: str) -> ModelRow | None:
        """The row of a model in models.toml; None for what is built in or off."""
        return self.chosen_models.row(name)

    @cached_property
    def views(self) -> PageViews:
        """Looks at pages, in a process of its own."""
        from docsearch.library.views import PageViews

        limits = self.settings.index
        return PageViews(limits.passwords, limits.page_seconds, limits.memory_mb)

    def close(self) -> None:
        """Closes what was opened."""
        if "answers" in self.__dict__:
            self.answers.close()
        if "views" in self.__dict__:
            self.views.close()
        if "_store" in self.__dict__:
            self._store.close()

    def release_models(self) -> bool:
        """Gives back the memory of the models for searching; they are loaded again when one is needed."""
        for name in ("engine", "learning", "chosen_models"):
            self.__dict__.pop(name, None)
        return self.loaded.give_back()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def loaded(self) -> LoadedModels:
        """Models for searching, while they are loaded."""
        from docsearch.models.loaded import loaded_models

        return self._loaded or loaded_models(self.settings.models)

    @cached_property
    def chosen_models(self) -> ChosenModels:
        """The models of the settings, each loaded when it is needed."""
        from docsearch.library.models import ChosenModels

        return ChosenModels(self.settings, self.folders, self.loaded)
