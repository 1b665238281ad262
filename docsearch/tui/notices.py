"""What is said when there is nothing to list, or something to know about the list. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from docsearch.tui.text import MUTED, counted, literal

if TYPE_CHECKING:
    from docsearch.records import Filters, Root, SearchResult
    from docsearch.tui.indexing import IndexingState

SYNTAX = (
    ('"exact phrase"', "words that stand together"),
    ("-word", "leave out pages with this word"),
    ("in:invoices", "only below folders of this name or path"),
    ("type:pdf", "only files of this type; type:image for pictures"),
    ("title:budget", "only documents with this in their title"),
    ("after:2024-01", "only files changed since; before:2025 likewise"),
)
"""The query language, as it is told to the user."""
PAST_SHOWN = 6
"""Past queries that are listed."""
PICTURE_HINT = literal("Paste the path of a picture to find the page it shows.", MUTED)


def syntax_table() -> Content:
    """The query language, one line each."""
    width = max(len(example) for example, _ in SYNTAX)
    lines = (
        Content.assemble((example.ljust(width + 3), "$text-accent"), (meaning, MUTED))
        for example, meaning in SYNTAX
    )
    return Content("\n").join(lines)


def idle_notice(roots: Sequence[Root] | None, past: Sequence[str] = ()) -> Content:
    """Shown while nothing has been typed."""
    if roots is None:
        return Content("")
    pages, files = sum(root.pages for root in roots), sum(root.files for root in roots)
    size = f"{counted(pages, 'page')} in {counted(files, 'file')}"
    parts = [Content.styled(size, "bold"), syntax_table(), PICTURE_HINT]
    if past:
        lines = [literal(query, "$text-accent") for query in past[:PAST_SHOWN]]
        heading = Content.assemble(("Lately", "bold"), ("  ↑ takes one up again", MUTED))
        parts.append(Content("\n").join([heading, *lines]))
    return Content("\n\n").join(parts)


def found(result: SearchResult) -> Content:
    """How many hits in what time, and which words were corrected."""
    parts = [literal(f"{counted(len(result.hits), 'page')} in {result.seconds:.2f} s", MUTED)]
    if result.corrections and result.hits:
        parts.append(corrections(result))
    parts += [literal(note, "$text-warning") for note in result.notes if result.hits]
    return Content("  ·  ").join(parts)


def corrections(result: SearchResult) -> Content:
    """'showing results for invoice instead of invocie'."""
    pairs = Content(", ").join(
        Content.assemble(literal(" or ".join(better), "bold"), literal(f" instead of {word}"))
        for word, better in result.corrections.items()
    )
    return Content.assemble("showing results for ", pairs)


def nothing_found(result: SearchResult, roots: Sequence[Root], indexing: IndexingState) -> Content:
    """Why there may be no hit, and what to do about it."""
    lines = [Content.styled("No page found", "bold"), Content("")]
    if result.corrections:
        lines.append(corrections(result))
    lines += [literal(line) for line in _conditions(result)]
    lines += [literal(note, "$text-accent") for note in result.notes]
    lines += [literal(line) for line in _index_state(roots, indexing)]
    if len(lines) == 2:
        lines.append(Content("Try fewer or other words."))
    return Content("\n").join(lines)


def _conditions(result: SearchResult) -> list[str]:
    query = result.query
    lines = []
    if query.filters:
        lines.append(
            f"Searched only {' and '.join(_described(query.filters))}: leave that out to search everything."
        )
    if query.phrases:
        lines.append("Words in quotes must stand together: try without the quotes.")
    if query.excluded:
        lines.append(f"Pages with {', '.join(query.excluded)} are left out.")
    return lines


def _described(filters: Filters) -> list[str]:
    parts = [
        ("in ", filters.folders),
        ("files of type ", filters.types),
        ("titles with ", filters.titles),
    ]
    told = [what + " or ".join(values) for what, values in parts if values]
    told += [f"since {filters.after}"] if filters.after else []
    return told + ([f"before {filters.before}"] if filters.before else [])


def _index_state(roots: Sequence[Root], indexing: IndexingState) -> list[str]:
    lines = []
    if not roots:
        lines.append("No folder is searched yet: press F2, then a, to add one.")
    if indexing.running:
        lines.append("Indexing is under way: not everything is searchable yet.")
    failures = sum(root.failures for root in roots)
    if failures:
        lines.append(f"{counted(failures, 'file')} could not be read: press F2 to see why.")
    offline = [root.path for root in roots if not root.online]
    if offline:
        others = f" and {counted(len(offline) - 1, 'other folder')}" if len(offline) > 1 else ""
        lines.append(f"{offline[0]}{others} cannot be reached now.")
    return lines
