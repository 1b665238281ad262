"""A page image in any terminal, as large as fits. Knows pictures, not where they come from."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from docsearch.tui.graphics import Picture

if TYPE_CHECKING:
    from PIL import Image

CELL_ASPECT = 2.0
"""How much taller than wide a cell is taken to be."""
SMOOTHING = 2
"""Pixels rendered for one that is drawn, across and down."""
KEPT = 8
"""Pictures that are kept as they are drawn."""


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
        self._drawn: OrderedDict[tuple[int, Size, Size], tuple[Image.Image, list[Strip]]] = OrderedDict()

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
        self.refresh()

    def notify_style_update(self) -> None:
        """Other colours beside the picture."""
        self._drawn.clear()
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows as they are kept: what they come to on the terminal is kept with them.

        There is no border and no padding to draw around them.
        """
        background = self.background_colors[1]
        strips = [self.render_line(y) for y in crop.line_range]
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        if crop.column_span == (0, self.size.width):
            return strips
        return [strip.crop(*crop.column_span) for strip in strips]

    def render_line(self, y: int) -> Strip:
        """One row of cells."""
        strips = self._strips(self._image) if self._image is not None else []
        return strips[y] if y < len(strips) else Strip.blank(self.size.width, self.rich_style)

    def _strips(self, image: Image.Image) -> list[Strip]:
        """The picture as it is drawn; the last few are kept, since the cursor goes to and fro."""
        size = fitted(image.width, image.height, self.size)
        key = (id(image), size, self.size)
        if key not in self._drawn:
            while len(self._drawn) >= KEPT:
                self._drawn.popitem(last=False)
            self._drawn[key] = (image, self._draw(image, size))
        self._drawn.move_to_end(key)
        return self._drawn[key][1]

    def _draw(self, image: Image.Image, size: Size) -> list[Strip]:
        """Its rows in the middle of the width there is."""
        from docsearch.tui.widgets.blocks import draw

        left = (self.size.width - size.width) // 2
        right = self.size.width - size.width - left
        before, after = (Strip.blank(cells, self.rich_style) for cells in (left, right))
        return [Strip.join([before, strip, after]) for strip in draw(image, size)]


IN_BLOCKS = Picture(BlockImage, BlockImage.room_in)
"""Pages drawn in block characters."""
