"""Every command as a person or a script calls it: output, exit code, and what is said when it fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from docsearch import __version__
from docsearch.cli.main import app
from tests import documents
from tests.cli.conftest import Run

HOSTILE = b"\x1b]0;owned\x07\x1b[31m red\n line.txt"


def test_from_a_folder_to_a_page(run: Run, folder: Path) -> None:
    indexed = run("index", folder)
    assert indexed.code == 0
    assert indexed.out == ""
    assert "1 documents, 2 pages searchable" in indexed.err
    assert "corrupt.pdf: truncated or damaged" in indexed.err

    found = run("search", "llamas")
    assert found.code == 0
    assert "1. House lease  page 2 of 2" in found.out
    assert "Pets are [llamas] only" in found.out
    assert "\x1b" not in found.out, "colours in a pipe"

    shown = run("show", "1")
    assert shown.out.strip() == "Pets are llamas only"
    assert run("show", f"{folder}/lease.pdf").out.strip() == "The tenant pays rent"
    assert run("show", f"{folder}/lease.pdf#2").out == shown.out

    picture = folder.parent / "page.png"
    assert "1 matches boxed" in run("show", "1", "--image", picture, "--pixels", "300").err
    assert picture.read_bytes().startswith(b"\x89PNG")

    assert "= " in run("search", "llamas", "--explain").out
    assert run("roots").out.split() == [str(folder), "2", "files,", "2", "pages,", "1", "failed"]
    status = run("status")
    assert "1, 2 pages" in status.out
    assert "corrupt.pdf" in run("status", "--failed").out

    removed = run("remove", folder)
    assert (removed.code, "2 files no longer indexed" in removed.err) == (0, True)
    assert run("search", "llamas").err.startswith("Nothing found")
    assert run("roots").out == ""


def test_json_of_every_command_that_reads(run: Run, folder: Path) -> None:
    lines = [json.loads(line) for line in run("index", folder, "--json").out.splitlines()]
    assert {line["event"] for line in lines} == {"progress", "failure", "done"}
    assert lines[-1] == {"event": "done", "documents": 1, "pages": 2, "failures": 1}

    [hit] = run("search", "lamas", "--json", "-n", "5").json["hits"]
    assert (hit["path"], hit["page"], hit["pages"], hit["rank"]) == (str(folder / "lease.pdf"), 2, 2, 1)
    assert [hit["snippet"][start:end] for start, end in hit["matches"]] == ["llamas"]
    assert run("search", "lamas", "--json").json["corrections"] == {"lamas": ["llamas"]}
    assert run("search", "absent", "--json").json["hits"] == []

    [root] = run("roots", "--json").json
    assert (root["path"], root["online"], root["files"], root["failures"]) == (str(folder), True, 2, 1)
    status = run("status", "--json").json
    assert (status["documents"], status["pages"], status["embedder"]) == (1, 2, "off")
    assert [failure["path"] for failure in status["failures"]] == [str(folder / "corrupt.pdf")]


def test_hostile_names_cannot_steer_the_terminal(run: Run, folder: Path) -> None:
    documents.text_file(folder / "plain.txt", "walrus \x1b[2J here")
    (folder / "plain.txt").rename(Path(os.fsdecode(os.fsencode(folder) + b"/" + HOSTILE)))
    (folder / "corrupt.pdf").rename(Path(os.fsdecode(os.fsencode(folder) + b"/\x1b[31m \xff.pdf")))
    outcomes = [
        run("index", folder),
        run("search", "walrus"),
        run("search", "walrus", "--json"),
        run("search", "walrus", "--explain"),
        run("show", "1"),
        run("status", "--failed"),
        run("status", "--json"),
        run("search", "\x1b[31m"),
        run("show", "\x1b[31m.pdf"),
        run("index", "/no\x1b[31m/such"),
    ]
    for outcome in outcomes:
        for line in (outcome.out + outcome.err).split("\n"):
            assert line.isprintable(), line
    [hit] = outcomes[2].json["hits"]
    assert os.fsencode(hit["path"]) == os.fsencode(folder) + b"/" + HOSTILE
    assert "\\x1b" in outcomes[5].out


@pytest.mark.parametrize(
    "words",
    [
        ["/etc/passwd"],
        ["https://example.com/scan.png?x=1"],
        ["~nobody/scan.png"],
        ["in:~nobody", "x"],
        ["-llamas"],
        ["tenant", "-llamas"],
        ["?!"],
        ["x" * 12_000],
        ["before:9999"],
        ["caf\udce9"],
    ],
)
def test_anything_may_be_searched_for(run: Run, folder: Path, words: list[str]) -> None:
    documents.text_file(folder / "only.txt", "words")
    outcome = run("search", *words)
    assert outcome.code == 0
    assert outcome.err.startswith("Nothing found")


def test_words_that_the_shell_kept_together_are_a_phrase(run: Run, folder: Path) -> None:
    run("index", folder)
    assert "page 1 of 2" in run("search", "tenant pays", "rent").out
    assert run("search", "pays tenant", "rent").out == ""
    assert "page 1 of 2" in run("search", '"tenant pays" in:documents -llamas').out


def test_words_to_leave_out_may_begin_like_an_option(run: Run, folder: Path) -> None:
    run("index", folder)
    assert "page 1 of 2" in run("search", "tenant", "-north", "-helium", "-n", "1").out
    assert run("search", "tenant", "-n1", "-h").out.strip().startswith("Usage")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["search"], 2, "nothing to search for"),
        (["search", "after:soon"], 2, "after:soon is not a date"),
        (["search", "x", "-n", "0"], 2, "greater than or equal"),
        (["index"], 2, "nothing to index yet"),
        (["index", "/no/such/folder"], 2, "/no/such/folder is not there"),
        (["index", "/" + "x" * 300], 2, "is not there"),
        (["index", ".", "--only", "images"], 2, "unknown tier"),
        (["remove", "/no/such/folder"], 2, "not indexed as a root"),
        (["show", "1"], 2, "the last search has no hit 1"),
        (["show", "no-such.pdf#3"], 2, "there is no file"),
        (["show", "x" * 300], 2, "there is no file"),
        (["show", "~nobody-of-that-name/a.pdf"], 2, "there is no file"),
        (["index", "~nobody-of-that-name"], 2, "is not there"),
        (["show", "{folder}/corrupt.pdf"], 1, "truncated or damaged"),
        (["show", "{folder}/lease.pdf#3"], 1, "page"),
        (["show", "{folder}/lease.pdf#0"], 1, "page"),
        (["show", "{folder}/lease.pdf", "--image", "/no/such/folder/page.png"], 2, "cannot write"),
        (["search", "x", "--image", "{folder}/lease.pdf"], 6, "needs an embedder"),
        (["eval", "no-such.jsonl"], 2, "no-such.jsonl"),
        (["no-such-command"], 2, "No such command"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(
    run: Run, folder: Path, arguments: list[str], code: int, said: str
) -> None:
    outcome = run(*(argument.format(folder=folder) for argument in arguments))
    assert said in outcome.err
    assert outcome.code == code
    assert outcome.out == ""


def test_wrong_settings_are_named(run: Run, home: Path) -> None:
    (home / "settings.toml").write_text("[index]\nworker = 2\n")
    outcome = run("search", "x")
    assert outcome.code == 2
    assert "unknown key 'worker' in [index]" in outcome.err
    assert "workers" in outcome.err


def test_a_damaged_index_is_named(run: Run, home: Path) -> None:
    (home / "index").mkdir()
    (home / "index" / "catalog.sqlite").write_bytes(b"no database at all " * 100)
    outcome = run("search", "x")
    assert outcome.code == 3
    assert "not a usable catalog" in outcome.err


def test_opening_a_hit_in_a_viewer(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("index", folder)
    run("search", "llamas")
    programs, opened = folder.parent / "bin", folder.parent / "opened"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    nothing = run("open", "1")
    assert (nothing.code, "no program to open" in nothing.err) == (1, True)

    os.mkfifo(opened)
    (programs / "zathura").write_text(f'#!/bin/sh\necho "$@" > "{opened}"\n')
    (programs / "zathura").chmod(0o755)
    assert "zathura" in run("open", "1").err
    assert opened.read_text().split() == ["--page=2", str(folder / "lease.pdf")]
    (folder / "lease.pdf").unlink()
    assert run("open", "1").code == 2


def test_evaluation(run: Run, folder: Path) -> None:
    run("index", folder)
    judged = folder.parent / "judged.jsonl"
    query = {"id": "1", "query": "llamas", "relevant": [{"doc": "lease.pdf", "page": 2}]}
    judged.write_text(json.dumps(query) + "\n")
    report = run("eval", judged, "--root", folder, "--json", "--run", folder.parent / "run.txt")
    assert report.code == 0
    assert '"ndcg' in report.out.lower()
    json.loads(report.out)
    assert "lease.pdf" in (folder.parent / "run.txt").read_text()
    assert run("eval", judged, "--root", folder).out.count("\n") > 1


def test_version_and_help(run: Run) -> None:
    assert run("--version").out.strip() == __version__
    for command in ("index", "search", "show", "open", "status", "roots", "remove", "eval"):
        assert command in run("--help").out
    assert "-h" in run("search", "-h").out


def test_switches_have_no_opposite_that_does_nothing() -> None:
    commands = typer.main.get_group(app).commands.values()
    options = [option for command in commands for option in command.params]
    assert any(option.name == "json" for option in options)
    assert [option.opts for option in options if option.secondary_opts] == []


def test_as_a_module_and_from_another_folder(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "DOCSEARCH_HOME": str(tmp_path / "home"),
    }
    command = [sys.executable, "-m", "docsearch", "roots", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(tmp_path: Path, shell: str) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "_DOCSEARCH_COMPLETE": f"source_{shell}",
    }
    command = [sys.executable, "-c", "from docsearch.cli.main import app; app(prog_name='docsearch')"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "_DOCSEARCH_COMPLETE" in done.stdout
    assert done.stderr == ""
