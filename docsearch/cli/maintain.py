"""`docsearch verify`, `repair`, `rebuild`, `export` and `import`: keeping an index whole, and carrying it."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from docsearch.cli.index import follow, reporter, settings_of
from docsearch.cli.output import Json, json_text, print_json, shown_path, talk, visible
from docsearch.config import folders, is_there, typed_path
from docsearch.errors import UsageError
from docsearch.records import Failure, Progress

if TYPE_CHECKING:
    from docsearch.ingest.repair import Step
    from docsearch.ingest.transfer import Imported, Move
    from docsearch.store.check import Checkup, Finding
    from docsearch.store.mend import Mended

T = TypeVar("T")

_SHOWN = 5
_FOUND = 1
_WAYS = ("docsearch repair", "docsearch rebuild", "docsearch index")
Password = Annotated[list[str] | None, typer.Option(help="Tried on encrypted files. May be repeated.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this family."""
    app.command("verify")(verify)
    app.command("repair")(repair)
    app.command("rebuild")(rebuild)
    app.command("export")(export)
    app.command("import")(import_)


def verify(
    context: typer.Context,
    content: Annotated[
        bool, typer.Option("--content", help="Compare what is in the files too, not only size and time.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="List everything that is found.")] = False,
    json: Json = False,
) -> None:
    """Check the index against itself and against the files. Ends with 1 when anything is found."""
    from docsearch.ingest.verify import verify as verify_index
    from docsearch.library import Library

    with Library(context.obj) as library:
        found = verify_index(library.store, content=content)
    if json:
        print_json(_checkup_as_dict(found))
    else:
        _print_checkup(found, shown=len(found.findings) if every else _SHOWN)
    if found.findings:
        raise typer.Exit(_FOUND)


def repair(
    context: typer.Context,
    content: Annotated[
        bool, typer.Option("--content", help="Find files whose content changed unnoticed; reads all files.")
    ] = False,
    drop_aside: Annotated[
        bool, typer.Option("--drop-aside", help="Only delete what earlier repairs set aside.")
    ] = False,
    password: Password = None,
    json: Json = False,
) -> None:
    """Mend what `verify` finds, the smallest way. What is broken is set aside, never deleted."""
    if drop_aside:
        _drop_aside(context, as_json=json)
        return
    from docsearch.ingest.repair import repair as repair_index
    from docsearch.library import Library

    settings = settings_of(context, password)
    with Library(context.obj, settings) as library:
        steps = repair_index(library.folders.index, settings, library.embedder, content=content)
        left = _run(steps, as_json=json)
    if json:
        print_json({"event": "done", "left": [_finding_as_dict(finding) for finding in left]})
    elif left:
        _print_findings(left, shown=_SHOWN)
    else:
        talk("The index is whole.")
    if left:
        raise typer.Exit(_FOUND)


def _drop_aside(context: typer.Context, *, as_json: bool) -> None:
    from docsearch.store.aside import drop_aside

    dropped = drop_aside(folders(context.obj).index)
    if as_json:
        print_json({"event": "done", "bytes": dropped})
    else:
        talk(f"{dropped / 1e6:.1f} MB of what was broken deleted.")


def rebuild(
    context: typer.Context,
    ocr_again: Annotated[bool, typer.Option("--ocr-again", help="Recognise all scans again, too.")] = False,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Go on without folders that are not there now.")
    ] = False,
    password: Password = None,
    json: Json = False,
) -> None:
    """Make the index anew from the files. Searches use the old one until the new one is complete.

    Stop at any time with Ctrl-C: the old index stays, and the next rebuild goes on where this one was.
    """
    from docsearch.ingest.rebuild import rebuild as rebuild_index
    from docsearch.library import Library

    settings = settings_of(context, password)
    with Library(context.obj, settings) as library:
        if not library.roots():
            raise UsageError("nothing is indexed yet", hint="name a folder: docsearch index ~/Documents")
        events = rebuild_index(
            library.store, settings, library.embedder, ocr_again=ocr_again, drop_missing=drop_missing
        )
        try:
            failures = follow(events, reporter(as_json=json))
        except KeyboardInterrupt:
            talk("Stopped. The old index stays in use; run docsearch rebuild again to go on.")
            raise
        status = library.status()
    if json:
        print_json(
            {"event": "done", "documents": status.documents, "pages": status.pages, "failures": failures}
        )
    else:
        talk(f"The index was made anew: {status.documents} documents, {status.pages} pages searchable.")


def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write the archive, for example index.tar.gz.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    json: Json = False,
) -> None:
    """Write the whole index into one file, to carry it to another machine.

    It holds the text of all documents and your searches, as the index does; not the documents themselves.
    """
    from docsearch.library import Library
    from docsearch.store.archive import export_index

    target = typed_path(file)
    if is_there(target) and not force:
        raise UsageError(f"{shown_path(target)} is there already", hint="--force replaces it")
    with Library(context.obj) as library:
        manifest = export_index(library.store, target)
    size = target.stat().st_size
    if json:
        print_json(
            {
                "file": json_text(str(target)),
                "bytes": size,
                "documents": manifest.documents,
                "pages": manifest.pages,
                "models": [dataclasses.asdict(model) for model in manifest.models],
            }
        )
    else:
        counts = f"{manifest.documents} documents, {manifest.pages} pages"
        talk(f"{counts}: {size / 1e6:.1f} MB in {shown_path(target)}")


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="An archive that docsearch export wrote.")],
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="OLD=NEW", help="Where a folder lies on this machine. May be repeated."
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of this index.")] = False,
    json: Json = False,
) -> None:
    """Take an index from another machine into use.

    Files with the content they had there are recognised, whatever their times, and not read again.
    """
    from docsearch.ingest.transfer import import_index
    from docsearch.library import Library

    moves = [_move(text) for text in map_ or []]
    with Library(context.obj) as library:
        loader = library.embedder
        events = import_index(
            library.store,
            typed_path(file),
            library.settings,
            loader().fingerprint if loader else None,
            moves=moves,
            replace=replace,
        )
        _tell_import(_run(events, as_json=json), as_json=json)


def _run(steps: Generator[Step, None, T], *, as_json: bool) -> T:
    """Shows a run as it goes, and what is mended in it; returns what it came to."""
    results: list[T] = []

    def followed() -> Iterator[Step]:
        results.append((yield from steps))

    def reading() -> Iterator[Progress | Failure]:
        for step in followed():
            if isinstance(step, Progress | Failure):
                yield step
            else:
                _tell_mended(step, as_json=as_json)

    follow(reading(), reporter(as_json=as_json))
    return results[0]


def _tell_mended(done: Mended, *, as_json: bool) -> None:
    if as_json:
        print_json({"event": "mended", "kind": done.kind.name.lower(), "done": json_text(done.done)})
    else:
        talk(f"{done.kind}: {done.done}")


def _move(text: str) -> Move:
    from docsearch.ingest.transfer import Move

    old, mark, new = text.partition("=")
    if not (old and mark and new):
        raise UsageError(f"--map {text}: write it as OLD=NEW", hint="both are folders")
    return Move(Path(old), typed_path(Path(new)))


def _tell_import(found: Imported, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "event": "done",
                "documents": found.documents,
                "pages": found.pages,
                "away": [json_text(str(root)) for root in found.away],
                "vectors_dropped": list(found.dropped),
                "pages_waiting_for_vectors": found.waiting,
            }
        )
        return
    talk(f"{found.documents} documents, {found.pages} pages searchable.")
    for root in found.away:
        talk(f"{shown_path(root)} is not on this machine; its documents are kept")
        talk(f"  where is it? docsearch import --replace --map {shown_path(root)}=/the/folder/here …")
    if found.dropped:
        talk(f"Vectors of another model were dropped; docsearch index makes them for {found.waiting} pages.")
    if found.outdated:
        talk("It was made by another version, so words may be missed: docsearch rebuild")


def _print_checkup(found: Checkup, *, shown: int) -> None:
    vectors = f", {found.vectors} vectors" if found.vectors else ""
    print(f"checked {found.documents} documents, {found.pages} pages{vectors}")
    if found.strays:
        print(f"{found.strays} rows of documents that are gone wait to be swept by the next run")
    for place in found.unfinished:
        print(f"{shown_path(place)}: a rebuild that was stopped  (docsearch rebuild goes on with it,")
        print("        docsearch repair removes it)")
    _print_findings(found.findings, shown=shown)
    talk(_verdict(found.findings))


def _print_findings(findings: Iterable[Finding], *, shown: int) -> None:
    from docsearch.store.check import by_kind

    for kind, group in by_kind(findings).items():
        print(f"{len(group):>6}  {kind}  ({kind.mend})")
        for finding in group[:shown]:
            print(f"        {_finding_line(finding)}")
        if len(group) > shown:
            print(f"        … and {len(group) - shown} more  (--all)")


def _verdict(findings: Iterable[Finding]) -> str:
    """What to do now."""
    ways = {way for finding in findings for way in _WAYS if finding.kind.mend.startswith(way)}
    if not ways:
        return "The index is whole and fits the files."
    return f"To put this right: {', then '.join(way for way in _WAYS if way in ways)}"


def _finding_line(finding: Finding) -> str:
    place = shown_path(finding.path) if finding.path else finding.table
    return ": ".join(filter(None, (place, visible(finding.what))))


def _checkup_as_dict(found: Checkup) -> dict[str, object]:
    return {
        "documents": found.documents,
        "pages": found.pages,
        "vectors": found.vectors,
        "strays": found.strays,
        "unfinished": [json_text(str(place)) for place in found.unfinished],
        "findings": [_finding_as_dict(finding) for finding in found.findings],
    }


def _finding_as_dict(finding: Finding) -> dict[str, object]:
    return {
        "kind": finding.kind.name.lower(),
        "what": json_text(finding.what),
        "document": finding.document,
        "page": finding.page,
        "path": json_text(str(finding.path)) if finding.path else None,
        "table": finding.table,
        "mend": finding.kind.mend,
    }
