"""A page image in any terminal, as large as fits. Knows pictures, not where they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from docsearch.tui.graphics import Picture

if TYPE_CHECKING:
    from PIL import Image

CELL_ASPECT = 2.0
"""How much taller than wide a cell is taken to be."""
SMOOTHING = 2
"""Pixels rendered for one that is drawn, across and down."""


def fitted(width: int, height: int, room: Size) -> Size:
    """The largest size in cells with the picture's proportions that fits into `room`."""
    if not (width and height and room.area):
        return Size(0, 0)
    columns = min(room.width, room.height * CELL_ASPECT * width / height)
    return Size(max(round(columns), 1), max(round(columns * height / width / CELL_ASPECT), 1))


class BlockImage(Widget):
    """Shows a PIL image as large as fits, in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self._image: Image.Image | None = None
        self._drawn: tuple[Size, list[Strip]] = (Size(0, 0), [])

    @staticmethod
    def room_in(cells: Size) -> Size:
        """Pixels worth rendering for so many cells: twice as many as are drawn, so that they are smooth."""
        return Size(cells.width * 2 * SMOOTHING, int(cells.height * 2 * CELL_ASPECT) * SMOOTHING)

    @property
    def image(self) -> Image.Image | None:
        """The picture that is shown."""
        return self._image

    @image.setter
    def image(self, picture: Image.Image | None) -> None:
        self._image = picture
        self._drawn = (Size(0, 0), [])
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row of cells."""
        if self._image is None:
            return Strip.blank(self.size.width, self.rich_style)
        size = fitted(self._image.width, self._image.height, self.size)
        if self._drawn[0] != size:
            from docsearch.tui.widgets.blocks import draw

            self._drawn = (size, draw(self._image, size))
        strips = self._drawn[1]
        if y >= len(strips):
            return Strip.blank(self.size.width, self.rich_style)
        left = (self.size.width - size.width) // 2
        right = self.size.width - size.width - left
        margins = [Strip.blank(cells, self.rich_style) for cells in (left, right)]
        return Strip.join([margins[0], strips[y], margins[1]])


IN_BLOCKS = Picture(BlockImage, BlockImage.room_in)
"""Pages drawn in block characters."""
