"""Pages as models are shown them while they learn: drawn from their files when they are needed, or as text.

The same choice as when pages are embedded and reranked: a picture where the model takes one, text where it
has any and the model takes it, both where it takes both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image

from docsearch.errors import UnreadableDocument
from docsearch.learn.job import TrainingPage
from docsearch.models.protocols import ModelInput
from docsearch.models.registry import Role

if TYPE_CHECKING:
    from docsearch.ingest.document import Document

_BOTH = "text+image"


class ShownPages:
    """The pages of a job by number. The last file stays open; one that cannot be read is shown as text."""

    def __init__(
        self, pages: Sequence[TrainingPage], modalities: frozenset[str], pixels: int, role: Role
    ) -> None:
        self.pages = pages
        self._modalities = modalities
        self._pixels = pixels
        self._role = role
        self._open: Document | None = None

    def given(self, number: int) -> ModelInput:
        """A page as the model is shown it."""
        page = self.pages[number]
        image = self._picture(page) if self._wants_picture(page) else None
        if image is None or _BOTH in self._modalities:
            return ModelInput(page.text, image)
        return ModelInput(image=image)

    def close(self) -> None:
        """Closes the file that is open."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _wants_picture(self, page: TrainingPage) -> bool:
        if _BOTH in self._modalities:
            return True
        prefers_text = self._role is Role.RERANKER and bool(page.text.strip())
        return "image" in self._modalities and not prefers_text

    def _picture(self, page: TrainingPage) -> Image.Image | None:
        try:
            return Image.fromarray(self._document(page).render(page.page, self._pixels))
        except (UnreadableDocument, MemoryError):
            return None

    def _document(self, page: TrainingPage) -> Document:
        from docsearch.ingest.document import open_document

        if self._open is None or self._open.path != page.path:
            self.close()
            self._open = open_document(page.path)
        return self._open
