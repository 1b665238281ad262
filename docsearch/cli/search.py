"""`docsearch search`: find pages from the command line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from docsearch.cli.output import Json, hit_as_dict, json_text, print_json, print_result
from docsearch.cli.recent import remember
from docsearch.errors import UsageError


def register(app: typer.Typer) -> None:
    """Adds the commands of this family."""
    app.command("search", cls=SearchCommand, context_settings={"ignore_unknown_options": True})(search)


class SearchCommand(TyperCommand):
    """Leaves -words to the query, those that begin with the letter of an option too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts a blank before such words: ' -note' is an argument where -note would be -n ote."""
        shielded = [f" {word}" if re.fullmatch(r"-[^\W\d_][^\W\d]+", word) else word for word in args]
        return super().parse_args(ctx, shielded)


def search(
    context: typer.Context,
    words: Annotated[list[str] | None, typer.Argument(help="What to look for, with filters.")] = None,
    image: Annotated[
        Path | None, typer.Option(help="Search by picture: a photo, a scan, a screenshot.")
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many hits.")] = 10,
    json: Json = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say what put each hit where it is.")] = False,
) -> None:
    """Find pages.

    Filters: in:folder, type:pdf, after:2024-01, before:2025, title:word; "exact phrase", -without.
    """
    from docsearch.library import Library

    text = joined(words or [])
    if not text.strip() and image is None:
        raise UsageError(
            "nothing to search for", hint='for example: docsearch search "annual report" type:pdf'
        )
    with Library(context.obj) as library:
        query = library.parse(text, image)
        result = library.search(query, count)
        logged = library.clicks.seen_whole(result, "cli")
        remember(library.folders, text, result.hits, logged)
        if json:
            print_json(
                {
                    "query": json_text(text),
                    "seconds": round(result.seconds, 4),
                    "corrections": {word: list(near) for word, near in result.corrections.items()},
                    "hits": [hit_as_dict(hit) for hit in result.hits],
                }
            )
        else:
            print_result(result, explain=explain)


def joined(words: list[str]) -> str:
    """One query line. An argument with blanks that the shell took the quotes off stays as it is when
    it is the only one; among others it was meant as a phrase."""
    words = [word.strip() for word in words]
    if len(words) == 1:
        return words[0]
    return " ".join(
        f'"{word}"' if " " in word and '"' not in word and ":" not in word else word for word in words
    )
