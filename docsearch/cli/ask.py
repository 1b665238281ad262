"""`docsearch ask`: questions answered from the pages, in quotes or by a local model."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import TYPE_CHECKING, Annotated

import typer

from docsearch.cli.answers import AnswerPrinter, answer_as_dict
from docsearch.cli.output import Json, print_json, talk
from docsearch.cli.recent import remember_pages
from docsearch.cli.search import SearchCommand, joined
from docsearch.records import Answer, AnswerState

if TYPE_CHECKING:
    from docsearch.library import Library

STOPPED = 130
_PIXELS = 1600


def register(app: typer.Typer) -> None:
    """Adds the commands of this family."""
    app.command("ask", cls=SearchCommand, context_settings={"ignore_unknown_options": True})(ask)


def ask(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(help="The question, with filters.")] = None,
    pages: Annotated[int | None, typer.Option(min=1, max=50, help="How many pages to answer from.")] = None,
    folders: Annotated[
        list[str] | None, typer.Option("--in", help="Only documents in this folder; may be repeated.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Who writes: a generator of models.toml, a GGUF file, or 'off' for quotes."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on from the question before.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Forget the questions so far.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Draw the cited pages with the quotes boxed.")] = False,
    json: Json = False,
) -> None:
    """Ask a question and get the answer with the pages it stands on.

    Without a model the best passages are quoted. With one (see [answers] in the settings) it writes, and
    what it says is checked against the pages. Without a question, ask several in a row. Filters are those
    of search. Ctrl-C stops an answer and keeps what was said.
    """
    from docsearch.library import Library

    text = joined(words or [])
    with Library(context.obj) as library:
        if forget:
            library.answers.forget_thread()
            if not text.strip():
                return
        asking = _Asking(library, pages, tuple(folders or ()), model, show=show, json=json)
        if not text.strip() and sys.stdin.isatty() and sys.stdout.isatty() and not json:
            stopped = asking.converse(follow=follow)
        else:
            stopped = asking.ask(text, follow=follow).state is AnswerState.STOPPED
    if stopped:
        raise typer.Exit(STOPPED)


class _Asking:
    """What all questions of one command share."""

    def __init__(
        self,
        library: Library,
        pages: int | None,
        folders: tuple[str, ...],
        model: str | None,
        *,
        show: bool,
        json: bool,
    ) -> None:
        self.library = library
        self.pages = pages
        self.folders = folders
        self.model = model
        self.show = show
        self.json = json

    def converse(self, *, follow: bool) -> bool:
        """One question after the other until the input ends; whether the last answer was stopped."""
        talk("Ask; further questions build on the ones before. Ctrl-C stops an answer, Ctrl-D ends.")
        stopped = False
        while True:
            try:
                question = input("? ")
            except EOFError:
                talk("")
                return stopped
            if question.strip():
                stopped = self.ask(question, follow=follow).state is AnswerState.STOPPED
                follow = True

    def ask(self, text: str, *, follow: bool) -> Answer:
        """Answers one question and prints it as it comes."""
        filters = "".join(f' in:"{folder}"' for folder in self.folders)
        stop = Event()
        answers = self.library.ask(
            self.library.parse(f"{text}{filters}"),
            pages=self.pages,
            follow=follow,
            model=self.model,
            boxes=self.json or self.show,
            stop=stop,
        )
        printer = AnswerPrinter(live=not self.json)
        answer = next(answers)  # nothing was said yet: Ctrl-C ends the command as it does elsewhere
        with _stopped_by_interrupt(stop):
            while not answer.finished:
                printer.show(answer)
                answer = next(answers)
        pictures = self._pictures(answer) if self.show else {}
        remember_pages(
            self.library.folders, text, {c.number: (c.path, c.page.page) for c in answer.citations}
        )
        if self.json:
            print_json(answer_as_dict(answer, pictures, self._paths(answer)))
        else:
            printer.finish(answer, pictures)
        return answer

    def _pictures(self, answer: Answer) -> dict[int, Path]:
        """The cited pages as PNG files with the quotes boxed, in the cache; those of before are removed."""
        from docsearch.library.shown import draw_citations

        return draw_citations(self.library, answer.citations, _PIXELS)

    def _paths(self, answer: Answer) -> list[tuple[Path, int]]:
        """Files and pages of what was left out."""
        files = self.library.store.files.of_documents({page.doc for page in answer.left_out})
        return [(files[page.doc][0].path, page.page) for page in answer.left_out if page.doc in files]


@contextmanager
def _stopped_by_interrupt(stop: Event) -> Iterator[None]:
    """The first Ctrl-C stops the answer, the second ends the program. Exceptions would be lost in native
    code, which is where most of the time goes."""
    if current_thread() is not main_thread():
        yield
        return

    def interrupted(_: int, __: object) -> None:
        signal.signal(signal.SIGINT, before)
        stop.set()

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
