"""`docsearch status`, `roots` and `remove`: what is indexed, what failed, what to forget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from docsearch.cli.output import Json, json_text, print_json, shown_path, talk, visible
from docsearch.cli.watch import details, state_as_dict, status_line
from docsearch.config import is_there, typed_path
from docsearch.errors import UsageError
from docsearch.records import Failure, Root, Status


def register(app: typer.Typer) -> None:
    """Adds the commands of this family."""
    app.command("status")(status)
    app.command("roots")(roots)
    app.command("remove")(remove)
    app.command("samples")(samples)


def status(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="List what could not be read, and why.")] = False,
    json: Json = False,
) -> None:
    """What is indexed, what waits, what failed, and what it costs."""
    from docsearch.library import Library
    from docsearch.store.aside import bytes_aside

    with Library(context.obj) as library:
        found = library.status()
        where = library.folders.index
        watcher = library.watcher()
    aside = bytes_aside(where)
    if json:
        print_json({**_as_dict(found, where), "bytes_aside": aside, "watcher": state_as_dict(watcher)})
    elif failed:
        for failure in found.failures:
            page = f" page {failure.page}" if failure.page else ""
            print(f"{shown_path(failure.path)}{page}: {visible(failure.reason)}")
    else:
        _print_status(found, where)
        if aside:
            print(f"set aside  {aside / 1e6:.1f} MB of what was broken  (docsearch repair --drop-aside)")
        print(f"watcher    {status_line(watcher)}")
        for line in details(watcher):
            print(line)


def roots(context: typer.Context, json: Json = False) -> None:
    """The folders that are searched."""
    from docsearch.library import Library

    with Library(context.obj) as library:
        found = library.roots()
    if json:
        print_json([_root_as_dict(root) for root in found])
        return
    for root in found:
        print(_root_line(root))


def remove(
    context: typer.Context, paths: Annotated[list[Path], typer.Argument(help="Roots to forget.")]
) -> None:
    """Forget folders. The documents themselves are never touched."""
    from docsearch.library import Library

    with Library(context.obj) as library:
        for path in paths:
            absolute = typed_path(path)
            resolved = absolute.resolve() if is_there(absolute) else absolute
            files = library.remove(resolved)
            talk(f"{shown_path(resolved)}: {files} files no longer indexed")


def samples(folder: Annotated[Path, typer.Argument(help="Where to write them.")]) -> None:
    """Write a few sample documents to try things with."""
    from docsearch.ingest.samples import make_samples

    try:
        talk(f"sample documents in {shown_path(make_samples(typed_path(folder)))}")
    except OSError as error:
        raise UsageError(f"cannot write to {shown_path(folder)}: {error.strerror}") from error


def _print_status(found: Status, where: Path) -> None:
    share = (
        f" ({100 * found.index_bytes / found.document_bytes:.0f} % of the documents)"
        if found.document_bytes
        else ""
    )
    print(f"documents  {found.documents}, {found.pages} pages")
    ocr, vectors = found.pages_waiting_for_ocr, found.pages_waiting_for_vectors
    tokens = f", {found.pages_waiting_for_tokens} for token vectors" if found.pages_waiting_for_tokens else ""
    print(f"waiting    {ocr} pages for OCR, {vectors} for vectors{tokens}")
    failed = sum(not failure.is_note for failure in found.failures)
    notes = f", {noted} with a note" if (noted := len(found.failures) - failed) else ""
    print(f"failed     {failed}{notes}" + ("  (docsearch status --failed)" if found.failures else ""))
    print(f"on disk    {found.index_bytes / 1e6:.1f} MB{share} in {shown_path(where)}")
    if found.outdated:
        print("outdated   made by another version, so words may be missed  (docsearch rebuild)")
    print(f"models     {found.embedder} (embedder), {found.reranker} (reranker), on {found.device}")
    if found.distilled:
        print(f"queries    read by the encoder distilled from {visible(found.distilled)}: there is no GPU")
    for root in found.roots:
        print(f"root       {_root_line(root)}")


def _root_line(root: Root) -> str:
    failed = f", {root.failures} failed" if root.failures else ""
    offline = "  (not there now; its documents are kept)" if not root.online else ""
    return f"{shown_path(root.path)}  {root.files} files, {root.pages} pages{failed}{offline}"


def _root_as_dict(root: Root) -> dict[str, object]:
    return {
        "path": json_text(str(root.path)),
        "online": root.online,
        "files": root.files,
        "pages": root.pages,
        "failures": root.failures,
    }


def _as_dict(found: Status, where: Path) -> dict[str, object]:
    return {
        "documents": found.documents,
        "pages": found.pages,
        "pages_waiting_for_ocr": found.pages_waiting_for_ocr,
        "pages_waiting_for_vectors": found.pages_waiting_for_vectors,
        "pages_waiting_for_tokens": found.pages_waiting_for_tokens,
        "failures": [_failure_as_dict(failure) for failure in found.failures],
        "index_bytes": found.index_bytes,
        "document_bytes": found.document_bytes,
        "index_folder": json_text(str(where)),
        "embedder": found.embedder,
        "reranker": found.reranker,
        "device": found.device,
        "outdated": found.outdated,
        "roots": [_root_as_dict(root) for root in found.roots],
    }


def _failure_as_dict(failure: Failure) -> dict[str, object]:
    return {"path": json_text(str(failure.path)), "page": failure.page, "reason": json_text(failure.reason)}
