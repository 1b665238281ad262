"""Chooses how page images are shown: the terminal's own graphics where it has them, else block characters."""

from __future__ import annotations

import sys

from textual.widget import Widget

from docsearch.tui.widgets.block_image import BlockImage


def best_picture() -> type[Widget]:
    """The widget for page images. Asks the terminal, so call it before the app takes over the terminal."""
    if not (sys.__stdout__ and sys.__stdout__.isatty()):
        return BlockImage
    from textual_image.renderable import Image, SixelImage, TGPImage
    from textual_image.widget import Image as TerminalImage

    picture: type[Widget] = TerminalImage
    return picture if Image in (SixelImage, TGPImage) else BlockImage
