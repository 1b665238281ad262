"""`docsearch watch`: keep the index current, in the foreground or with the session."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from docsearch.cli.output import json_text, moment, print_json, shown_path, talk
from docsearch.config import folders, typed_path
from docsearch.errors import UsageError
from docsearch.program import command

if TYPE_CHECKING:
    from docsearch.watch.process import Message
    from docsearch.watch.service import Service
    from docsearch.watch.state import WatcherState

_LOG_BYTES = 1_000_000


def register(app: typer.Typer) -> None:
    """Adds the commands of this family."""
    app.command("watch")(watch)
    app.command("update-for-watcher", hidden=True)(update_for_watcher)


def watch(
    context: typer.Context,
    install: Annotated[bool, typer.Option("--install", help="Start it now and at every login.")] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Undo --install.")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Tell whether one runs, and what it does.")
    ] = False,
    log: Annotated[
        Path | None, typer.Option(help="Write what it does to this file instead of the terminal.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print events, or the status, as JSON.")] = False,
    attached: Annotated[bool, typer.Option("--attached", hidden=True)] = False,
) -> None:
    """Keep the index current while files change, until Ctrl-C.

    What is saved is searchable a few seconds later. Scans and vectors follow in the background, when the
    machine has time for them: the section [watch] of the settings says when that is.
    """
    if install or uninstall:
        _set_up(context.obj, install=install)
    elif status:
        _tell_status(context.obj, as_json=json)
    else:
        _watch(context.obj, None if log is None else typed_path(log), as_json=json, attached=attached)


def update_for_watcher(
    context: typer.Context,
    background: Annotated[bool, typer.Option("--background", help="OCR and vectors, not text.")] = False,
) -> None:
    """What a watcher runs: takes changes as JSON lines on stdin and tells events on stdout."""
    from docsearch.library import Library
    from docsearch.watch.updater import serve_background, serve_text

    signal.signal(signal.SIGTERM, _end)
    with Library(context.obj) as library:
        if background:
            serve_background(library.indexer, library.folders.cache, sys.stdin, _tell)
        else:
            serve_text(library.indexer, sys.stdin, _tell)


def status_line(state: WatcherState | None) -> str:
    """One line on the watcher for a person."""
    if state is None:
        return "none runs  (docsearch watch)"
    since = moment(state.since) if state.since else "unknown"
    trouble = f"; trouble: {state.trouble}" if state.trouble else ""
    return f"process {state.process} since {since}: {state.doing or 'watching'}{trouble}"


def _watch(home: Path | None, log: Path | None, *, as_json: bool, attached: bool) -> None:
    from docsearch.library import Library
    from docsearch.watch.watcher import Watcher

    with Library(home) as library, _writing_to(log):
        say = print_json if as_json else _say_line
        place = _log_place(log)
        watcher = Watcher(library.store, library.settings, _commands(home), say, place)
        if not library.roots():
            talk("Nothing to watch yet: docsearch index FOLDER adds folders; it goes on when there are some.")
        signal.signal(signal.SIGTERM, lambda *_: watcher.stop())
        signal.signal(signal.SIGINT, lambda *_: watcher.stop())
        if attached:
            _stop_with_stdin(watcher.stop)
        watcher.run()


def _commands(home: Path | None) -> Any:
    from docsearch.watch.watcher import Commands

    text = (*command(home), "update-for-watcher")
    return Commands(text, (*text, "--background"))


def _set_up(home: Path | None, *, install: bool) -> None:
    from docsearch.watch import service

    made = _service(home)
    if install:
        service.install(made)
        talk(f"docsearch watches from now on, and after every login ({shown_path(made.file)}).")
        talk(f"Its messages: {made.log}")
    elif service.uninstall(made):
        talk("docsearch no longer watches by itself.")
    else:
        raise UsageError("no watcher is installed", hint=f"there is no {shown_path(made.file)}")


def _service(home: Path | None) -> Service:
    from docsearch.watch.service import service

    return service((*command(home), "watch"), folders(home).cache)


def _tell_status(home: Path | None, *, as_json: bool) -> None:
    from docsearch.library import Library

    with Library(home) as library:
        state = library.watcher()
    made = _installed(home)
    if as_json:
        print_json({"running": state is not None, "installed": made is not None, **state_as_dict(state)})
        return
    print(f"watcher    {status_line(state)}")
    print(f"installed  {_installed_line(made, running=state is not None)}")
    for line in details(state):
        print(line)


def details(state: WatcherState | None) -> Iterator[str]:
    """Where the watcher's messages are, and which roots it polls."""
    if state is not None and state.log:
        yield f"messages   {state.log}"
    for root, why in state.polled.items() if state else ():
        yield f"polled     {shown_path(Path(root))}: {why}"


def state_as_dict(state: WatcherState | None) -> dict[str, object]:
    """The state as JSON values."""
    if state is None:
        return {}
    return {
        "process": state.process,
        "since": state.since,
        "doing": json_text(state.doing),
        "log": json_text(state.log),
        "polled": {json_text(root): why for root, why in state.polled.items()},
        "trouble": json_text(state.trouble),
    }


def _installed(home: Path | None) -> Service | None:
    """The service of the session, if it was installed."""
    with suppress(UsageError):
        made = _service(home)
        return made if made.file.exists() else None
    return None


def _installed_line(made: Service | None, *, running: bool) -> str:
    from docsearch.watch.service import is_active

    if made is None:
        return "no  (docsearch watch --install)"
    return "yes" if running or is_active(made) else f"yes, but it does not run  ({made.log})"


def _say_line(message: Message) -> None:
    """What a watcher says, as a line with the time; progress only in the state."""
    line = _line(message)
    if line:
        talk(f"{time.strftime('%H:%M:%S')} {line}")


def _line(message: Message) -> str:
    path = shown_path(Path(message.get("root") or message.get("path") or ""))
    match message["event"]:
        case "started":
            return "watching begins"
        case "watching":
            polled = f"; polled: {message['polled']}" if message["polled"] else ""
            return f"watching {path}{polled}"
        case "offline":
            return f"{path} is not there now; its documents are kept"
        case "forgotten":
            return f"{path} is no longer watched"
        case "updated" if message["read"]:
            return f"{message['read']} files read in {message['seconds']:.1f} s"
        case "failure":
            page = f" page {message['page']}" if message["page"] else ""
            return f"not read: {path}{page}: {message['reason']}"
        case "trouble":
            return f"{message['message']} (will be tried again)"
        case "waiting":
            return str(message["message"])
        case "crashed":
            return f"updating ended with code {message['code']}; it starts again"
        case "paused":
            return f"scans and vectors wait: {message['why']}"
        case "complete":
            return "scans and vectors are done"
        case "stopped":
            return "watching ends"
    return ""


def _tell(message: Message) -> None:
    """One line of JSON in ASCII, so that any name of a file survives."""
    import json

    print(json.dumps(message), flush=True)


def _end(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(0)


def _stop_with_stdin(stop: Callable[[], None]) -> None:
    """Stops when the program that started this one is gone."""
    from threading import Thread

    def wait() -> None:
        sys.stdin.buffer.read()
        stop()

    Thread(target=wait, daemon=True).start()


def _log_place(log: Path | None) -> str:
    """Where a person finds what is said."""
    if log is not None:
        return str(log)
    if "JOURNAL_STREAM" in os.environ and not sys.stderr.isatty():
        from docsearch.watch.service import UNIT

        return f"journalctl --user -u {UNIT}"
    return ""


@contextmanager
def _writing_to(log: Path | None) -> Iterator[None]:
    """What this process and its children say goes to the file; one that grew large begins anew."""
    if log is None:
        yield
        return
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = "w" if log.exists() and log.stat().st_size > _LOG_BYTES else "a"
        with log.open(mode, encoding="utf-8") as target:
            log.chmod(0o600)
            os.dup2(target.fileno(), 2)
    except OSError as error:
        raise UsageError(f"cannot write {shown_path(log)}: {error.strerror}") from error
    yield
