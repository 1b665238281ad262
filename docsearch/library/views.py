"""Looks at pages of files through a process of its own, which is killed when a page does not end.

Nothing here draws: the screen that asks keeps its own process to itself. Knows no index.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docsearch.errors import UnreadableDocument
from docsearch.library.page_questions import OutlineOf, PictureOf, Question, Setup, Unreadable, WordsOf
from docsearch.program import environment
from docsearch.records import Box, FailureKind, Frame, Word

if TYPE_CHECKING:
    from PIL.Image import Image

Wanted = Callable[[], bool]
START_SECONDS = 60.0
"""How long the process may take to start and load its libraries."""
PATIENCE_SECONDS = 1.0
"""A page that nobody waits for any more is given up after this long."""
LOOK_SECONDS = 0.05
"""How often it is asked whether somebody still waits."""


@dataclass(frozen=True, slots=True)
class PageView:
    """What is seen of a page, and which part of it that is."""

    image: Image
    part: Box
    boxes: tuple[Box, ...] = ()
    """Where the words looked for stand on the whole page."""


class PageViews:
    """Pictures, words and outlines of pages. Use from one thread at a time.

    Args:
        passwords: tried on encrypted files.
        seconds: a page that takes longer is given up.
        memory_mb: so is a file that needs more.
    """

    def __init__(self, passwords: tuple[str, ...] = (), seconds: float = 20.0, memory_mb: int = 2048) -> None:
        self._setup = Setup(passwords, memory_mb, seconds)
        self._seconds = seconds
        self._process: _Process | None = None

    def warm(self) -> None:
        """Starts the process before there is a page to look at."""
        self._running()

    def picture(
        self, path: Path, page: int, frame: Frame, boxes: tuple[Box, ...], wanted: Wanted
    ) -> PageView:
        """The part of a page that a frame shows. Raises UnreadableDocument, as all of these do."""
        from PIL import Image

        pixels, part = self._ask(PictureOf(path, page, frame, boxes), wanted)
        return PageView(Image.fromarray(pixels), part, boxes)

    def words(self, path: Path, page: int, wanted: Wanted) -> tuple[Word, ...]:
        """The words of a page's text layer with their boxes."""
        found: tuple[Word, ...] = self._ask(WordsOf(path, page), wanted)
        return found

    def outline(self, path: Path) -> tuple[tuple[int, str, int], ...]:
        """Bookmarks in order: (level from 1, heading, page)."""
        found: tuple[tuple[int, str, int], ...] = self._ask(OutlineOf(path), lambda: True)
        return found

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _running(self) -> _Process:
        if self._process is None:
            self._process = _Process(self._setup)
        return self._process

    def _ask(self, question: Question, wanted: Wanted) -> Any:
        try:
            answer = self._running().ask(question, self._seconds, wanted)
        except TimeoutError as error:
            self.close()
            raise UnreadableDocument(FailureKind.TIMED_OUT, "the page takes too long to draw") from error
        except (OSError, EOFError) as error:
            self.close()
            raise UnreadableDocument(FailureKind.CRASHED) from error
        if isinstance(answer, Unreadable):
            raise UnreadableDocument(answer.kind, answer.detail)
        return answer


class _Process:
    """The process and the pipe to it."""

    def __init__(self, setup: Setup) -> None:
        self._connection, theirs = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "docsearch.library.page_reader", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            env=environment(),
        )
        theirs.close()
        self._connection.send(setup)
        self._answered = False

    def ask(self, question: Question, seconds: float, wanted: Wanted) -> Any:
        """The answer; raises TimeoutError when it does not come, or is no longer wanted and late."""
        asked = time.monotonic()
        patience = seconds if self._answered else START_SECONDS
        self._connection.send(question)
        while not self._connection.poll(LOOK_SECONDS):
            waited = time.monotonic() - asked
            if waited > patience or (self._answered and waited > PATIENCE_SECONDS and not wanted()):
                raise TimeoutError
        self._answered = True
        return self._connection.recv()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._connection.close()
