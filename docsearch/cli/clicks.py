"""`docsearch clicks`: what is kept of searches and of what was opened; to take along, correct and forget."""

from __future__ import annotations

import json as json_format
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from docsearch.cli.output import Json, json_text, moment, print_json, shown_path, talk, visible
from docsearch.cli.recent import last_search
from docsearch.config import folders, is_there, owner_only, typed_path
from docsearch.errors import UsageError
from docsearch.records import Impression, LoggedSearch

if TYPE_CHECKING:
    from docsearch.learn.clicks import ClickLog

_ID_DIGITS = 8
_DAY_SECONDS = 86_400.0
_RANK = Annotated[int, typer.Argument(min=1, help="A hit's number in the last search.")]
_FORCE = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this family."""
    family = typer.Typer(help="What is kept of your searches; take it along, correct it, forget it.")
    family.callback(invoke_without_command=True)(clicks)
    for command in (right, wrong, export, import_, forget):
        family.command(command.__name__.strip("_"))(command)
    app.add_typer(family, name="clicks")


def clicks(
    context: typer.Context,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many searches to list.")] = 20,
    json: Json = False,
) -> None:
    """List the last searches and what came of them. All of it stays on this machine.

    Nothing more is kept with `log = false` under [learn] in the settings.
    """
    if context.invoked_subcommand is not None:
        return
    from docsearch.learn.clicks import as_values
    from docsearch.library import Library

    with Library(context.obj) as library:
        log = library.clicks
        found = log.index.clicks.latest(count)
        searches, chosen = log.index.clicks.counts()
    if json:
        print_json([_for_json(as_values(search)) for search in found])
        return
    for search in reversed(found):
        _print_search(search)
    off = "" if log.settings.log else "; nothing more is kept ([learn] log = false)"
    talk(f"{searches} searches kept, {chosen} pages chosen in them{off}")


def right(context: typer.Context, hit: _RANK) -> None:
    """Say that a hit of the last search was the right one."""
    _judge(context, hit, 1)


def wrong(context: typer.Context, hit: _RANK) -> None:
    """Say that a hit of the last search was wrong."""
    _judge(context, hit, -1)


def export(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="Where to write the searches, as JSON lines.")] = None,
    qrels: Annotated[
        Path | None, typer.Option(help="Write what was chosen as TREC judgements; needs --topics.")
    ] = None,
    topics: Annotated[Path | None, typer.Option(help="Write the queries they belong to.")] = None,
    force: _FORCE = False,
) -> None:
    """Write the log into files: all of it as JSON lines, or what was chosen as TREC qrels and topics.

    With qrels and topics docsearch eval measures search on your own clicks.
    """
    from docsearch.library import Library

    if not file and not (qrels and topics):
        raise UsageError("name a file", hint="docsearch clicks export clicks.jsonl, or --qrels with --topics")
    with Library(context.obj) as library:
        log = library.clicks
        if file:
            lines = [f"{line}\n" for line in _lines(log)]
            _write(file, lines, force=force)
            talk(f"{len(lines)} searches in {shown_path(file)}")
        if qrels and topics:
            judged, asked = _trec(log)
            _write(qrels, judged, force=force)
            _write(topics, asked, force=force)
            talk(f"{len(judged)} judgements of {len(asked)} queries in {shown_path(qrels)}")


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="JSON lines that docsearch clicks export wrote.")],
) -> None:
    """Add the searches of another machine. Those that are here already are left as they are."""
    from docsearch.evaluate.lines import bad_line, numbered_lines
    from docsearch.learn.clicks import from_values
    from docsearch.library import Library
    from docsearch.store.catalog import Kind

    searches = []
    for number, line in numbered_lines(file):
        try:
            searches.append(from_values(json_format.loads(line)))
        except (ValueError, RecursionError) as error:
            raise bad_line(file, number, str(error)) from error
    with Library(context.obj) as library:
        table = library.clicks.index.clicks
        new = [search for search in searches if table.get(search.id) is None]
        with table.catalog.transaction(Kind.CLICKS):
            for search in new:
                table.put(search)
    talk(f"{len(new)} searches added, {len(searches) - len(new)} were here already")


def forget(
    context: typer.Context,
    searches: Annotated[list[str] | None, typer.Argument(help="How their ids begin, as listed.")] = None,
    days: Annotated[float | None, typer.Option(min=0, help="All that are older than so many days.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
) -> None:
    """Forget searches and what was opened in them: some, those older than some days, or all.

    What was learned from them stays until docsearch learn rollback.
    """
    from docsearch.library import Library

    if not searches and days is None and not all_:
        raise UsageError("say what to forget", hint="an id from docsearch clicks, --days 90, or --all")
    with Library(context.obj) as library:
        log = library.clicks
        named = [log.find(start) for start in searches or ()]
        forgotten = log.index.clicks.forget(named)
        if all_:
            forgotten += log.index.clicks.forget_before(float("inf"))
        elif days is not None:
            forgotten += log.index.clicks.forget_before(time.time() - days * _DAY_SECONDS)
    talk(f"{forgotten} searches forgotten")


def _judge(context: typer.Context, rank: int, verdict: int) -> None:
    from docsearch.library import Library

    identifier = last_search(folders(context.obj))
    with Library(context.obj) as library:
        if not (identifier and library.clicks.mark(identifier, rank, verdict=verdict)):
            raise UsageError(
                f"the last search has no hit {rank}, or is not kept", hint="run docsearch search first"
            )
    talk(f"hit {rank} is {'right' if verdict > 0 else 'wrong'}")


def _lines(log: ClickLog) -> Iterator[str]:
    from docsearch.learn.clicks import as_values

    for search in log.index.clicks.all():
        yield json_format.dumps(_for_json(as_values(search)))


def _for_json(values: dict[str, object]) -> dict[str, object]:
    return {**values, "query": json_text(str(values["query"]))}


def _trec(log: ClickLog) -> tuple[list[str], list[str]]:
    """Lines of qrels and of topics; a query that was asked again counts once, with all that was chosen."""
    from docsearch.evaluate.judged import page_id
    from docsearch.evaluate.run import encode_id
    from docsearch.learn.clicks import grades

    name = _page_names(log)
    numbers: dict[str, int] = {}
    judged: dict[tuple[int, str], int] = {}
    for query, impression, grade in grades(log.index.clicks.all()):
        line = " ".join(query.split())
        document = name(impression)
        if line and document:
            key = (numbers.setdefault(line, len(numbers) + 1), page_id(document, impression.page))
            judged[key] = max(grade, judged.get(key, 0))
    qrels = [f"{query} 0 {encode_id(page)} {grade}\n" for (query, page), grade in sorted(judged.items())]
    return qrels, [f"{number}\t{query}\n" for query, number in numbers.items()]


def _page_names(log: ClickLog) -> Callable[[Impression], str]:
    """Names a page's file as `docsearch eval` does: by its path below its root; empty when it is gone."""
    from docsearch.evaluate.stages import Names

    names = Names(log.index.files)

    def name(impression: Impression) -> str:
        page = log.page_of(impression)
        return names.of({page.doc}).get(page.doc, "") if page else ""

    return name


def _write(path: Path, lines: list[str], *, force: bool) -> None:
    target = typed_path(path)
    if is_there(target) and not force:
        raise UsageError(f"{shown_path(target)} is there already", hint="--force replaces it")
    try:
        with open(target, "w", encoding="utf-8", opener=owner_only) as file:
            file.writelines(lines)
    except OSError as error:
        raise UsageError(f"cannot write {shown_path(target)}: {error.strerror}") from error


def _print_search(search: LoggedSearch) -> None:
    print(f"{search.id[:_ID_DIGITS]}  {moment(search.at)}  {visible(search.query)}")
    for impression in search.impressions:
        done = ", ".join(_deeds(impression))
        if done:
            print(f"    {impression.rank:>3}. {shown_path(impression.path)} page {impression.page}: {done}")


def _deeds(impression: Impression) -> Iterator[str]:
    """What was done with a page, in words."""
    times = Counter(opened=impression.opened, copied=impression.copied)
    for what, count in times.items():
        if count:
            yield what if count == 1 else f"{what} {count} times"
    if impression.preview_seconds >= 1:
        yield f"looked at for {impression.preview_seconds:.0f} s"
    if impression.verdict:
        yield "right" if impression.verdict > 0 else "wrong"
