"""`docsearch show` and `docsearch open`: look at a page that was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from docsearch.cli.output import shown_path, talk, visible
from docsearch.cli.recent import resolve
from docsearch.errors import UsageError

_REFERENCE = typer.Argument(help="A hit's number in the last search, or a path like report.pdf#12.")


def register(app: typer.Typer) -> None:
    """Adds the commands of this family."""
    app.command("show")(show)
    app.command("open")(open_)


def show(
    context: typer.Context,
    hit: Annotated[str, _REFERENCE],
    image: Annotated[
        Path | None, typer.Option(help="Write the page as a PNG with the matches boxed.")
    ] = None,
    query: Annotated[str | None, typer.Option(help="Box these words instead of the last query's.")] = None,
    pixels: Annotated[int, typer.Option(min=64, max=8000, help="Longest side of the picture.")] = 1600,
) -> None:
    """Print the text of a page, or write its picture with the matched words boxed."""
    from docsearch.library import Library

    with Library(context.obj) as library:
        reference = resolve(library.folders, hit)
        library.clicks.mark(reference.search, reference.rank, opened=1)
        page = library.find_page(reference.path, reference.page)
        if image is None:
            text = library.page_text(page) if page else library.read_text(reference.path, reference.page)
            for line in text.splitlines():
                print(visible(line))
            return
        words = reference.query if query is None else query
        boxes = library.match_boxes(reference.path, reference.page, library.parse(words))
        picture = library.page_image(reference.path, reference.page, pixels, boxes)
        try:
            image.write_bytes(picture)
        except OSError as error:
            raise UsageError(f"cannot write {shown_path(image)}: {error.strerror}") from error
        what = f"page {reference.page} of {shown_path(reference.path)}, {len(boxes)} matches boxed"
        talk(f"{shown_path(image)}: {what}")


def open_(context: typer.Context, hit: Annotated[str, _REFERENCE]) -> None:
    """Open the desktop's viewer at the page."""
    from docsearch.library import Library

    with Library(context.obj) as library:
        reference = resolve(library.folders, hit)
        viewer = library.view(reference.path, reference.page)
        library.clicks.mark(reference.search, reference.rank, opened=1)
    talk(f"{viewer}: {shown_path(reference.path)}, page {reference.page}")
